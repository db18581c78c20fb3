"""The rules of a study's comparisons: metrics, margins and seeds, fixed before the first trial."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import pandas as pd

from ablations import stats
from ablations.stats.anytime import anytime
from ablations.study import BASELINE, Status, Study
from ablations.study.checks import AUTO, PATH
from cnnzoo.toggle import Level
from cnnzoo.training.metric_names import column_of, metric_of
from cnnzoo.training.metric_texts import output_and_metric

LOSS, LOSS_GAP, GAP = "test_loss", "loss_gap", "gap"

LOSS_FREE = ("test_rmse", "test_nll", "test_accuracy")
"""Metrics that replace the test loss where losses differ, the first available one."""

UNKNOWN = "the error rate of {} is unknown."

REPEATED = (
    "testing a verdict repeatedly raises its error rate above 5%, at five looks to 14%; "
    "seeds='auto' tests as often and keeps the 5%."
)
"""For normal deltas: see tests/benchmarks/results/statistics.md."""


def compare(
    study: Study,
    trials: pd.DataFrame,
    metrics: Sequence[str],
    loss_kinds: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the deltas by the study's seeds and margins.

    The table is that of `ablations.stats.sequential` if the seeds are "auto", else that of
    `ablations.stats.deltas`.
    """
    margins = margins_of(study)
    if study.seeds == AUTO:
        looks = stats.looks(study.max_seeds)
        return stats.sequential(trials, metrics, looks, margins=margins, loss_kinds=loss_kinds)
    return stats.deltas(trials, metrics, margins=margins, loss_kinds=loss_kinds)


def running_verdicts(study: Study, trials: pd.DataFrame, metric: str) -> pd.DataFrame | None:
    """Return the anytime-valid verdicts of a study with pending trials; None if it has none.

    Verdicts of a study whose seeds are "auto" hold at each of its looks, so it needs no others.
    """
    if study.seeds == AUTO or not (trials["status"] == Status.PENDING).any():
        return None
    return anytime(trials, metric)


def margins_of(study: Study) -> dict[str, float]:
    """Return the margins by column of the trials."""
    return {column_of(name): float(margin) for name, margin in study.margins.items()}


def loss_kinds(
    baseline: Mapping[str, Level], rows: Iterable[tuple[str, Mapping[str, Level], str | None]]
) -> dict[str, str]:
    """Return a text on the loss of each variant, equal only for losses that may be compared.

    A row holds a trial's variant, the levels that it changes, and the loss of the trained model;
    None or empty while the trial has no result. Until a trial of the variant and one of the
    baseline have results, the text comes from the levels.

    Examples
    --------
    >>> loss_kinds({}, [("baseline", {}, "mse"), ("wide=True", {"wide": True}, None)])
    {'baseline': 'mse', 'wide=True': 'mse'}
    """
    declared, trained = {BASELINE: _declared_loss(baseline)}, dict[str, str]()
    for variant, changes, loss in rows:
        if variant not in declared:
            declared[variant] = _declared_loss({**baseline, **changes})
        if loss:
            trained[variant] = loss
    baseline_loss = trained.get(BASELINE)
    if baseline_loss is None:  # trained losses could not be compared with the baseline's
        return declared
    return {
        variant: trained.get(variant, baseline_loss if kind == declared[BASELINE] else kind)
        for variant, kind in declared.items()
    }


def measured(trials: pd.DataFrame) -> list[str]:
    """Return the columns in which every done trial has a value; none before one is done.

    Examples
    --------
    >>> rows = {"status": ["done", "pending"], "test_nll": [0.5, None], "seconds": [None, None]}
    >>> measured(pd.DataFrame(rows))
    ['status', 'test_nll']
    """
    done = trials[trials["status"] == Status.DONE]
    return [str(name) for name in trials if len(done) and done[name].notna().all()]


def comparable(
    metrics: Sequence[str], kinds: Mapping[str, str], available: Collection[str]
) -> list[str]:
    """Replace test_loss and loss_gap by available metrics that mean the same under every loss.

    Only if the losses differ, see `loss_kinds`. Available are the columns that all variants have,
    see `measured`. With several outputs it is the metric of one of them, of the study if possible.

    Examples
    --------
    >>> comparable(["test_loss"], {"baseline": "focal", "loss=mse": "mse"}, ["test_nll"])
    ['test_nll']
    """
    if len(set(kinds.values())) <= 1:
        return list(dict.fromkeys(metrics))
    instead = {
        LOSS: next(_loss_free([*metrics, *available], available), LOSS),
        LOSS_GAP: GAP if GAP in available else LOSS_GAP,
    }
    return list(dict.fromkeys(instead.get(name, name) for name in metrics))


def _loss_free(candidates: Sequence[str], available: Collection[str]) -> Iterator[str]:
    """Yield available columns that mean the same under every loss, those of one output first."""
    yield from (name for name in LOSS_FREE if name in available)
    for name in candidates:
        output, metric = output_and_metric(metric_of(name))
        if output and name in available and column_of(metric) in LOSS_FREE:
            yield name


def _declared_loss(levels: Mapping[str, Level]) -> str:
    smoothing = levels.get("label_smoothing", 0.0)
    return f"{levels.get('loss', '')}{f', label_smoothing={smoothing}' if smoothing else ''}"


def changed_rules(studies: Sequence[Study]) -> list[str]:
    """Return a sentence for each rule that differs between the successive runs of a study.

    Examples
    --------
    >>> first, later = (Study("mlp", factors={"units": [8, 16]}, seeds=count) for count in (3, 6))
    >>> changed_rules([first, later])[0][:66]
    'The seeds were changed after results existed, from 3 to 6: testing'
    """
    margins = [
        ", ".join(f"{name} {margin:g}" for name, margin in study.margins.items()) or "none"
        for study in studies
    ]
    auto = [study for study in studies if study.seeds == AUTO]
    caps = [str(study.max_seeds) for study in auto]
    seeds = [
        AUTO if study.seeds == AUTO else _written(study.seed_blocks)
        for study in studies
        if study.seeds == AUTO or len(study.seed_blocks) > 1  # one seed has no verdict
    ]
    first_metrics = [
        study.metrics[0] for study in studies if study.seeds == AUTO or study.design == PATH
    ]
    verdicts = UNKNOWN.format("verdicts")
    sentences = []
    for subject, values, consequence in (
        ("margins were", margins, UNKNOWN.format('"equivalent"')),
        ("seeds were", seeds, verdicts if auto else REPEATED),
        ("maximum of the seed blocks was", caps, verdicts),
        ("first metric, which decides what is run next, was", first_metrics, verdicts),
    ):
        history = [
            value
            for place, value in enumerate(values)
            if values[place - 1 : place] != [value]  # other than the one before
        ]
        if len(history) > 1:
            sentences.append(
                f"The {subject} changed after results existed, from {' to '.join(history)}: "
                f"{consequence}"
            )
    return sentences


def _written(seeds: Sequence[int]) -> str:
    """Write the number of seeds, and which they are unless they are the first ones."""
    first = list(seeds) == list(range(len(seeds)))
    return f"{len(seeds)}" if first else f"{len(seeds)} ({', '.join(map(str, seeds))})"
