"""Operations on a part of a model: which changes they make, or why they cannot be made."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
from keras import layers

from cnnzoo.analysis.graph import Call, GraphError, graph_of, is_graph
from cnnzoo.models.loaded_weights import loaded_values
from cnnzoo.parts.blocks import ACTIVATIONS
from cnnzoo.parts.edit import Edit
from cnnzoo.parts.names import PartError
from cnnzoo.parts.part import Part, Span
from cnnzoo.parts.structure import Unit, has_kernel, kind_of
from cnnzoo.parts.substitute import Substitute, substitute, zeros_beside
from cnnzoo.parts.width import FILTERED, NORMS, channel_axis
from cnnzoo.toggle import did_you_mean

ACTIVATION_OPERATIONS = (
    "Celu",
    "Elu",
    "Exponential",
    "Gelu",
    "HardSigmoid",
    "HardSilu",
    "HardTanh",
    "LeakyRelu",
    "LogSigmoid",
    "Relu",
    "Relu6",
    "Selu",
    "Sigmoid",
    "Silu",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
)
"""Operations of ``keras.ops`` that are activations."""

WHOLE = ("remove", "freeze", "shuffle")
"""Operations that change nothing inside of a layer's call."""

ACTIVATED = (
    *FILTERED,
    layers.Dense,
    layers.EinsumDense,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
)
"""Layers that apply the activation among their options to their output."""


def edit_of(part: Part, operation: str) -> Edit:
    """Return the changes that an operation on a part makes in the whole model.

    Raises
    ------
    PartError
        If it cannot be done; the message is a reason.
    """
    if part.is_code and operation not in WHOLE:
        raise PartError("it is one layer with a custom `call`, which is code")
    edit = Edit()
    inner = edit
    for model in part.path:
        inner = inner.inside(model)
    MAKERS[operation](part, inner)
    return edit


def refusal(part: Part, operation: str) -> str:
    """Return why an operation cannot be done; empty if it can."""
    try:
        edit_of(part, operation)
    except PartError as error:
        return str(error)
    return ""


def remove_words(part: Part) -> tuple[str, int] | None:
    """Return what replaces a removed part and the number of its weights; None if nothing can."""
    try:
        found = substitute_of(part)
    except PartError:
        return None
    return str(found), found.params


def substitute_of(part: Part) -> Substitute:
    """Return what replaces a part that is removed.

    Raises
    ------
    PartError
        If nothing can; the message is a reason.
    """
    found = None
    for span in part.spans:
        if span.exit is None or span.entry is None:
            raise PartError(f"it has {span.ends}")
        if span.gives_output:
            raise PartError("it gives the model's output")
        if span.entry.dtype != span.exit.dtype:
            raise PartError(f"it turns {span.entry.dtype} into {span.exit.dtype}")
        new = _substitute(part, span)
        if found is not None and new != found:
            raise PartError("its calls have different shapes")
        found = new
    if found is None:
        raise PartError("it is not called")
    if _is_projection(part, found):
        raise PartError("it is a linear projection, which is its own smallest substitute")
    return found


def _substitute(part: Part, span: Span) -> Substitute:
    """Return what replaces a part between two tensors."""
    before, after = span.entry.shape, span.exit.shape
    region = part.region
    if region is not None and (region.entry.shape, region.exit.shape) == (before, after):
        new = _channels_beside(region)
        if new is not None:
            return zeros_beside(before, *new, part.layer_name)
    return substitute(before, after, part.layer_name)


def _channels_beside(region: Unit) -> tuple[int, int] | None:
    """Return how many channels a dense block puts before and after those of its input, or None."""
    last = region.last
    rank = len(last.output_shape)
    if kind_of(last) != "Concatenate" or last.layer.axis % rank != channel_axis(rank):
        return None
    widths = [tensor.shape[last.layer.axis] for tensor in last.tensors]
    places = [n for n, tensor in enumerate(last.tensors) if tensor is region.entry]
    if not places or None in widths:
        return None
    return sum(widths[: places[0]]), sum(widths[places[0] + 1 :])


def _is_projection(part: Part, found: Substitute) -> bool:
    """Return whether a part is one layer that does what its substitute would."""
    if not found.params or len(part.layers) > 1:
        return False
    (layer,) = part.layers
    last = found.steps[-1][0]
    size = getattr(layer, "kernel_size", (1,))
    return type(layer) is last and set(size) == {1} and layer.activation is keras.activations.linear


def _remove(part: Part, edit: Edit) -> None:
    found = substitute_of(part)
    for span in part.spans:
        edit.route(span.exit, span.entry, found)


def _linear(part: Part, edit: Edit) -> None:
    def change(call: Call, edit: Edit, is_end: bool) -> bool:
        layer = call.layer
        if isinstance(layer, (*ACTIVATIONS, layers.Softmax)) or (
            kind_of(call) in ACTIVATION_OPERATIONS
        ):
            if is_end or getattr(layer, "activation", None) is keras.activations.linear:
                return False
            edit.route(call.outputs[0], call.tensors[0])
            return True
        if isinstance(layer, ACTIVATED) and layer.activation is not keras.activations.linear:
            if is_end:
                return False
            _check_own(part, layer)
            edit.change(layer, activation="linear")
            return True
        return False

    _change_all(part, edit, change, "it has no activation, other than at the model's output")


def _no_norm(part: Part, edit: Edit) -> None:
    def change(call: Call, edit: Edit, _: bool) -> bool:
        if not isinstance(call.layer, NORMS):
            return False
        edit.route(call.outputs[0], call.tensors[0])
        return True

    _change_all(part, edit, change, "it has no normalization")


