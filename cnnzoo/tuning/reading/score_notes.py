"""Notes on the scores of searches that were not made by `cnnzoo.tune`."""

import re
from collections.abc import Sequence

from cnnzoo.tuning.records import Project

PENALTY = re.compile(
    "(?<![a-z])(l[12]|wd|reg)(?![a-z0-9])|weights?.?decay|regulari[sz]|penalty", re.IGNORECASE
)
"""Pattern of the names of hyperparameters that set a penalty on weights."""

TOP_K = re.compile("top_?k|top_?[0-9]", re.IGNORECASE)

AUC = re.compile("(?<![a-z])auc(?![a-z])", re.IGNORECASE)


def foreign_notes(project: Project, hyperparameters: Sequence[str]) -> list[str]:
    """Return notes on scores that KerasTuner or Keras computed.

    Parameters
    ----------
    project
        The search; one of `cnnzoo.tune` has no such notes.
    hyperparameters
        Names of the hyperparameters that were searched.
    """
    if project.search or project.objective is None:
        return []
    name, notes = project.objective.name, []
    penalties = [f"`{one}`" for one in hyperparameters if PENALTY.search(one)]
    if name.endswith("loss") and penalties:
        notes.append(
            f"{name} of Keras contains penalties on weights, so if {', '.join(penalties)} sets "
            "one, scores compare the penalties too."
        )
    if TOP_K.search(name):
        notes.append(
            f"{name} counts every tied class as a hit (Keras 3.15.1): a model with constant "
            "outputs scores 1."
        )
    if AUC.search(name):
        notes.append(
            f"{name} is computed at 200 fixed thresholds (Keras 3.15.1): scores that lie close "
            "together, as for rare classes, give 0.5 however well they are ranked."
        )
    if any(trial.round for trial in project.trials):
        notes.append(
            "Later rounds of Hyperband began with the weights of earlier ones, a new optimizer and "
            "the learning-rate schedule from its start (KerasTuner 1.4.8): a configuration that is "
            "trained from the start may score differently."
        )
    return notes
