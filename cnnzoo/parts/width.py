"""Groups of channels that have one width, because maps are added or multiplied."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import layers

from cnnzoo.analysis.graph import Call, Graph, has_keras_call
from cnnzoo.parts.blocks import ACTIVATIONS
from cnnzoo.parts.names import PartError

FILTERED = (
    layers.Conv1D,
    layers.Conv2D,
    layers.Conv3D,
    layers.Conv1DTranspose,
    layers.Conv2DTranspose,
    layers.Conv3DTranspose,
    layers.SeparableConv1D,
    layers.SeparableConv2D,
)
"""Convolutions that set a width."""

MAKERS: dict[type[keras.Layer], str] = {layers.Dense: "units", **dict.fromkeys(FILTERED, "filters")}
"""Layers that set a width, and the option that does."""

NORMS = (
    layers.BatchNormalization,
    layers.GroupNormalization,
    layers.LayerNormalization,
    layers.RMSNormalization,
    layers.UnitNormalization,
)
"""Layers that normalize activations."""

KEEPERS = (
    *ACTIVATIONS,
    *NORMS,
    layers.Softmax,
    layers.MultiHeadAttention,
    layers.Dropout,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
    layers.GaussianDropout,
    layers.GaussianNoise,
)
"""Layers with the width of their first input."""

KEEPING_KINDS = ("Pooling", "ZeroPadding", "Cropping", "UpSampling")
"""Kinds of layers without weights that have the width of their input."""

MERGES = ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract", "Divide", "TrueDivide")
"""Layers and operations that merge maps channel by channel."""

Widths = tuple[tuple[int, int], ...]
"""Groups of a map's channels in order, each with the number of times that it is repeated."""


