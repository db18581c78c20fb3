"""Outputs of a model's layers: feature maps of an image, and their picture."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnzoo.analysis.graph import functional_graph
from cnnzoo.analysis.tiles import grey, tiles
from cnnzoo.toggle import did_you_mean

Array = NDArray[np.float32]


class InspectionError(ValueError):
    """Raised if a model, a layer or an image cannot be inspected; the message says why."""


def layer_outputs(
    model: keras.Model, inputs: ArrayLike, names: Sequence[str] | None = None
) -> dict[str, Array]:
    """Return the outputs of layers in inference mode.

    Parameters
    ----------
    model
        A built functional or sequential model with one input. A nested model is one layer.
    inputs
        Batch of the shape (batch, height, width, channels).
    names
        Names of layers; all that have one output if left out.

    Returns
    -------
    dict
        Array with the batch axis first, by name, in the order of the model.

    Raises
    ------
    TypeError
        If the model is not functional or sequential.
    InspectionError
        If a layer is unknown, or the batch does not fit.

    Examples
    --------
    >>> import cnnzoo
    >>> outputs = layer_outputs(cnnzoo.build("downsampling"), np.zeros((2, 28, 28, 1)))
    >>> outputs["stage1_conv"].shape
    (2, 26, 26, 32)
    """
    layers = inspectable(model)
    wanted = [find_layer(model, name) for name in names] if names is not None else layers
    batch = np.asarray(inputs, dtype="float32")
    expected = tuple(model.inputs[0].shape)[1:]
    if batch.shape[1:] != expected and (
        len(batch.shape) != len(expected) + 1
        or any(size not in (None, got) for size, got in zip(expected, batch.shape[1:], strict=True))
    ):
        raise InspectionError(
            f"`{model.name}`: expected images of the shape {expected}; got {batch.shape[1:]}."
        )
    reader = keras.Model(model.inputs[0], [layer.output for layer in wanted])
    found = reader(keras.ops.convert_to_tensor(batch), training=False)
    arrays = [keras.ops.convert_to_numpy(one) for one in keras.tree.flatten(found)]
    return {layer.name: array for layer, array in zip(wanted, arrays, strict=True)}


def inspectable(model: keras.Model) -> list[keras.Layer]:
    """Return the layers of a functional model that have one output each, without its input.

    Raises
    ------
    TypeError
        If the model is not functional or sequential.
    InspectionError
        If it has several inputs.
    """
    functional_graph(model, "model")
    if len(model.inputs) != 1:
        raise InspectionError(
            f"`{model.name}`: expected a model with one input; got {len(model.inputs)}."
        )
    return [
        layer
        for layer in model.layers
        if not isinstance(layer, keras.layers.InputLayer) and _has_one_output(layer)
    ]


def find_layer(model: keras.Model, name: str) -> keras.Layer:
    """Return a layer by name.

    Raises
    ------
    InspectionError
        If there is no such layer with one output; the message suggests the nearest name.
    """
    layers = {layer.name: layer for layer in inspectable(model)}
    if name not in layers:
        raise InspectionError(
            f"`layer`: `{model.name}` has no layer `{name}`{did_you_mean(name, [*layers])}"
        )
    return layers[name]


def one_image(model: keras.Model, image: ArrayLike) -> Array:
    """Return one example as a batch of one, whether or not it has a batch axis already.

    Raises
    ------
    InspectionError
        If the shape is neither that of an input nor that of a batch of one.
    """
    inspectable(model)
    array = np.asarray(image, dtype="float32")
    rank = len(model.inputs[0].shape)
    batch = array[None] if array.ndim == rank - 1 else array
    if batch.ndim != rank or len(batch) != 1:
        shape = tuple(model.inputs[0].shape)[1:]
        raise InspectionError(
            f"`image`: expected one image of the shape {shape}; got {array.shape}."
        )
    return batch


class FeatureMaps(Mapping[str, Array]):
    """Outputs of a model's layers for one image, by name of the layer.

    Parameters
    ----------
    image
        The image, (height, width, channels).
    outputs
        Array of the shape of its output, without the batch axis, by name of the layer.
    """

    def __init__(self, image: Array, outputs: Mapping[str, Array]) -> None:
        self.image = image
        self._outputs = dict(outputs)

    def __getitem__(self, layer: str) -> Array:
        return self._outputs[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in self.items())
        return f"<FeatureMaps: {shapes}>"

    def plot(self, layer: str | None = None, *, most: int = 15) -> Any:
        """Draw the image and the channels of a layer, each scaled by itself.

        Parameters
        ----------
        layer
            Name of a layer with maps (height, width, channels); the first one if left out.
        most
            Number of channels to draw: those that vary most over the map.

        Returns
        -------
        altair.LayerChart

        Raises
        ------
        InspectionError
            If there is no such layer with maps.
        """
        maps = {name: array for name, array in self.items() if array.ndim == 3}
        if not maps or (layer is not None and layer not in maps):
            raise InspectionError(
                f"`layer`: expected a layer with maps{did_you_mean(str(layer), [*maps])} Layers "
                f"with maps: {', '.join(maps) or 'none'}."
            )
        name = layer or next(iter(maps))
        channels = maps[name]
        varied = np.argsort(-channels.std(axis=(0, 1)), kind="stable")[:most]
        shown = sorted(int(channel) for channel in varied)
        count = channels.shape[2]
        which = (
            f"{len(shown)} of {count} channels that vary most"
            if len(shown) < count
            else (f"{count} channels")
        )
        return tiles(
            [grey(self.image), *(grey(channels[:, :, channel]) for channel in shown)],
            ["image", *(f"channel {channel}" for channel in shown)],
            title=f"Feature maps of {name}, {which}",
        )


def maps_of(
    model: keras.Model, image: ArrayLike, layers: Sequence[str] | None = None
) -> FeatureMaps:
    """Return the outputs of a model's layers for one image, in inference mode.

    `cnnzoo.feature_maps` is this function if its first argument is a model; called with keywords
    alone, it builds the zoo's model of that name.

    Parameters
    ----------
    model
        A built functional or sequential model with one input. A nested model is one layer.
    image
        One image of the shape (height, width, channels), with or without a batch axis, scaled as
        for the model's training.
    layers
        Names of layers; all if left out.

    Returns
    -------
    FeatureMaps
        A mapping from the name of a layer to its output, with the method ``plot``.

    Raises
    ------
    TypeError
        If the model is not functional or sequential.
    InspectionError
        If a layer is unknown, or the image does not fit.

    Examples
    --------
    >>> import cnnzoo
    >>> maps = cnnzoo.feature_maps(cnnzoo.build("simple_cnn"), np.zeros((32, 32, 3)))
    >>> maps["stage1_conv"].shape
    (32, 32, 16)
    """
    batch = one_image(model, image)
    outputs = layer_outputs(model, batch, layers)
    return FeatureMaps(batch[0], {name: array[0] for name, array in outputs.items()})


def _has_one_output(layer: keras.Layer) -> bool:
    try:
        return not isinstance(layer.output, list | tuple | dict)
    except (AttributeError, ValueError):  # called more than once, or never
        return False
