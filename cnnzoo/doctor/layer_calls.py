"""The calls of a model's layers, nested models unfolded, with the roles that layers have."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import layers

from cnnzoo.analysis.graph import Call, Graph, GraphError, graph_of

WEIGHTED = (
    layers.Dense,
    layers.EinsumDense,
    layers.Conv1D,
    layers.Conv2D,
    layers.Conv3D,
    layers.Conv1DTranspose,
    layers.Conv2DTranspose,
    layers.Conv3DTranspose,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
    layers.SeparableConv1D,
    layers.SeparableConv2D,
)
"""Layers that compute an affine map of their input."""

DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
"""Convolutions whose units have different inputs."""

NORMALIZATION = (
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.GroupNormalization,
    layers.UnitNormalization,
    layers.RMSNormalization,
)
"""Layers that set the scale of what passes them, by its own statistics."""

DROPOUT = (
    layers.Dropout,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
    layers.AlphaDropout,
    layers.GaussianDropout,
)
"""Layers that drop units in training."""

RESHAPING = (layers.Flatten, layers.Reshape, layers.Permute, layers.RepeatVector)
"""Layers that keep all values and change their places."""

POOLING = (
    layers.MaxPooling1D,
    layers.MaxPooling2D,
    layers.MaxPooling3D,
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
    layers.GlobalMaxPooling3D,
    layers.AveragePooling1D,
    layers.AveragePooling2D,
    layers.AveragePooling3D,
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
)
"""Layers that take the mean or the maximum of places."""

LINEAR = (
    *RESHAPING,
    *DROPOUT,
    layers.GaussianNoise,
    layers.Identity,
    layers.BatchNormalization,
    layers.Rescaling,
    layers.Normalization,
    layers.AveragePooling1D,
    layers.AveragePooling2D,
    layers.AveragePooling3D,
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
    layers.ZeroPadding1D,
    layers.ZeroPadding2D,
    layers.ZeroPadding3D,
    layers.Cropping1D,
    layers.Cropping2D,
    layers.Cropping3D,
    layers.UpSampling1D,
    layers.UpSampling2D,
    layers.UpSampling3D,
    layers.Add,
    layers.Average,
    layers.Subtract,
    layers.Concatenate,
    layers.InputLayer,
)
"""Layers without weights of their own that are linear in inference mode."""

ACTIVATION_LAYERS = {
    layers.ReLU: "relu",
    layers.LeakyReLU: "leaky_relu",
    layers.PReLU: "prelu",
    layers.ELU: "elu",
    layers.Softmax: "softmax",
}
"""Names of the functions of layers that are activations."""

OPERATIONS = ("relu", "sigmoid", "softmax", "tanh", "exp", "gelu", "silu", "elu", "selu")
"""Operations of ``keras.ops`` that are activations."""


@dataclass(frozen=True, eq=False)
class Scope:
    """A functional model, and where its inputs come from.

    Parameters
    ----------
    graph
        The calls of the model.
    given
        Tensors of the model around it that it is called with.
    outer
        The scope of that model; None for the outermost one.
    """

    graph: Graph
    given: Sequence[Any] = ()
    outer: "Scope | None" = None

    def values(self, tensors: Sequence[Any], x: Any, training: bool) -> list[Any]:
        """Return the values of symbolic tensors for the inputs of the outermost model."""
        if self.outer is not None:
            x = self.outer.values(self.given, x, training)
        inputs, given = [*self.graph.inputs], keras.tree.flatten(x)
        single = len(inputs) == 1
        part = keras.Model(inputs[0] if single else inputs, list(tensors), name="probe")
        with keras.StatelessScope():  # layers may update their statistics
            values: list[Any] = keras.tree.flatten(
                part(given[0] if single else given, training=training)
            )
        return values


@dataclass(frozen=True, eq=False)
class LayerCall(Call):
    """One call of a layer or an operation in a model, which may be nested.

    Parameters
    ----------
    path
        Names of the models around the layer and its own, joined by "/".
    taken, given
        Numbers of its input and output tensors: a nested model has other numbers in each call.
    scope
        The model that it belongs to.
    """

    path: str = ""
    taken: tuple[int, ...] = ()
    given: tuple[int, ...] = ()
    scope: Scope = field(kw_only=True)

    @property
    def activation(self) -> str:
        """Name of its activation function; "linear" if it has none, "" if it is unknown."""
        return activation_of(self.layer)

    @property
    def is_weighted(self) -> bool:
        """Whether it computes an affine map."""
        return isinstance(self.layer, WEIGHTED)

    @property
    def is_linear(self) -> bool:
        """Whether nothing in it is nonlinear."""
        if isinstance(self.layer, WEIGHTED) or type(self.layer) is layers.Activation:
            return self.activation == "linear"
        return isinstance(self.layer, LINEAR)


class LayerCalls:
    """The calls of a model in order of computation, those of nested models included.

    Parameters
    ----------
    model
        A ``keras.Model``. One with a custom ``call`` has no calls.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "relu", name="head")])
    >>> [(call.path, call.activation) for call in LayerCalls(model).calls]
    [('head', 'relu')]
    """

    def __init__(self, model: keras.Model) -> None:
        self._count = 0
        self.outputs: tuple[int, ...] = ()
        self.calls: list[LayerCall] = []
        graph = _graph_of(model)
        if graph is not None:
            self.outputs = self._walk(Scope(graph), self._new(graph.inputs), "")
        self._producers = {number: call for call in self.calls for number in call.given}
        self._consumers: dict[int, list[LayerCall]] = {}
        for call in self.calls:
            for number in call.taken:
                self._consumers.setdefault(number, []).append(call)

    def producer(self, number: int) -> LayerCall | None:
        """Return the call that computes a tensor; None for an input."""
        return self._producers.get(number)

    def before(self, call: LayerCall) -> list[LayerCall]:
        """Return the calls whose outputs a call takes."""
        found = (self.producer(number) for number in call.taken)
        return [each for each in found if each is not None]

    def after(self, call: LayerCall) -> list[LayerCall]:
        """Return the calls that take the outputs of a call."""
        return [user for number in call.given for user in self._consumers.get(number, [])]

    def next_calls(self, call: LayerCall, passing: Callable[[LayerCall], bool]) -> list[LayerCall]:
        """Return the next calls after one, beyond those that are passed over."""
        found: list[LayerCall] = []
        pending, seen = [*self.after(call)], set()
        while pending:
            user = pending.pop(0)
            if id(user) in seen:
                continue
            seen.add(id(user))
            if passing(user):
                pending += self.after(user)
            else:
                found.append(user)
        return found

    def weighted(self) -> list[LayerCall]:
        """Return the calls that compute affine maps."""
        return [call for call in self.calls if call.is_weighted]

    def values(
        self, calls: Sequence[LayerCall], x: Any, *, inputs: bool = False, training: bool = False
    ) -> list[Any]:
        """Return what calls compute for a batch, as tensors; the state of the model is kept.

        Parameters
        ----------
        calls
            Calls of this model.
        x
            Inputs of the model.
        inputs
            Whether to return what enters the calls instead.
        training
            Whether layers act as in training.
        """
        results: list[Any] = [None] * len(calls)
        for scope in {id(call.scope): call.scope for call in calls}.values():
            places = [place for place, call in enumerate(calls) if call.scope is scope]
            tensors = [
                (calls[place].tensors if inputs else calls[place].outputs)[0] for place in places
            ]
            for place, value in zip(places, scope.values(tensors, x, training), strict=True):
                results[place] = value
        return results

    def _new(self, tensors: Sequence[Any]) -> tuple[int, ...]:
        """Return an unused number for each tensor."""
        first, self._count = self._count, self._count + len(tensors)
        return tuple(range(first, self._count))

    def _walk(self, scope: Scope, inputs: Sequence[int], prefix: str) -> tuple[int, ...]:
        graph = scope.graph
        numbers = {id(tensor): number for tensor, number in zip(graph.inputs, inputs, strict=True)}
        for call in graph.calls:
            taken = tuple(numbers[id(t)] for t in call.tensors if id(t) in numbers)
            path = f"{prefix}{call.layer.name}"
            inner = _graph_of(call.layer)
            if inner is not None and len(inner.inputs) == len(taken):
                given = self._walk(Scope(inner, call.tensors, scope), taken, f"{path}/")
            else:
                given = self._new(call.outputs)
                own = (call.layer, call.args, call.outputs, call.kwargs)
                self.calls.append(LayerCall(*own, path, taken, given, scope=scope))
            numbers |= {id(t): n for t, n in zip(call.outputs, given, strict=True)}
        return tuple(numbers[id(tensor)] for tensor in graph.outputs)


def _graph_of(model: Any) -> Graph | None:
    """Return the calls of a functional or sequential model; None for anything else."""
    try:
        return graph_of(model) if isinstance(model, keras.Model) else None
    except GraphError:
        return None


def activation_of(layer: Any) -> str:
    """Return the name of the activation in a layer.

    Returns
    -------
    str
        "linear" if it has none; empty if it is unknown.

    Examples
    --------
    >>> activation_of(layers.Conv2D(3, 3, activation="relu")), activation_of(layers.Softmax())
    ('relu', 'softmax')
    """
    for kind, name in ACTIVATION_LAYERS.items():
        if isinstance(layer, kind):
            return name
    if isinstance(layer, (*WEIGHTED, layers.Activation)):
        function = layer.activation
        return "linear" if function is None else str(getattr(function, "__name__", ""))
    if not isinstance(layer, keras.Layer):
        name = type(layer).__name__.lower()
        return name if name in OPERATIONS else ""
    return "linear" if isinstance(layer, LINEAR) else ""


@dataclass(frozen=True)
class Head:
    """What ends a model.

    Parameters
    ----------
    layer
        Name of the layer with the last activation.
    activation
        Name of this activation; "linear" if there is none, empty if it is unknown.
    after
        Layers behind it that only reshape or drop values.
    output_shape
        Shape of the model's output, without the batch axis; None if it is unknown.
    normalized_units
        Size of the axis that a softmax normalizes; None if there is no softmax.
    keeps_logits
        Whether Keras finds the logits behind the activation and computes a crossentropy from them.
    """

    layer: str = ""
    activation: str = ""
    after: tuple[Any, ...] = ()
    output_shape: tuple[int | None, ...] | None = None
    normalized_units: int | None = None
    keeps_logits: bool = False

    @property
    def units(self) -> int | None:
        """Size of the last axis of the output; None if it is unknown."""
        if self.output_shape is None:
            return None
        return self.output_shape[-1] if self.output_shape else 1


def head_of(model: keras.Model) -> Head:
    """Return what ends a model with one output.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "softmax"), layers.Flatten()])
    >>> head = head_of(model)
    >>> head.activation, head.units, head.keeps_logits
    ('softmax', 3, False)
    """
    return head_in(LayerCalls(model), model)


def head_in(graph: LayerCalls, model: keras.Model) -> Head:
    """Return what ends a model, from its graph."""
    outputs = getattr(model, "outputs", None) or []
    shape = tuple(outputs[0].shape[1:]) if len(outputs) == 1 else None
    if len(graph.outputs) != 1:
        return Head(output_shape=shape)
    call, after = graph.producer(graph.outputs[0]), []
    while call is not None:
        passing = isinstance(call.layer, (*RESHAPING, *DROPOUT, layers.Identity))
        is_empty = type(call.layer) is layers.Activation and call.activation == "linear"
        if not (passing or is_empty) or len(graph.before(call)) != 1:
            break
        if passing:
            after.append(call.layer)
        call = graph.before(call)[0]
    if call is None:
        return Head(output_shape=shape)
    axis = getattr(call.layer, "axis", -1) if isinstance(call.layer, layers.Softmax) else -1
    size = call.output_shape[axis] if isinstance(axis, int) and call.output_shape else None
    name = call.activation
    if isinstance(call.layer, layers.Softmax) and not isinstance(axis, int):
        size = None
    is_known = getattr(keras.activations, name, None) is getattr(call.layer, "activation", None)
    return Head(
        layer=call.path,
        activation=name,
        after=tuple(after),
        output_shape=shape,
        normalized_units=size if name == "softmax" else None,
        keeps_logits=name in ("softmax", "sigmoid")
        and not after
        and (is_known or isinstance(call.layer, layers.Softmax))
        and keras.config.backend() == "tensorflow"
        and getattr(call.layer, "compute_dtype", "") == "float32",
    )


def walk_layers(model: keras.Model, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the layers of a model and of the models in it, with their paths.

    Examples
    --------
    >>> [path for path, _ in walk_layers(keras.Sequential([layers.Dense(2, name="head")]))]
    ['head']
    """
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from walk_layers(layer, f"{prefix}{layer.name}/")
        else:
            yield f"{prefix}{layer.name}", layer
