"""Class activation: the parts of an image that speak for a class, by Grad-CAM."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnzoo.analysis.feature_maps import InspectionError, find_layer, inspectable, one_image
from cnnzoo.analysis.gradients import gradients
from cnnzoo.analysis.tiles import grey, heat, tiles

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ClassActivation:
    """Map of the evidence for a class over an image.

    Parameters
    ----------
    image
        The image, (height, width, channels).
    values
        Evidence from 0 to 1 at the positions of the layer's map, (map height, map width); all 0 if
        nothing speaks for the class.
    label
        The class.
    layer
        Name of the layer whose maps were weighted.
    score
        Output of the model for the class.
    """

    image: Array
    values: Array
    label: int
    layer: str
    score: float

    def plot(self) -> Any:
        """Draw the image, the evidence enlarged to its size, and one over the other.

        Returns
        -------
        altair.LayerChart
        """
        height, width = self.image.shape[:2]
        resized = keras.ops.image.resize(
            self.values[:, :, None], (height, width), data_format="channels_last"
        )
        evidence = keras.ops.convert_to_numpy(resized)[:, :, 0]
        picture, colours = grey(self.image), heat(evidence)
        mixed = (0.5 * picture + 0.5 * colours).astype("uint8")
        return tiles(
            [picture, colours, mixed],
            ["image", "evidence", "both"],
            title=f"Evidence for class {self.label} in {self.layer}, output {self.score:.3g}",
            side=160,
        )


def class_activation(
    model: keras.Model, image: ArrayLike, label: int | None = None, layer: str | None = None
) -> ClassActivation:
    r"""Compute which parts of an image speak for a class, by Grad-CAM.

    The maps :math:`A_k` of a layer are weighted by the mean gradient of the class's output before
    the softmax, :math:`\alpha_k = \operatorname{mean}_{ij} \partial y / \partial A_{kij}`, and the
    map is :math:`\max(0, \sum_k \alpha_k A_k)`, scaled to a maximum of 1. For a softmax head the
    logits are recovered as log probabilities, whose gradients differ from those of the logits only
    by a term that all classes share.

    Parameters
    ----------
    model
        A built functional or sequential classifier with one input.
    image
        One image of the shape (height, width, channels), with or without a batch axis.
    label
        The class; the one with the largest output if left out.
    layer
        Name of a layer with maps; the last one if left out.

    Returns
    -------
    ClassActivation
        With the map as ``values`` and the method ``plot``.

    Raises
    ------
    InspectionError
        If the model has no layer with maps, or the image, the layer or the class does not fit.

    References
    ----------
    Selvaraju et al. (2017), "Grad-CAM: visual explanations from deep networks via gradient-based
    localization".

    Examples
    --------
    >>> import cnnzoo
    >>> result = class_activation(cnnzoo.build("downsampling", seed=0), np.ones((28, 28, 1)), 3)
    >>> result.layer, result.values.shape
    ('stage2_activation', (11, 11))
    """
    batch = one_image(model, image)
    mapped = [one.name for one in inspectable(model) if len(one.output.shape) == 4]
    if not mapped or (layer is not None and layer not in mapped):
        if layer is not None:
            find_layer(model, layer)
        raise InspectionError(
            f"`{model.name}`: expected a layer with maps; "
            + (f"those with maps are {', '.join(mapped)}." if mapped else "it has none.")
        )
    name = layer or mapped[-1]
    tensor = find_layer(model, name).output
    maps = keras.ops.convert_to_numpy(keras.Model(model.inputs[0], tensor)(batch, training=False))
    head = keras.Model(tensor, model.outputs[0])
    scores = keras.ops.convert_to_numpy(head(maps, training=False))
    if scores.ndim != 2:
        raise InspectionError(
            f"`{model.name}`: expected a classifier with outputs (batch, classes); got "
            f"{scores.shape}."
        )
    classes = scores.shape[1]
    chosen = int(scores[0].argmax()) if label is None else label
    if not 0 <= chosen < classes:
        raise InspectionError(f"`label`: expected a class from 0 to {classes - 1}; got {label}.")
    positive = bool((scores >= 0).all() and (scores <= 1).all())

    def evidence(value: Any) -> Any:
        output = head(value, training=False)[0, chosen]
        return keras.ops.log(output + keras.config.epsilon()) if positive else output

    (gradient,) = gradients(evidence, maps)
    weights = gradient[0].mean(axis=(0, 1))
    values = np.maximum(maps[0] @ weights, 0)
    peak = float(values.max())
    values = values / peak if peak > 0 else values
    score = float(scores[0, chosen])
    return ClassActivation(batch[0], values.astype("float32"), chosen, name, score)
