"""Effective receptive fields: how strongly the positions of the input change a unit."""

import math
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from cnnzoo.analysis.field_picture import picture
from cnnzoo.analysis.gradients import gradients
from cnnzoo.analysis.graph import functional_graph
from cnnzoo.analysis.receptive_field import LayerError, ReceptiveField, field_of
from cnnzoo.analysis.tracing import Tracer, position_axes
from cnnzoo.toggle import did_you_mean

THRESHOLD = 1 - 0.9545
"""Share of the largest gradient above which a position counts. Luo et al. (2016) take 1 - 95.45%
of the gradient at the centre, where that of their fields is largest; 95.45% of a normal
distribution lie within two standard deviations."""

NOISE_IMAGES = 16
"""Number of images of noise that are used if none are given."""

CHUNK = 16
"""Number of images per backward pass."""


@dataclass(frozen=True)
class EffectiveReceptiveField:
    """Map of the gradients of the unit at the centre of a layer over the input.

    Parameters
    ----------
    layer
        Name of the layer.
    map
        Root mean square of the gradients over images and channels, 1 at its maximum; the axes are
        those of the input without its channels.
    area
        Number of positions whose value is more than 4.55% of the maximum.
    size
        Side of a square, or cube, with this area.
    radius
        Root mean square distance of the squared map from its centre, in positions.
    theoretical
        The receptive field of the layer, which no gradient exceeds.
    window
        First and last position that the unit depends on, on each axis.
    images
        Number of images whose gradients were averaged.
    """

    layer: str
    map: np.ndarray[Any, np.dtype[np.float32]]
    area: int
    size: float
    radius: float
    theoretical: ReceptiveField
    window: tuple[tuple[int, int], ...]
    images: int
    _sample: Any = field(default=None, repr=False, compare=False)

    @property
    def share(self) -> float:
        """The area as a share of the positions that the unit depends on."""
        return self.area / math.prod(last - first + 1 for first, last in self.window)

    def plot(self, image: Any = None) -> Any:
        """Draw the map and the theoretical receptive field over an image.

        Parameters
        ----------
        image
            Image with the shape of the model's input; by default the first of those that were
            used, if there were any.

        Returns
        -------
        altair.LayerChart
            It is displayed in notebooks; ``save("field.svg")`` writes SVG, PNG or HTML.

        Raises
        ------
        ValueError
            If the input has three axes of positions, or `image` has another size.
        """
        unit = "positions" if self.map.ndim == 1 else "pixels"
        sizes = " x ".join(str(last - first + 1) for first, last in self.window)
        sentences = (
            f"Blue: receptive field inside of the input, {sizes} {unit}.",
            f"Orange: mean gradients of {self.images} images.",
            f"{self.area:,} {unit} ({self.share:.0%}) exceed 4.55% of the maximum.",
        )
        shown = self._sample if image is None else image
        title = f"What the centre of {self.layer} sees"
        return picture(self.map, self.window, shown, title, sentences)


