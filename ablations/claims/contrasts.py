"""Contrasts of a measure over the variants of a study: one value per seed block, with notes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ablations.claims.claim import Hypothesis, Verdict
from ablations.claims.measures import NO_QUALITY, SIGNED, measured, variants_of
from ablations.results import Results
from ablations.stats.barring import NO_VERDICT, UNFINISHED
from ablations.stats.lost_seeds import LEVEL, rank_sum_p
from ablations.stats.pairs import Array, noise_of
from ablations.study import ENDED, Status
from cnnzoo.doctor.finding import AT_CHANCE, DIVERGED, MODES_DIFFER
from cnnzoo.training.metric_names import Direction, better_direction

NOT_FINITE = "loss-nonfinite"
"""Code of the finding that the loss became NaN or infinite."""

ALL_AT_CHANCE = f"{NO_VERDICT}in every seed block all trials are at chance level or diverged"
LOST = f"{NO_VERDICT}trials failed in seeds that are not like the others"


@dataclass(frozen=True, eq=False)
class Contrast:
    """A contrast by seed block.

    Parameters
    ----------
    by_block, noise
        Contrast of each complete seed block, and its rounding noise.
    variants
        Weight of each variant.
    missing
        Number of seed blocks that ran and in which a value is missing.
    notes
        What a reader of the contrast must know. A note that begins with "no verdict" bars one.
    excluded
        Verdicts that the values cannot show, because they are bounds of the contrast.
    """

    by_block: Array
    noise: Array
    variants: Mapping[str, float]
    missing: int
    notes: tuple[str, ...]
    excluded: tuple[Verdict, ...] = ()

    @property
    def barred(self) -> bool:
        """True if one of the notes rules out a verdict."""
        return any(note.startswith(NO_VERDICT) for note in self.notes)


def contrast_of(hypothesis: Hypothesis, results: Results) -> Contrast:
    """Return the contrast of a hypothesis in the results of its study.

    A seed block counts only if all variants with a weight have a value. A trial that diverged, or
    whose loss became NaN, has a value that says little: a loss without a limit, or none. It counts
    as no worse than the worst of the other trials of the contrast. This is a bound in the
    claim's disfavour if the claim expects the diverged variant to be worse, and in its favour
    otherwise; only the verdict that such a bound can show remains possible. Gaps, and measures
    without a better direction, have no such bound and no verdict if a trial diverged. Nothing of
    this applies to measures of another kind than quality, such as "dead_units" or "params".

    Parameters
    ----------
    hypothesis
        The hypothesis.
    results
        Results of its study.

    Raises
    ------
    StudyError
        If a cell has no variant, or the measure is unknown.
    """
    names = variants_of(results, (cell for cell, _ in hypothesis.weights))
    weights = {
        name: weight
        for name, (_, weight) in zip(names, hypothesis.weights, strict=True)
        if weight != 0
    }
    table = measured(results, hypothesis.measure)[list(weights)]
    trials = results.overall_trials
    trials = trials[trials["variant"].isin(weights)]
    notes, excluded = _not_run(trials), tuple[Verdict, ...]()
    if hypothesis.measure not in NO_QUALITY:
        diverged = _diverged(trials).reindex_like(table).fillna(False).astype(bool)
        table, bound, excluded = bounded(table, diverged, weights, hypothesis.measure)
        complete = trials[trials["seed"].isin(table.index[table.notna().all(axis=1)])]
        notes += [*bound, *_without_learning(complete, diverged)]
    complete_blocks = table.notna().all(axis=1)
    notes += _lost(table, trials)
    values = table[complete_blocks].to_numpy() * np.array(list(weights.values()))
    return Contrast(
        values.sum(axis=1) - hypothesis.constant,
        np.max(noise_of(values), axis=1, initial=0.0),
        weights,
        int((~complete_blocks).sum()),
        tuple(notes),
        excluded,
    )


def _not_run(trials: pd.DataFrame) -> list[str]:
    infeasible = trials.loc[trials["status"] == Status.INFEASIBLE]
    notes = [
        f"{NO_VERDICT}{row.variant} cannot be trained: {row.reason.rstrip('.')}"
        for row in infeasible.drop_duplicates("variant").itertuples()
    ]
    return [*notes, *([UNFINISHED] if (trials["status"] == Status.PENDING).any() else [])]


def _with_code(trials: pd.DataFrame, *codes: str) -> pd.DataFrame:
    """Return which trials have one of some codes: a row per seed, a column per variant."""
    ran = trials[trials["status"].isin(ENDED)]
    marked = [bool({*codes} & {*str(found).split()}) for found in ran["codes"]]
    tidy = ran[["seed", "variant"]].assign(marked=marked)
    table = tidy.pivot(index="seed", columns="variant", values="marked")  # noqa: PD010 no aggregation
    return table.fillna(False).astype(bool)  # trials that have not run have no code


def _diverged(trials: pd.DataFrame) -> pd.DataFrame:
    """Return which trials diverged, or failed because their loss was not finite."""
    failed = trials.assign(codes=trials["codes"].where(trials["status"] == Status.FAILED, ""))
    return _with_code(trials, DIVERGED) | _with_code(failed, NOT_FINITE)


def bounded(
    table: pd.DataFrame, diverged: pd.DataFrame, weights: Mapping[str, float], measure: str
) -> tuple[pd.DataFrame, list[str], tuple[Verdict, ...]]:
    """Limit the values of diverged trials to the worst of the other trials."""
    if not diverged.to_numpy().any():
        return table, [], ()
    where = [str(name) for name in table if diverged[name].any()]
    blocks = int(diverged.any(axis=1).sum())
    note = f"training diverged in {blocks} of {len(table)} seed blocks ({'; '.join(where)})"
    # a training that diverged has no gap, which is not good
    better = None if measure in SIGNED else better_direction(measure)
    others = table.where(~diverged).to_numpy()
    if better is None or not np.isfinite(others).any():
        return table, [f"{NO_VERDICT}{note}"], ()
    lower = better is Direction.MIN
    worst = float(np.nanmax(others) if lower else np.nanmin(others))
    limited = table.clip(upper=worst) if lower else table.clip(lower=worst)
    table = table.where(~diverged, limited.fillna(worst))
    raised = {(weights[name] > 0) == lower for name in where}
    if len(raised) > 1:
        return table, [f"{NO_VERDICT}{note}"], (Verdict.SUPPORTED, Verdict.CONTRADICTED)
    least = raised == {True}
    note += (
        "; these trials count as no worse than the worst other trial, so that the effect is at "
        f"{'least' if least else 'most'} the stated one"
    )
    return table, [note], (Verdict.CONTRADICTED if least else Verdict.SUPPORTED,)


def _without_learning(trials: pd.DataFrame, diverged: pd.DataFrame) -> list[str]:
    """Return the notes on complete seed blocks at chance level, and on artefacts of inference."""
    chance = _with_code(trials, AT_CHANCE)
    blocks, notes = len(chance), []
    idle = int((chance | diverged.loc[chance.index]).all(axis=1).sum())
    if idle and idle == blocks:
        notes.append(ALL_AT_CHANCE)
    elif idle:
        notes.append(f"in {idle} of {blocks} seed blocks all trials are at chance level")
    differ = _with_code(trials, MODES_DIFFER)
    artefacts = int((differ.any(axis=1) & ~differ.all(axis=1)).sum())
    if artefacts:
        names = "; ".join(str(name) for name in differ if differ[name].any())
        notes.append(
            f"in {artefacts} of {blocks} seed blocks the effect may be an artefact of "
            "BatchNormalization: the loss differs between training and inference with its moving "
            f"averages ({names})"
        )
    return notes


def _lost(table: pd.DataFrame, trials: pd.DataFrame) -> list[str]:
    """Return why there is no verdict if the incomplete seed blocks differ from the others.

    See `ablations.stats.lost_seeds`: the values that are left in the seed blocks with a failed
    trial are compared with those of the complete blocks.
    """
    ran = trials[trials["status"].isin(ENDED)].groupby("seed")["variant"].nunique()
    ended = (ran == table.shape[1]).reindex(table.index, fill_value=False)
    complete = table.notna().all(axis=1)
    notes = []
    for name in table:
        lost = table.loc[ended & ~complete, name].dropna().to_numpy()
        kept = table.loc[complete, name].to_numpy()
        p = rank_sum_p(lost, kept)
        if p < LEVEL:
            notes.append(
                f"{LOST}: there {name} has a mean of {lost.mean():.4g}, in the {len(kept)} "
                f"complete seed blocks {kept.mean():.4g} (rank-sum p = {p:.2g})"
            )
    return notes
