"""The list of claims: what tests each, with how many trials, and how long it takes here."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.claims.request import DIRECTORY, asked
from ablations.claims.times import seconds_per_trial
from ablations.designs.planner import Planner
from ablations.report.wording import data_words, level_words
from ablations.study import Study
from cnnzoo.engine.resources import default_workers
from cnnzoo.signature import refuse_unknown

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("id", "name", "document", "claim", "check", "studies", "factors", "data", "trials"),
    "seconds",
)


@refuse_unknown
def list_claims(
    document: str | None = None, *, directory: str | Path | None = None
) -> "pd.DataFrame":
    """List the claims of the documents, without running anything.

    Parameters
    ----------
    document
        Number of a document, such as "003": only its claims.
    directory
        Directory of an earlier run of the claims, from which durations are estimated; ``claims``
        if left out.

    Returns
    -------
    pandas.DataFrame
        One row per claim: ``id``, ``name``, ``document``, ``claim`` (its text), ``check`` (the
        name of its exact check; empty if there is none), ``studies`` (their names), ``factors``
        (with their levels), ``data``, ``trials`` (their planned number) and ``seconds`` (the
        estimated duration of all trials with the usual number of workers on this machine; missing
        if it is unknown).

    Raises
    ------
    StudyError
        If there is no such document.

    Examples
    --------
    >>> table = list_claims("000")
    >>> table.loc[table["id"] == "C02", ["studies", "data"]].values.tolist()
    [['feature-maps', 'mnist5k']]
    """
    import pandas as pd

    per_trial = seconds_per_trial(DIRECTORY if directory is None else Path(directory))
    workers = default_workers()
    rows = []
    for claim in asked(document=document).claims:
        trials = {study.name: count_trials(study) for study in claim.studies}
        seconds = sum(count * per_trial.get(name, math.nan) for name, count in trials.items())
        rows.append(
            (
                *(claim.id, claim.name, ", ".join(claim.documents), claim.text, claim.check),
                ", ".join(trials),
                "; ".join(dict.fromkeys(factor_words(study) for study in claim.studies)),
                ", ".join(dict.fromkeys(data_words(study.data) for study in claim.studies)),
                sum(trials.values()),
                seconds / workers,
            )
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def count_trials(study: Study) -> int:
    """Return the number of planned trials of a study that can be built as far as signatures tell.

    Examples
    --------
    >>> count_trials(Study("downsampling", factors={"pool_size": [1, 2, 3]}, seeds=4))
    12
    """
    planner = Planner.of(study)
    rows = planner.rows(planner.layout.variants, {}, {})
    return sum(not row.infeasible for row, _ in rows)


def factor_words(study: Study) -> str:
    """Return the factors of a study with their levels; the variants if it lists them.

    Examples
    --------
    >>> factor_words(Study("downsampling", factors={"pool_size": [1, 2], "pool": ["max"]}))
    'pool_size 1, 2; pool max'
    """
    if study.factors:
        return "; ".join(
            f"{name} {', '.join(map(level_words, levels))}"
            for name, levels in study.factors.items()
        )
    return " | ".join(
        ", ".join(f"{name}={level_words(level)}" for name, level in variant.items())
        for variant in study.variants
    )