def _no_bias(part: Part, edit: Edit) -> None:
    def change(call: Call, edit: Edit, _: bool) -> bool:
        layer = call.layer
        if not getattr(layer, "use_bias", False) or not isinstance(layer, keras.Layer):
            return False
        if "use_bias" not in layer.get_config():
            return False
        _check_own(part, layer)
        edit.change(layer, use_bias=False)
        return True

    _change_all(part, edit, change, "it has no bias")


def _no_skip(part: Part, edit: Edit) -> None:
    region = part.region
    if region is None:
        raise PartError("it has no shortcut")
    last = region.last
    kept = kept_branch(region)
    if kind_of(last) == "Concatenate":
        raise PartError("its branches are concatenated: without one, later layers would not fit")
    if kind_of(last) != "Add" or len(last.tensors) != 2:
        raise PartError(
            f"it ends in {kind_of(last)} of {len(last.tensors)} maps, not in a sum of 2"
        )
    if kept is None:
        raise PartError("both of its branches have as many layers with kernels")
    if tuple(kept.shape) != tuple(region.exit.shape):
        raise PartError("the branch that would stay has another shape")
    edit.route(region.exit, kept)


def kept_branch(region: Unit) -> Any:
    """Return the branch of a sum of two that has more kernels than its shortcut, or None.

    The input of the region is always the shortcut.
    """
    if kind_of(region.last) != "Add" or len(region.last.tensors) != 2:
        return None
    one, other = region.last.tensors
    if one is region.entry or other is region.entry:
        return other if one is region.entry else one
    first, second = (_kernels_to(tensor, region.calls) for tensor in (one, other))
    if first == second:
        return None
    return one if first > second else other


def _kernels_to(tensor: Any, calls: Iterable[Call]) -> int:
    """Return the number of calls with kernels that a tensor depends on, among these calls."""
    makers = {id(output): call for call in calls for output in call.outputs}
    waiting, seen = [tensor], {}
    while waiting:
        call = makers.get(id(waiting.pop()))
        if call is not None and id(call) not in seen:
            seen[id(call)] = has_kernel(call)
            waiting += call.tensors
    return sum(seen.values())


def _freeze(part: Part, edit: Edit) -> None:
    found = False
    for layer, inner in _with_weights(part.layers, edit):
        found = True
        inner.frozen.add(layer)
    if not found:
        raise PartError("it has no weights that are trained")
    for layer in part.layers:
        if isinstance(layer, keras.Layer) and layer.trainable_weights:
            _check_own(part, layer)


def _shuffle(part: Part, edit: Edit) -> None:
    _freeze(part, edit)
    for layer, inner in _with_weights(part.layers, edit):
        inner.shuffled.add(layer)


def has_loaded_weights(part: Part) -> bool:
    """Return whether the builder of a model loaded weights of a part."""
    return any(loaded_values(layer) for layer, _ in _with_weights(part.layers, Edit()))


def _with_weights(those: Iterable[keras.Layer], edit: Edit) -> Iterator[tuple[keras.Layer, Edit]]:
    """Yield layers with weights to train, those of nested models with the changes of these."""
    for layer in those:
        if isinstance(layer, keras.Model):
            yield from _with_weights(layer.layers, edit.inside(layer))
        elif isinstance(layer, keras.Layer) and layer.trainable_weights:
            yield layer, edit


def _resize(factor: float) -> Callable[[Part, Edit], None]:
    def change(part: Part, edit: Edit) -> None:
        for layer, options in part.scene.channels.resized(part.layers, factor).items():
            _check_own(part, layer)
            edit.change(layer, **options)

    return change


MAKERS: dict[str, Callable[[Part, Edit], None]] = {
    "remove": _remove,
    "linear": _linear,
    "no_norm": _no_norm,
    "no_skip": _no_skip,
    "no_bias": _no_bias,
    "freeze": _freeze,
    "shuffle": _shuffle,
    "halve": _resize(0.5),
    "double": _resize(2.0),
}
"""The function that makes the changes of an operation."""


def _change_all(
    part: Part, edit: Edit, change: Callable[[Call, Edit, bool], bool], reason: str
) -> None:
    """Change all calls of a part, those of nested models too; raise PartError if none changes."""
    done = [
        _change(part, call, edit, change, span.gives_output and call is span.calls[-1])
        for span in part.spans
        for call in span.calls
    ]
    if not any(done):
        raise PartError(reason)


def _change(
    part: Part,
    call: Call,
    edit: Edit,
    change: Callable[[Call, Edit, bool], bool],
    is_end: bool,
) -> bool:
    if not is_graph(call.layer):
        return change(call, edit, is_end)
    try:
        graph = graph_of(call.layer)
    except GraphError:
        return False
    inner = edit.inside(call.layer)
    ends = {id(tensor) for tensor in graph.outputs} if is_end else set()
    done = [
        _change(part, each, inner, change, any(id(output) in ends for output in each.outputs))
        for each in graph.calls
    ]
    if any(done):
        _check_own(part, call.layer)
    return any(done)


def _check_own(part: Part, layer: keras.Layer) -> None:
    """Refuse to change a layer that other parts use too."""
    own = sum(call.layer is layer for span in part.spans for call in span.calls)
    if own and own < len(part.scene.calls_of(layer)):
        raise PartError(f"its layer `{layer.name}` is shared with another part")


def find(parts: Iterable[Part], name: str, model: str) -> Part:
    """Return the part of a name.

    Raises
    ------
    PartError
        If the model has none.
    """
    by_name = {part.name: part for part in parts}
    if name in by_name:
        return by_name[name]
    raise PartError(
        f"`{model}` has no part `{name}`{did_you_mean(name, by_name)} "
        f"`ablations.parts` lists its {len(by_name)} parts."
    )
