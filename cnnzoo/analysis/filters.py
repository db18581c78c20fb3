"""Filters of a convolution: its kernel, and its picture."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.analysis.feature_maps import InspectionError, inspectable
from cnnzoo.analysis.tiles import grey, tiles
from cnnzoo.toggle import did_you_mean

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Filters:
    """The filters of one convolution.

    Parameters
    ----------
    layer
        Name of the layer.
    weights
        Kernel of the shape (height, width, input channels, filters).
    """

    layer: str
    weights: Array

    def plot(self, *, most: int = 64) -> Any:
        """Draw the filters, with 0 as middle grey and each scaled by itself.

        Filters of three channels are drawn in colour; of others, the mean over the channels.

        Parameters
        ----------
        most
            Number of filters to draw, those with the largest norm.

        Returns
        -------
        altair.LayerChart
        """
        norms = np.sqrt((self.weights.astype(float) ** 2).sum(axis=(0, 1, 2)))
        shown = sorted(int(place) for place in np.argsort(-norms, kind="stable")[:most])
        count, channels = len(norms), self.weights.shape[2]
        which = f"{len(shown)} of {count} filters" if len(shown) < count else f"{count} filters"
        mean = "" if channels in (1, 3) else f", mean over {channels} channels"
        return tiles(
            [grey(self.weights[:, :, :, place], symmetric=True) for place in shown],
            [f"{place}" for place in shown],
            title=f"{which} of {self.layer}{mean}",
            side=56,
            columns=12,
        )


def filters(model: keras.Model, layer: str | None = None) -> Filters:
    """Return the filters of a convolution.

    The filters of the first layer often become detectors of edges and colours (claim C28).

    Parameters
    ----------
    model
        A built functional or sequential model. Layers of nested models are found too.
    layer
        Name of a two-dimensional convolution; the first one if left out.

    Returns
    -------
    Filters
        With the kernel as ``weights`` and the method ``plot``.

    Raises
    ------
    InspectionError
        If the model has no such convolution.

    References
    ----------
    Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks".

    Examples
    --------
    >>> import cnnzoo
    >>> filters(cnnzoo.build("simple_cnn")).weights.shape
    (3, 3, 3, 16)
    """
    inspectable(model)
    kernels = {name: kernel for name, kernel in _kernels(model) if len(kernel.shape) == 4}
    if not kernels:
        raise InspectionError(f"`{model.name}`: expected a model with a convolution; it has none.")
    if layer is not None and layer not in kernels:
        raise InspectionError(
            f"`layer`: `{model.name}` has no two-dimensional convolution "
            f"`{layer}`{did_you_mean(layer, [*kernels])}"
        )
    name = layer or next(iter(kernels))
    kernel = keras.ops.convert_to_tensor(kernels[name])
    return Filters(name, keras.ops.convert_to_numpy(kernel))


def _kernels(model: keras.Model) -> list[tuple[str, Any]]:
    """Return the kernels of convolutions by name of the layer, in the order of the model."""
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += [(f"{layer.name}/{name}", kernel) for name, kernel in _kernels(layer)]
        elif isinstance(layer, keras.layers.DepthwiseConv2D | keras.layers.Conv2D):
            found.append((layer.name, layer.kernel))
        elif isinstance(layer, keras.layers.SeparableConv2D):
            found.append((layer.name, layer.depthwise_kernel))
    return found