def effective_receptive_field(
    model: keras.Model, layer: str | None = None, images: Any = None, *, seed: int = 0
) -> EffectiveReceptiveField:
    """Measure the effective receptive field of the unit at the centre of a layer.

    The gradient of the unit with respect to the input is averaged over images. Its channels are
    summed with random signs, so that they do not cancel systematically. The effective receptive
    field of a deep network is a small part of the theoretical one, with a Gaussian shape, and
    grows during training.

    Parameters
    ----------
    model
        A built functional or sequential ``keras.Model`` with one input of known size.
    layer
        Name of the layer; by default the model's output.
    images
        Images with the shape (batch, ...) of the input; by default 16 images of uniform noise in
        [0, 1].
    seed
        Seed of the noise and the signs.

    Returns
    -------
    EffectiveReceptiveField
        The map with its area and radius, beside the theoretical receptive field.

    Raises
    ------
    LayerError
        If the model has no such layer, or no gradient of it reaches the input.
    ValueError
        If the model has several inputs or one of unknown size, or `images` have another shape.
    TypeError
        If `model` is not a functional or sequential ``keras.Model``.

    References
    ----------
    Luo, Li, Urtasun and Zemel (2016), "Understanding the effective receptive field in deep
    convolutional neural networks", NeurIPS.

    Examples
    --------
    >>> convs = [keras.layers.Conv1D(1, 3, kernel_initializer="ones") for _ in range(2)]
    >>> model = keras.Sequential([keras.Input((9, 1)), *convs])
    >>> field = effective_receptive_field(model)
    >>> (field.map * 3).round().astype(int).tolist()  # 1 2 3 2 1: fewer paths lead to the edges
    [0, 0, 1, 2, 3, 2, 1, 0, 0]
    >>> field.area, field.window
    (5, ((2, 6),))
    """
    name = "effective_receptive_field"
    graph, tracer = functional_graph(model, name), Tracer(model)
    shape = tuple(graph.inputs[0].shape)[1:]
    if len(graph.inputs) > 1 or None in shape:
        raise ValueError(
            f"`{name}`: expected a model with one input of known size; got {len(graph.inputs)} "
            f"input{'s' * (len(graph.inputs) > 1)}, the first with shape {shape}. Build the model "
            "with an input shape without None."
        )
    tensors = {call.layer.name: call.outputs[0] for call in graph.calls}
    if layer is not None and layer not in tensors:
        raise LayerError(
            f"`layer`: `{model.name}` has no layer `{layer}`{did_you_mean(layer, list(tensors))}"
        )
    tensor = graph.outputs[0] if layer is None else tensors[layer]
    states = tracer.outputs[:1] if layer is None else tracer.states[layer][-1:]
    theoretical = field_of(tracer, layer)
    generator = np.random.default_rng(seed)
    sample = None
    if images is None:
        images = generator.uniform(size=(NOISE_IMAGES, *shape)).astype("float32")
    else:
        images = np.asarray(images, dtype="float32")
        if images.shape[1:] != shape or not len(images):
            expected = ", ".join(map(str, shape))
            raise ValueError(f"`images`: expected shape (batch, {expected}); got {images.shape}.")
        sample = images[0]
    moving = {trace.axis for state in states for trace in state.values() if trace.axis}
    squares = _squared_gradients(model, tensor, images, moving, generator)
    positions = position_axes(0, (None, *shape), tracer.channels)
    others = tuple(axis - 1 for axis in range(1, len(shape) + 1) if axis not in positions)
    squares = squares.sum(axis=others)
    if not squares.max() > 0:
        raise LayerError(
            f"`layer`: expected gradients from `{theoretical.layer}` to the input; got zeros. "
            "Its units may be dead, or a layer before it may have no gradient."
        )
    relative = np.sqrt(squares / squares.max()).astype("float32")
    area = int((relative > THRESHOLD).sum())
    return EffectiveReceptiveField(
        layer=theoretical.layer,
        map=relative,
        area=area,
        size=area ** (1 / relative.ndim),
        radius=_radius(squares),
        theoretical=theoretical,
        window=theoretical.window(),
        images=len(images),
        _sample=sample,
    )


def _squared_gradients(
    model: keras.Model, tensor: Any, images: Any, moving: set[int], generator: np.random.Generator
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the mean square of the gradients of a map's central unit, per value of the input."""
    until = keras.Model(model.inputs, tensor)

    def signed_sum(values: Any, signs: Any) -> Any:
        return ops.sum(ops.cast(until(values, training=False), "float32") * signs)

    shape = tuple(tensor.shape)[1:]
    unit = tuple(n // 2 if axis in moving else slice(None) for axis, n in enumerate(shape, 1))
    total = np.zeros(images.shape[1:])
    for start in range(0, len(images), CHUNK):
        batch = images[start : start + CHUNK]
        signs = np.zeros((len(batch), *shape), "float32")
        chosen = signs[(slice(None), *unit)]
        signs[(slice(None), *unit)] = generator.choice([-1.0, 1.0], chosen.shape)
        gradient, _ = gradients(signed_sum, batch, signs)
        total += np.square(gradient.astype("float64")).sum(axis=0)
    mean: np.ndarray[Any, np.dtype[np.float64]] = total / len(images)
    return mean


def _radius(weights: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return the root mean square distance from the centre of a distribution of weights.

    Examples
    --------
    >>> _radius(np.array([1.0, 0.0, 1.0]))
    1.0
    """
    total, variance = weights.sum(), 0.0
    for axis, length in enumerate(weights.shape):
        others = tuple(other for other in range(weights.ndim) if other != axis)
        along, places = np.asarray(weights.sum(axis=others)), np.arange(length)
        centre = (along * places).sum() / total
        variance += (along * (places - centre) ** 2).sum() / total
    return math.sqrt(variance)
