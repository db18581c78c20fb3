"""Importance of the parts of a trained model, without training it again."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import pandas as pd

from ablations.running.replacement import (
    CHANNELS,
    NORMALIZATIONS,
    RECALIBRATED,
    TRAINED,
    Examples,
    Replaced,
    Replacement,
)
from ablations.stats.paired_t import paired_t
from cnnzoo.data.dataset import Data
from cnnzoo.data.load import load_data
from cnnzoo.model_paths import is_keras_model
from cnnzoo.parts.intervention import REPLACEMENTS
from cnnzoo.parts.names import LEVELS, PartError
from cnnzoo.signature import refuse_unknown
from cnnzoo.toggle import did_you_mean, listed

COLUMNS = (
    "part",
    "channel",
    "kind",
    "normalization",
    "metric",
    "baseline",
    "ablated",
    "delta",
    "ci_low",
    "ci_high",
    "n",
    "over",
    "note",
)
"""Columns of the table."""


@refuse_unknown
def importance(
    model: Any,
    data: Any,
    *,
    level: str = "blocks",
    how: str = "mean",
    normalization: str = TRAINED,
    split: str = "test",
    examples: int = 1000,
) -> pd.DataFrame:
    """Replace the output of each part of a trained model, and measure what that costs.

    Nothing is trained. The output of a part is replaced by zeros, by its mean over the examples,
    or by that of other examples. Of a residual block it is the branch beside the shortcut, of a
    dense block the maps that it adds, and of a gate the product, the maps that it has scaled.

    Parameters
    ----------
    model
        A trained and compiled functional or sequential ``keras.Model``, or several with the same
        parts, such as one per seed.
    data
        The `Data` that it was trained with, or what `cnnzoo.load_data` takes.
    level
        "blocks", "branches", "layers", or "channels" of all convolutions and dense layers, but
        those that another layer wraps, such as ``TimeDistributed``.
    how
        "zero", "mean" or "resample".
    normalization
        "trained": the moving statistics of batch normalization stay as they are. "recalibrated":
        they are measured again on training images, for the whole model, and after the place of
        each replacement while the output is replaced.
    split
        "test", "validation" or "train".
    examples
        Largest number of examples, drawn at random from the split, the same ones in each call;
        and of training images to recalibrate on. "resample" exchanges outputs among batches of
        them.

    Returns
    -------
    pandas.DataFrame
        One row per part and metric ("loss"; and "accuracy" of a classifier, or "mae") with the
        columns

        - ``part``, ``kind``; and ``channel``, which is missing for whole parts;
        - ``normalization``: "trained" or "recalibrated", which is for the whole model and so for
          ``baseline`` too; "none" if the model has no batch normalization;
        - ``baseline``, ``ablated``, ``delta``: mean of the metric without and with the
          replacement, and the difference;
        - ``ci_low``, ``ci_high``: its 95% interval by the paired t, over ``n`` models; of one
          model, over its ``n`` examples (``over``). It is not corrected for the number of parts;
        - ``note``: why a part cannot be replaced.

    Raises
    ------
    PartError
        If an argument is not allowed, or the models have different parts.

    Notes
    -----
    The order of parts by importance differs from that by retraining without them (`Study` with
    `parts`): a trained network may rely on what it would not need. `Results.agreement` measures how
    far they agree. "zero" also moves later layers
    to inputs that they have never seen, which "resample" avoids, and recalibrating undoes in part.
    In a plain chain without shortcuts, replacing all that a part passes on leaves nothing of the
    image, so that all parts matter alike; "channels" tells them apart.

    Recalibrated statistics are the mean and the variance over all positions and training images,
    from the means and variances of batches that are normalized by their own statistics, as in
    training. Layers before the replaced output are run once per batch for all later parts.

    References
    ----------
    Morcos, Barrett, Rabinowitz and Botvinick (2018), "On the importance of single directions for
    generalization".
    Wu and Johnson (2021), "Rethinking 'batch' in BatchNorm", for recalibrated statistics.
    Meyes, Lu, Waubert de Puiseau and Meisen (2019), "Ablation studies in artificial neural
    networks".

    Examples
    --------
    >>> import cnnzoo
    >>> digits = cnnzoo.load_data("digits", train_size=500)
    >>> model = cnnzoo.downsampling(input_shape=digits.info.input_shape, seed=0)
    >>> _ = cnnzoo.train(model, digits, cnnzoo.Recipe(epochs=3), verbose=0)
    >>> table = importance(model, digits, examples=100)
    >>> table[["part", "metric", "n", "over"]]
         part    metric    n      over
    0  stage1      loss  100  examples
    1  stage1  accuracy  100  examples
    2  stage2      loss  100  examples
    3  stage2  accuracy  100  examples
    """
    models = list(model) if isinstance(model, list | tuple) else [model]
    for name, value, known in (
        ("level", level, (*LEVELS, CHANNELS)),
        ("how", how, tuple(REPLACEMENTS)),
        ("normalization", normalization, NORMALIZATIONS),
        ("split", split, ("test", "validation", "train")),
    ):
        if value not in known:
            end = did_you_mean(str(value), known, quote="'")
            raise PartError(f"`{name}`: expected one of {listed(known)}; got {value!r}{end}")
    if not (isinstance(examples, int) and examples > 1):
        raise PartError(f"`examples`: expected a whole number from 2 up; got {examples!r}.")
    for each in models:
        if not is_keras_model(each) or not each.compiled:
            raise PartError(f"`model`: expected a trained and compiled keras.Model; got {each!r}.")
        if len(each.inputs) != 1 or len(each.outputs) != 1:
            raise PartError(
                f"`model`: expected one input and one output; got {len(each.inputs)} inputs and "
                f"{len(each.outputs)} outputs of `{each.name}`. A study changes its parts."
            )
    loaded = data if isinstance(data, Data) else load_data(data)
    given, training = (
        Examples.drawn(each.x, each.y, examples) for each in (getattr(loaded, split), loaded.train)
    )
    is_new = normalization == RECALIBRATED
    replacement = Replacement(REPLACEMENTS[how], level, given, training if is_new else None)
    tables = [_rows(each, replacement) for each in models]
    names = [[(row.part.name, row.channel) for row in table] for table in tables]
    if any(each != names[0] for each in names):
        raise PartError("`model`: expected models with the same parts; got different ones.")
    rows = [row for rows in zip(*tables, strict=True) for row in _described(rows)]
    if not rows:
        raise PartError(f"`level`: `{models[0].name}` has no {level}.")
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object).infer_objects()


def _rows(model: keras.Model, replacement: Replacement) -> list[Replaced]:
    """Return the parts of a model with their outcomes."""
    try:
        return list(replacement.of(model))
    except PartError as error:
        raise PartError(f"`model`: {error}.") from error


def _described(rows: Sequence[Replaced]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table for one part of all models."""
    first = rows[0]
    part = first.part
    named = {
        "part": part.name,
        "channel": first.channel,
        "kind": part.kind,
        "normalization": first.normalization,
        "note": first.note,
    }
    if first.note:
        yield named
        return
    over = "models" if len(rows) > 1 else "examples"
    for metric in first.before:
        before, after = first.before[metric], first.after[metric]
        if over == "models":
            before = np.array([row.before[metric].mean() for row in rows])
            after = np.array([row.after[metric].mean() for row in rows])
        interval = paired_t(after - before)
        yield {
            **named,
            "metric": metric,
            "baseline": float(before.mean()),
            "ablated": float(after.mean()),
            "delta": float(interval.delta),
            "ci_low": float(interval.low),
            "ci_high": float(interval.high),
            "n": len(before),
            "over": over,
        }
