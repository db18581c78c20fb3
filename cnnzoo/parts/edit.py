"""Changed copies of models: calls left out, layers with other options, weights copied."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any

import keras
import numpy as np
from keras import layers

from cnnzoo.analysis.graph import Call, Graph, graph_of, is_graph, is_symbolic
from cnnzoo.models.initialization import initialize, read_statistics
from cnnzoo.models.loaded_weights import copy_marks
from cnnzoo.parts.names import PartError
from cnnzoo.parts.substitute import Substitute
from cnnzoo.runtime.error_text import line_of
from cnnzoo.runtime.seeding import stream


@dataclass
class Edit:
    """Changes of a model.

    Parameters
    ----------
    routes
        By id of a tensor: the earlier tensor that takes its place, and the layers between them.
    options
        By layer: options of its configuration that change.
    frozen, shuffled
        Layers that are not trained; and those of them whose weights are permuted first.
    inner
        By nested model: its changes.
    """

    routes: dict[int, tuple[Any, Substitute]] = field(default_factory=dict)
    options: dict[keras.Layer, dict[str, Any]] = field(default_factory=dict)
    frozen: set[keras.Layer] = field(default_factory=set)
    shuffled: set[keras.Layer] = field(default_factory=set)
    inner: dict[keras.Layer, "Edit"] = field(default_factory=dict)

    def route(self, tensor: Any, entry: Any, between: Substitute | None = None) -> None:
        """Let an earlier tensor, and perhaps layers after it, take the place of a tensor."""
        self.routes[id(tensor)] = entry, between or Substitute()

    def change(self, layer: keras.Layer, **options: Any) -> None:
        """Change options of a layer."""
        self.options.setdefault(layer, {}).update(options)

    def inside(self, layer: keras.Layer) -> "Edit":
        """Return the changes of a nested model."""
        return self.inner.setdefault(layer, Edit())

    def __bool__(self) -> bool:
        """Whether anything changes."""
        changes = (self.routes, self.options, self.frozen, self.shuffled)
        return any(changes) or any(map(bool, self.inner.values()))

    def add(self, other: "Edit") -> None:
        """Add the changes of another edit of the same model."""
        self.routes |= other.routes
        for layer, options in other.options.items():
            self.change(layer, **options)
        self.frozen |= other.frozen
        self.shuffled |= other.shuffled
        for layer, edit in other.inner.items():
            self.inside(layer).add(edit)


def edited_copy(model: keras.Model, edit: Edit, seed: int = 0) -> keras.Model:
    """Return a changed copy of a model, compiled as the model is.

    Layers that do not change get the weights of the model, and their names. Layers with new shapes
    are initialized by `seed` and their names, as a study does it.

    Parameters
    ----------
    model
        A built functional or sequential model.
    edit
        The changes.
    seed
        Seed of the weights of changed and added layers, and of permutations.

    Raises
    ------
    PartError
        If the changed model cannot be built.
    """
    copier = _Copier(edit)
    copy = copier.copy(model)
    initialize(copy, seed)
    copier.copy_weights(seed)
    if model.compiled:
        _compile_as(copy, model)
    return copy


@dataclass
class _Copier:
    """Copies layers, each once, and then their weights."""

    edit: Edit
    pairs: list[tuple[keras.Layer, keras.Layer, Edit]] = field(default_factory=list)

    def copy(self, model: keras.Model, edit: Edit | None = None) -> keras.Model:
        """Return a copy of the graph of a model."""
        edit = self.edit if edit is None else edit
        try:
            return _Rebuild(self, edit, graph_of(model)).model(model)
        except PartError:
            raise
        except Exception as error:  # layers raise several types for shapes that do not fit
            raise PartError(
                f"`{model.name}`: the changed model cannot be built: {line_of(error)}"
            ) from error

    def layer(self, layer: Any, edit: Edit) -> Any:
        """Return a copy of a layer."""
        inner = edit.inner.get(layer)
        if inner:
            copy = self.copy(layer, inner)
        elif isinstance(layer, layers.Lambda):
            copy = _copy_lambda(layer)
        else:
            copy = _copy_layer(layer, edit.options.get(layer, {}))
        if not isinstance(layer, keras.Layer):
            return copy
        if layer in edit.frozen or (is_graph(layer) and not layer.trainable):
            copy.trainable = False
        if not inner:
            self.pairs.append((layer, copy, edit))
        return copy

    def copy_weights(self, seed: int) -> None:
        """Copy the weights that fit, permute those of shuffled layers."""
        for layer, copy, edit in self.pairs:
            values = _values(layer, copy)
            if layer in edit.shuffled:
                random = np.random.default_rng(stream(seed, f"{layer.name}, shuffled"))
                values = {n: random.permuted(value) for n, value in values.items()}
            variables = copy.variables
            for number, value in values.items():
                variables[number].assign(value)
            read_statistics(copy)
            copy_marks(layer, copy, values)


@dataclass
class _Rebuild:
    """Calls copies of layers along a graph."""

    copier: _Copier
    edit: Edit
    graph: Graph
    tensors: dict[int, Any] = field(default_factory=dict)
    copies: dict[Any, Any] = field(default_factory=dict)
    added: dict[str, keras.Operation] = field(default_factory=dict)

    def model(self, model: keras.Model) -> keras.Model:
        """Return the model of the copies."""
        graph: Any = getattr(model, "_functional", None) or model
        for tensor in self.graph.inputs:
            name = tensor._keras_history.operation.name
            self.tensors[id(tensor)] = keras.Input(
                batch_shape=tensor.shape, dtype=tensor.dtype, name=name
            )
        needed = self._needed()
        for call in self.graph.calls:
            if id(call) in needed:
                self._call(call)
        inputs = keras.tree.map_structure(lambda t: self.tensors[id(t)], graph._inputs_struct)
        outputs = keras.tree.map_structure(self._value, graph._outputs_struct)
        return _class_of(model)(inputs, outputs, name=model.name)

    def _needed(self) -> set[int]:
        """Return the ids of the calls that the outputs of the changed model depend on."""
        makers = {id(output): call for call in self.graph.calls for output in call.outputs}
        needed: set[int] = set()
        waiting, seen = list(self.graph.outputs), set()
        while waiting:
            tensor = waiting.pop()
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            if id(tensor) in self.edit.routes:
                waiting.append(self.edit.routes[id(tensor)][0])
            elif id(tensor) in makers:
                call = makers[id(tensor)]
                needed.add(id(call))
                waiting += call.tensors
        return needed

    def _call(self, call: Call) -> None:
        layer = call.layer
        if layer not in self.copies:
            self.copies[layer] = self.copier.layer(layer, self.edit)
        args, kwargs = keras.tree.map_structure(
            lambda value: self._value(value) if is_symbolic(value) else value,
            (tuple(call.args), dict(call.kwargs)),
        )
        outputs = keras.tree.flatten(self.copies[layer](*args, **kwargs))
        for before, after in zip(call.outputs, outputs, strict=True):
            self.tensors[id(before)] = after

    def _value(self, tensor: Any) -> Any:
        """Return the tensor of the copy that takes the place of one of the model."""
        routes: list[tuple[Any, Substitute]] = []
        while id(tensor) not in self.tensors and id(tensor) in self.edit.routes:
            entry, between = self.edit.routes[id(tensor)]
            routes.append((tensor, between))
            tensor = entry
        value = self.tensors[id(tensor)]
        for end, between in reversed(routes):
            for kind, options in between.steps:
                name = options["name"]
                if name not in self.added:
                    self.added[name] = kind(**{**options, "name": self._free(name)})
                value = self.added[name](value)
            self.tensors[id(end)] = value
        return value

    def _free(self, name: str) -> str:
        """Return a name, with a number behind it if the model has a layer of that name."""
        taken = {call.layer.name for call in self.graph.calls}
        taken |= {tensor._keras_history.operation.name for tensor in self.graph.inputs}
        numbered = (f"{name}_{number}" for number in count(1))
        return next(each for each in chain([name], numbered) if each not in taken)


def _class_of(model: keras.Model) -> Any:
    """Return the class of a copy: that of the model if it takes inputs and outputs."""
    kind = type(model)
    own_training = any(
        getattr(kind, name) is not getattr(keras.Model, name)
        for name in ("train_step", "test_step", "compute_loss")
    )
    return kind if own_training else keras.Model


def _copy_layer(layer: Any, options: Mapping[str, Any]) -> Any:
    """Return a layer or an operation of the same configuration, except for some options."""
    try:
        return type(layer).from_config({**layer.get_config(), **options})
    except Exception as error:  # a custom class may raise anything
        raise PartError(
            f"`{layer.name}`: cannot copy a layer of {type(layer).__name__} from its configuration "
            f"({line_of(error)}). Give the class a `get_config` that returns the arguments of "
            "its `__init__`."
        ) from error


def _copy_lambda(layer: layers.Lambda) -> layers.Lambda:
    """Return a copy of a layer whose function Keras does not load from a configuration."""
    return layers.Lambda(
        layer.function,
        output_shape=layer._output_shape,
        mask=layer.mask,
        arguments=layer.arguments,
        name=layer.name,
        dtype=layer.dtype_policy,
    )


def _values(layer: keras.Layer, copy: keras.Layer) -> Mapping[int, Any]:
    """Return the values of a layer's variables that fit those of its copy, by their index."""
    variables = layer.variables
    if [variable.shape for variable in variables] == [v.shape for v in copy.variables]:
        return {number: variable.numpy() for number, variable in enumerate(variables)}
    named = {variable.name: variable for variable in variables}
    return {
        number: named[variable.name].numpy()
        for number, variable in enumerate(copy.variables)
        if variable.name in named and named[variable.name].shape == variable.shape
    }


def _compile_as(copy: keras.Model, model: keras.Model) -> None:
    """Compile a copy with the loss, the optimizer and the metrics of a model."""
    config = dict(model._compile_config.config)
    optimizer = model.optimizer
    config["optimizer"] = type(optimizer).from_config(optimizer.get_config())
    for name in ("metrics", "weighted_metrics"):
        config[name] = keras.tree.map_structure(_fresh_metric, config.get(name))
    copy.compile(**config)
    copy.optimizer.build(copy.trainable_variables)


def _fresh_metric(metric: Any) -> Any:
    if isinstance(metric, keras.Metric):
        return type(metric).from_config(metric.get_config())
    return metric
