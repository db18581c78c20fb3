"""Importance of the parts of a trained model, without training it again."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablations.stats.paired_t import paired_t
from cnnzoo.analysis.graph import Graph, graph_of
from cnnzoo.data.dataset import Data
from cnnzoo.data.load import load_data
from cnnzoo.model_paths import is_keras_model
from cnnzoo.models.compiled_loss import loss_of
from cnnzoo.models.image_format import oriented
from cnnzoo.parts.intervention import (
    REPLACEMENTS,
    Cut,
    Replace,
    channels_of,
    given_to,
    outputs_of_part,
)
from cnnzoo.parts.names import LEVELS, PartError
from cnnzoo.parts.part import Part, of_level, parts_of
from cnnzoo.parts.width import channel_axis
from cnnzoo.signature import refuse_unknown
from cnnzoo.toggle import did_you_mean, listed

if TYPE_CHECKING:
    from cnnzoo.models.compiled_loss import CompiledLoss

BATCHES = (8, 250)
"""Smallest and largest number of examples of a batch, among which "resample" exchanges outputs."""

BATCH_BYTES = 2**28
"""Bytes that the maps of a batch may take, unless it has the smallest number of examples."""

CHANNELS = "channels"
"""Level of single channels of layers that make them."""

COLUMNS = (
    "part",
    "channel",
    "kind",
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

Outcomes = Mapping[str, NDArray[np.float64]]
"""Values of each example by metric."""


@refuse_unknown
def importance(
    model: Any,
    data: Any,
    *,
    level: str = "blocks",
    how: str = "mean",
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
    split
        "test", "validation" or "train".
    examples
        Largest number of examples, drawn at random from the split, the same ones in each call.
        "resample" exchanges outputs among batches of them.

    Returns
    -------
    pandas.DataFrame
        One row per part and metric ("loss"; and "accuracy" of a classifier, or "mae") with the
        columns

        - ``part``, ``kind``; and ``channel``, which is missing for whole parts;
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
    Moving statistics of batch normalization stay as they were trained. The order of parts by
    importance differs from that by retraining without them (`Study` with `parts`): a trained
    network may rely on what it would not need. "zero" also moves later layers to inputs that they
    have never seen, which "resample" avoids. In a plain
    chain without shortcuts, replacing all that a part passes on leaves nothing of the image, so
    that all parts matter alike; "channels" tells them apart.

    References
    ----------
    Morcos, Barrett, Rabinowitz and Botvinick (2018), "On the importance of single directions for
    generalization".
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
    x, labels = getattr(loaded, split)
    order = np.random.default_rng(0).permutation(len(x))[:examples]
    given = Examples(x, np.asarray(labels)[order], order)
    tables = [list(_rows(each, given, level, REPLACEMENTS[how])) for each in models]
    names = [[(row.part.name, row.channel) for row in table] for table in tables]
    if any(each != names[0] for each in names):
        raise PartError("`model`: expected models with the same parts; got different ones.")
    rows = [row for rows in zip(*tables, strict=True) for row in _described(rows)]
    if not rows:
        raise PartError(f"`level`: `{models[0].name}` has no {level}.")
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object).infer_objects()


class Row(NamedTuple):
    """A part, or a channel of it, with its outcomes before and after the replacement."""

    part: Part
    channel: int | None
    before: Outcomes
    after: Outcomes
    note: str = ""


class Examples(NamedTuple):
    """Examples in random order.

    Parameters
    ----------
    x
        All examples of the split.
    labels
        Labels of the chosen ones.
    order
        Places of the chosen ones in `x`.
    """

    x: Any
    labels: NDArray[Any]
    order: NDArray[np.int64]

    def batches(self, size: int) -> list[NDArray[np.int64]]:
        """Return the places by batch; a last one alone is in the batch before."""
        starts = np.arange(size, len(self.order) - 1, size)
        return np.split(self.order, starts)


def _rows(model: keras.Model, examples: Examples, level: str, replace: Replace) -> Iterator[Row]:
    """Yield the parts of a model with their outcomes."""
    measure = _Measure(model, examples.labels)
    graph = graph_of(model)
    batches = examples.batches(batch_size(graph))
    by_channel = level == CHANNELS
    baseline: Outcomes | None = None
    for part in of_level(parts_of(model), "layers" if by_channel else level):
        try:
            channels: Sequence[int | None] = range(channels_of(part)) if by_channel else (None,)
            if not channels:
                continue
            tensors = outputs_of_part(part)
        except PartError as error:
            yield Row(part, None, {}, {}, str(error))
            continue
        cut = _Cut(Cut.at(graph, tensors), model, examples.x, batches, measure)
        if baseline is None:
            baseline = cut.outcomes(lambda maps, _: maps)
        for channel in channels:
            yield Row(part, channel, baseline, cut.outcomes(_at(channel, replace)))


def batch_size(graph: Graph) -> int:
    """Return the number of examples of a batch, whose maps fit into memory together.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Conv2D(64, 1)])
    >>> batch_size(graph_of(model))
    250
    >>> model.add(keras.layers.Conv2D(2048, 1))
    >>> batch_size(graph_of(model))
    8
    """
    shapes = (output.shape[1:] for call in graph.calls for output in call.outputs)
    numbers = sum(math.prod(side or 1 for side in shape) for shape in shapes)
    low, high = BATCHES
    return max(low, min(high, BATCH_BYTES // (4 * numbers)))


def _at(channel: int | None, replace: Replace) -> Replace:
    """Return the replacement of one channel, or of all if there is none."""
    if channel is None:
        return replace

    def replace_channel(maps: NDArray[Any], mean: NDArray[Any]) -> NDArray[Any]:
        place = [slice(None)] * maps.ndim
        axis = channel_axis(maps.ndim)
        place[axis] = slice(channel, channel + 1)
        found = maps.copy()
        found[tuple(place)] = replace(maps[tuple(place)], mean[tuple(place)])
        return found

    return replace_channel


class _Measure:
    """Outcomes of a model's outputs, as the model's loss and its labels define them."""

    def __init__(self, model: keras.Model, labels: NDArray[Any]) -> None:
        self.loss: CompiledLoss = loss_of(model)
        self.targets = self.loss.encode(labels)
        self.labels = np.asarray(labels)
        if not self.loss.is_plain_mean:
            raise PartError(
                "`model`: expected a model whose loss is the mean over single examples; got "
                f"`{model.name}`."
            )

    def __call__(self, outputs: NDArray[Any]) -> Outcomes:
        each = {"loss": self.loss.measure_each(self.targets, outputs)}
        if self.loss.classes == 1:
            errors = np.abs(outputs.astype(float) - self.targets).reshape(len(outputs), -1)
            return {**each, "mae": errors.mean(1)}
        found = self.loss.choice.probabilities(outputs, logits=self.loss.logits)
        return {**each, "accuracy": (found.argmax(1) == self.labels).astype(float)}


class _Cut:
    """The tensors of a part for all examples, and the outcomes if they are replaced."""

    def __init__(
        self,
        cut: Cut,
        model: keras.Model,
        x: Any,
        batches: Sequence[NDArray[np.int64]],
        measure: _Measure,
    ) -> None:
        self._cut, self._model, self._measure = cut, model, measure
        self._x, self._places = x, batches
        count = sum(map(len, batches))
        sums: list[NDArray[Any]] = [np.zeros(())] * cut.count
        self._kept: list[list[NDArray[Any]]] | None = None
        kept: list[list[NDArray[Any]]] = []
        for values in self._batches():
            if sum(maps.nbytes for each in (*kept, values) for maps in each) <= BATCH_BYTES:
                kept.append(values)
            totals = (maps.astype("float64").sum(0, keepdims=True) for maps in values)
            sums = [one + total for one, total in zip(sums, totals, strict=False)]
        self._means = [one / count for one in sums]
        self._kept = kept if sum(len(each[0]) for each in kept) == count else None

    def outcomes(self, replace: Replace) -> Outcomes:
        """Return the outcomes of the examples with replaced tensors."""
        outputs = []
        for values in self._batches():
            count = self._cut.count
            replaced = [
                replace(maps, mean) for maps, mean in zip(values[:count], self._means, strict=True)
            ]
            (output,) = self._cut.after([*replaced, *values[count:]])
            outputs.append(keras.ops.convert_to_numpy(output))
        return self._measure(np.concatenate(outputs).astype("float32"))

    def _batches(self) -> Iterator[list[NDArray[Any]]]:
        """Yield the tensors at the cut, batch by batch. They are kept if they are small."""
        if self._kept is not None:
            yield from self._kept
            return
        for places in self._places:
            batch = oriented(np.asarray(self._x[places]))
            values = self._cut.before(given_to(self._model, batch))
            yield [keras.ops.convert_to_numpy(value) for value in values]


def _described(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table for one part of all models."""
    first = rows[0]
    part = first.part
    named = {"part": part.name, "channel": first.channel, "kind": part.kind, "note": first.note}
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
