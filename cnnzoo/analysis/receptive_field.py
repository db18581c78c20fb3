"""Receptive fields: the part of the input that a unit of a layer depends on."""

from dataclasses import dataclass, field

import keras

from cnnzoo.analysis.graph import functional_graph
from cnnzoo.analysis.tracing import Tracer, position_axes, sources
from cnnzoo.analysis.windows import Flags, Positions, Trace
from cnnzoo.toggle import did_you_mean


class LayerError(ValueError):
    """Raised if a model has no layer of a given name, or nothing is known about it."""


@dataclass(frozen=True)
class ReceptiveField:
    """The part of a model's input that the units of a layer depend on, per axis of positions.

    All channels of a position count as one unit. Sizes are those of an endless input, so they may
    be larger than the input; a unit that pools a whole map sees at most the whole input.

    Parameters
    ----------
    layer
        Name of the layer.
    input_size
        Length of each axis of the input; None if it is unknown.
    size
        Number of positions from the first to the last that the unit with the largest receptive
        field depends on, holes included; None if it is unknown.
    jump
        Number of input positions between adjacent units; 0 if all units see the same, None if it
        is unknown or not the same everywhere.
    offset
        Centre of the receptive field of the first unit, in positions of the input from 0.
    padding_in_view
        Whether zeros that a layer padded are in view of at least one unit.
    padded_share
        Share of the layer's positions that have such zeros in view; None if it is unknown.
    global_by
        Name of the layer that made every unit see the whole input; empty if there is none.
    note
        What was measured or could not be traced; empty if the numbers are exact.
    """

    layer: str
    input_size: tuple[int | None, ...]
    size: tuple[int | None, ...]
    jump: tuple[float | None, ...]
    offset: tuple[float | None, ...]
    padding_in_view: tuple[bool, ...]
    padded_share: tuple[float | None, ...]
    global_by: str = ""
    note: str = ""
    _traces: tuple[Trace, ...] = field(default=(), repr=False, compare=False)

    def window(self, *position: int) -> tuple[tuple[int, int], ...]:
        """Return the first and last input position that a unit depends on, on each axis.

        Parameters
        ----------
        *position
            Position of the unit on each axis; by default the one at the centre.

        Raises
        ------
        LayerError
            If the layer has no such position, or its size is unknown.

        Examples
        --------
        >>> import cnnzoo
        >>> field = receptive_field(cnnzoo.build("downsampling"), "stage2_conv")
        >>> field.window(0, 0), field.window()
        (((0, 7), (0, 7)), ((10, 17), (10, 17)))
        """
        if position and len(position) != len(self.size):
            raise LayerError(
                f"`window`: expected {len(self.size)} positions, one per axis; got {position}."
            )
        result = []
        for axis, trace in enumerate(self._traces):
            if trace.seen is None:
                raise LayerError(
                    f"`window`: the size of `{self.layer}` is unknown. Build the model with an "
                    "input shape without None."
                )
            length = len(trace.seen.first)
            index = position[axis] if position else length // 2
            if not 0 <= index < length:
                if trace.axis is not None or not position:
                    raise LayerError(
                        f"`window`: expected a position from 0 to {length - 1} on axis {axis} of "
                        f"`{self.layer}`; got {index}."
                    )
                index = 0
            result.append((int(trace.seen.first[index]), int(trace.seen.last[index])))
        return tuple(result)

    def views(self, axis: int) -> tuple[Positions, Positions, Flags]:
        """Return what all positions of the layer depend on along an axis.

        Parameters
        ----------
        axis
            Axis of positions of the input, from 0.

        Returns
        -------
        tuple
            First and last input position of each unit, and whether it has zero padding in view.

        Raises
        ------
        LayerError
            If the layer's size is unknown.

        Examples
        --------
        >>> import cnnzoo
        >>> field = receptive_field(cnnzoo.build("simple_cnn"), "stage1_conv")
        >>> first, last, padded = field.views(0)
        >>> first[:3].tolist(), last[:3].tolist(), padded[:3].tolist()
        ([0, 0, 1], [1, 2, 3], [True, False, False])
        """
        seen = self._traces[axis].seen
        if seen is None:
            raise LayerError(
                f"`views`: the size of `{self.layer}` is unknown. Build the model with an input "
                "shape without None."
            )
        return seen.first, seen.last, seen.padded