@dataclass
class Channels:
    """The groups of channels of a graph.

    Parameters
    ----------
    graph
        The graph.
    """

    graph: Graph
    parents: list[int] = field(default_factory=list)
    ties: dict[int, str] = field(default_factory=dict)
    """By group: why its width is fixed."""
    makers: dict[int, dict[keras.Layer, str]] = field(default_factory=dict)
    reshapes: dict[int, set[keras.Layer]] = field(default_factory=dict)
    divisors: dict[int, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the calls of the graph in order."""
        self.maps: dict[int, Widths] = {}
        self.of_layer: dict[Any, int] = {}
        self.inputs: dict[Any, Widths] = {}
        for tensor in self.graph.inputs:
            self.maps[id(tensor)] = self._fixed("the model's input")
        for call in self.graph.calls:
            given = [self.maps[id(tensor)] for tensor in call.tensors]
            widths = self._widths(call, given)
            if widths is None:
                reason = f"`{call.layer.name}` ({type(call.layer).__name__})"
                self._fix(given, reason)
                widths = self._fixed(reason)
            for output in call.outputs:
                self.maps[id(output)] = widths
        self._fix((self.maps[id(tensor)] for tensor in self.graph.outputs), "the model's output")

    def resized(
        self, layers_of_part: Iterable[keras.Layer], factor: float
    ) -> dict[keras.Layer, dict[str, Any]]:
        """Return the options that change the width of a part's layers.

        Parameters
        ----------
        layers_of_part
            Layers of the part.
        factor
            0.5 or 2. Halves are rounded down.

        Raises
        ------
        PartError
            If no layer of the part can have another width; the message is a reason.
        """
        own = set(layers_of_part)
        groups = {self.find(self.of_layer[layer]) for layer in own if layer in self.of_layer}
        if not groups:
            raise PartError("no layer of it sets a width")
        options: dict[keras.Layer, dict[str, Any]] = {}
        reasons = []
        for group in sorted(groups):
            reason = self._refusal(group, own, factor)
            if reason:
                reasons.append(reason)
                continue
            for layer, option in self.makers[group].items():
                options[layer] = {option: int(getattr(layer, option) * factor)}
            for layer in self.reshapes.get(group, ()):
                *sides, last = layer.target_shape
                options[layer] = {"target_shape": (*sides, int(last * factor))}
        if not options:
            raise PartError(reasons[0])
        return options

    def _refusal(self, group: int, own: set[keras.Layer], factor: float) -> str:
        if group in self.ties:
            return f"its width is tied to {self.ties[group]}"
        others = [layer for layer in self.makers[group] if layer not in own]
        if others:
            return f"its width is tied to `{others[0].name}`"
        layer, option = next(iter(self.makers[group].items()))
        width = getattr(layer, option) * factor
        if width < 1:
            return "its layers have one channel"
        for divisor in self.divisors.get(group, ()):
            if int(width) % divisor:
                return f"{int(width)} channels cannot be divided into {divisor} groups"
        return ""

    def find(self, group: int) -> int:
        """Return the group that a group was united with."""
        while self.parents[group] != group:
            self.parents[group] = self.parents[self.parents[group]]
            group = self.parents[group]
        return group

    def _new(self) -> int:
        self.parents.append(len(self.parents))
        return len(self.parents) - 1

    def _fixed(self, reason: str) -> Widths:
        group = self._new()
        self.ties[group] = reason
        return ((group, 1),)

    def _fix(self, maps: Iterable[Widths], reason: str) -> None:
        for widths in maps:
            for group, _ in widths:
                self.ties.setdefault(self.find(group), reason)

    def _unite(self, one: int, other: int) -> None:
        one, other = self.find(one), self.find(other)
        if one == other:
            return
        self.parents[other] = one
        self.makers[one] = {**self.makers.pop(one, {}), **self.makers.pop(other, {})}
        self.reshapes[one] = self.reshapes.pop(one, set()) | self.reshapes.pop(other, set())
        self.divisors[one] = self.divisors.pop(one, set()) | self.divisors.pop(other, set())
        if other in self.ties:
            self.ties.setdefault(one, self.ties.pop(other))

    def _tied(self, maps: Sequence[Widths]) -> Widths | None:
        """Return the widths of maps that are merged; None if they do not match."""
        first = maps[0]
        repeats = [[number for _, number in widths] for widths in maps]
        if any(each != repeats[0] for each in repeats):
            return None
        for widths in maps[1:]:
            for (one, _), (other, _) in zip(first, widths, strict=True):
                self._unite(one, other)
        return first

    def _widths(self, call: Call, given: Sequence[Widths]) -> Widths | None:
        """Return the widths of a call's output; None if they are unknown."""
        layer, kind = call.layer, type(call.layer).__name__
        if isinstance(layer, keras.Layer) and not has_keras_call(layer):
            return None
        if type(layer) in MAKERS:
            return self._made(layer, given)
        if kind in MERGES:
            wide = [w for w, t in zip(given, call.tensors, strict=True) if t.shape[-1:] != (1,)]
            return self._tied(wide or given)
        if kind == "Concatenate":
            return self._concatenated(call, given)
        if isinstance(layer, layers.Flatten):
            size = math.prod(side or 0 for side in call.shape[1:-1])
            return tuple((group, number * size) for group, number in given[0]) if size else None
        if isinstance(layer, layers.Reshape):
            return self._reshaped(call, given[0])
        attends = isinstance(layer, layers.MultiHeadAttention)
        if len(given) > 1 and not attends:
            return None
        if attends and layer.get_config()["output_shape"] is not None:
            return None
        if isinstance(layer, layers.GroupNormalization):
            if len(given[0]) != 1:
                return None
            if layer.groups > 0:
                self.divisors.setdefault(self.find(given[0][0][0]), set()).add(layer.groups)
        single = isinstance(layer, layers.DepthwiseConv1D | layers.DepthwiseConv2D)
        keeps = (
            isinstance(layer, KEEPERS)
            or (single and layer.depth_multiplier == 1)
            or (isinstance(layer, keras.Layer) and any(word in kind for word in KEEPING_KINDS))
            or (not isinstance(layer, keras.Layer) and _is_elementwise(call))
        )
        return given[0] if keeps else None

    def _made(self, layer: Any, given: Sequence[Widths]) -> Widths | None:
        if getattr(layer, "groups", 1) > 1:
            return None
        if layer in self.of_layer:  # its inputs have one width, as its kernel has
            matching = self._tied([self.inputs[layer], given[0]])
            if matching is None:
                self._fix([self.inputs[layer], given[0]], f"two calls of `{layer.name}`")
            return ((self.of_layer[layer], 1),)
        self.inputs[layer] = given[0]
        group = self.of_layer[layer] = self._new()
        self.makers[group] = {layer: MAKERS[type(layer)]}
        return ((group, 1),)

    def _concatenated(self, call: Call, given: Sequence[Widths]) -> Widths | None:
        rank = len(call.output_shape)
        if call.layer.axis % rank == channel_axis(rank):
            return tuple(part for widths in given for part in widths)
        return self._tied(given)

    def _reshaped(self, call: Call, widths: Widths) -> Widths | None:
        before, after = call.shape, call.output_shape
        if before[-1] != after[-1] or channel_axis(len(before)) != len(before) - 1:
            return None
        if len(widths) != 1 or widths[0][1] != 1:
            return None
        if tuple(call.layer.target_shape)[-1:] != (after[-1],):
            return None  # the size follows from the others
        self.reshapes.setdefault(self.find(widths[0][0]), set()).add(call.layer)
        return widths


def channel_axis(rank: int) -> int:
    """Return the axis of the channels by Keras's image data format."""
    first = keras.config.image_data_format() == "channels_first" and rank > 2
    return 1 if first else rank - 1


def _is_elementwise(call: Call) -> bool:
    """Return whether an operation takes one map and otherwise plain numbers, and keeps shape."""
    flat = keras.tree.flatten((list(call.args), dict(call.kwargs)))
    plain = (bool, int, float, str, type(None), keras.KerasTensor)
    return call.shape == call.output_shape and all(isinstance(value, plain) for value in flat)