def receptive_field(model: keras.Model, layer: str | None = None) -> ReceptiveField:
    """Compute the receptive field of a layer from the layers before it.

    A branched model has the receptive field of its largest path. Sizes are exact for
    convolutions (strided, dilated, depthwise, separable, transposed), pooling, padding, cropping,
    resizing, normalization, attention, recurrent layers and the merges of their outputs; flatten,
    dense and global pooling layers see the whole map before them, and so does every later layer
    that a squeeze-and-excitation block scales. Layers with a custom ``call`` are traced through
    the layers and ``keras.ops`` that it calls. Other layers are measured by the gradients of that
    layer alone at random inputs, which the note says.

    Parameters
    ----------
    model
        A built functional or sequential ``keras.Model``, in inference mode: dropout,
        augmentation and batch normalization do not enlarge receptive fields. If it has several
        inputs, the first that the layer depends on and that has axes of positions is described.
    layer
        Name of the layer; a layer of a nested model is ``"model/layer"``. By default the model's
        output.

    Returns
    -------
    ReceptiveField
        With one value per axis of positions of the input: for images height and width.

    Raises
    ------
    LayerError
        If the model has no such layer.
    TypeError
        If `model` is not a functional or sequential ``keras.Model``.

    References
    ----------
    Araujo, Norris and Sim (2019), "Computing receptive fields of convolutional neural networks",
    Distill. Lengths that no stride divides are treated as TensorFlow's "same" padding does.

    Examples
    --------
    >>> from keras import layers
    >>> convs = [layers.Conv2D(8, 3, padding="same", name=f"conv{i}") for i in range(3)]
    >>> model = keras.Sequential([keras.Input((32, 32, 3)), *convs])
    >>> field = receptive_field(model)
    >>> field.size, field.jump, field.offset, field.padding_in_view
    ((7, 7), (1.0, 1.0), (0.0, 0.0), (True, True))
    >>> receptive_field(model, "conv0").size
    (3, 3)
    """
    functional_graph(model, "receptive_field")
    tracer = Tracer(model)
    if layer is not None and layer not in tracer.states:
        nearest = did_you_mean(layer, list(tracer.states))
        raise LayerError(f"`layer`: `{model.name}` has no layer `{layer}`{nearest}")
    return field_of(tracer, layer)


def field_of(tracer: Tracer, layer: str | None = None) -> ReceptiveField:
    """Return the receptive field of a layer; of several outputs or calls, the largest.

    Parameters
    ----------
    tracer
        The traces of a model.
    layer
        Name of the layer; None for the model's outputs.
    """
    states = tracer.outputs if layer is None else tracer.states[layer]
    layer = tracer.name if layer is None else layer
    numbers = sources(tracer.shapes, tracer.channels)
    seen = {number for state in states for number, _ in state}
    number = next((n for n in numbers if n in seen), next(iter(numbers), 0))
    shape = tracer.shapes[number]
    axes = position_axes(number, shape, tracer.channels)
    traces = []
    for axis in axes:
        candidates = [state[number, axis] for state in states if (number, axis) in state]
        if candidates:
            traces.append(max(candidates, key=lambda trace: trace.size or 0))
    known = [trace.windows if trace.size is not None else None for trace in traces]
    notes = [tracer.notes.get(layer, ""), *(trace.note for trace in traces)]
    return ReceptiveField(
        layer=layer,
        input_size=tuple(shape[axis] for axis in axes),
        size=tuple(trace.size for trace in traces),
        jump=tuple(None if w is None else w.jump for w in known),
        offset=tuple(None if w is None else w.offset for w in known),
        padding_in_view=tuple(trace.zeros_in_view for trace in traces),
        padded_share=tuple(trace.padded_share for trace in traces),
        global_by=next((trace.global_by for trace in traces if trace.sees_all), ""),
        note=next((note for note in notes if note), ""),
        _traces=tuple(traces),
    )
