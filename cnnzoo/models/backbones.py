"""The networks of keras.applications as backbones: what each expects, and its weights."""

import os
import re
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import ops

from cnnzoo.models.layers import KERNELS, PACKAGE

DOWNLOAD_TIMEOUT = 30
"""Seconds without an answer after which a download is given up; Keras would wait for ever."""


@dataclass(frozen=True)
class Source:
    """What keras.applications asks of those who use one of its networks.

    Parameters
    ----------
    function
        Its name in keras.applications.
    mode
        The scale of its pixels: "tf", "torch" or "caffe" as of ``imagenet_utils``; "raw" is 0 to
        255, for a network that scales them itself.
    smallest
        The least height and width.
    channels_first
        Whether it runs where Keras's image data format is "channels_first".
    """

    function: str
    mode: str
    smallest: int = 32
    channels_first: bool = True


# The smallest network of each family, and the large MobileNetV3. Modes and sizes: the
# preprocess_input and the min_size of the families' modules in keras.applications.
BACKBONES = {
    "mobilenet": Source("MobileNet", "tf"),
    "mobilenet_v2": Source("MobileNetV2", "tf"),
    "mobilenet_v3_small": Source("MobileNetV3Small", "raw"),
    "mobilenet_v3_large": Source("MobileNetV3Large", "raw"),
    "nasnet_mobile": Source("NASNetMobile", "tf", channels_first=False),
    "efficientnet_b0": Source("EfficientNetB0", "raw"),
    "efficientnet_v2_b0": Source("EfficientNetV2B0", "raw"),
    "densenet121": Source("DenseNet121", "torch"),
    "resnet50": Source("ResNet50", "caffe"),
    "resnet50_v2": Source("ResNet50V2", "tf"),
    "vgg16": Source("VGG16", "caffe"),
    "xception": Source("Xception", "tf", smallest=71),
    "inception_v3": Source("InceptionV3", "tf", smallest=75),
    "inception_resnet_v2": Source("InceptionResNetV2", "tf", smallest=75),
    "convnext_tiny": Source("ConvNeXtTiny", "raw", channels_first=False),
}


@keras.saving.register_keras_serializable(package=PACKAGE)
class ImageNetPixels(keras.layers.Layer):
    """Bring pixels from 0..1 to the channels and the scale that a backbone was trained on.

    Parameters
    ----------
    mode
        "raw" for 0 to 255, else the mode of ``imagenet_utils.preprocess_input``.

    Notes
    -----
    One channel is repeated to three. Under mixed precision give the layer full precision, which
    the 256 steps of a pixel need.

    Examples
    --------
    >>> ImageNetPixels("tf")(ops.ones((1, 1, 1, 1))).numpy().tolist()
    [[[[1.0, 1.0, 1.0]]]]
    """

    def __init__(self, mode: str, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mode = mode
        self.data_format = data_format or keras.config.image_data_format()

    def call(self, inputs: Any) -> Any:
        """Return the pixels as the backbone takes them."""
        axis = 1 if self.data_format == "channels_first" else -1
        if inputs.shape[axis] == 1:
            inputs = ops.repeat(inputs, 3, axis=axis)
        if self.mode == "raw":
            return inputs * 255.0
        return keras.applications.imagenet_utils.preprocess_input(
            inputs * 255.0, data_format=self.data_format, mode=self.mode
        )

    def get_config(self) -> dict[str, Any]:
        """Return what the constructor takes."""
        return {**super().get_config(), "mode": self.mode, "data_format": self.data_format}


@keras.saving.register_keras_serializable(package=PACKAGE)
class InferenceModel(keras.Model):
    """A functional model that runs in inference mode even while a model around it trains.

    Notes
    -----
    ``backbone(x, training=False)``, as Keras's guide to transfer learning writes it, does not do
    it in Keras 3: ``fit`` replaces the argument (keras-team/keras, issue 20285).
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the output in inference mode, whatever `training` says."""
        return super().call(inputs, training=False, mask=mask)


def make_backbone(level: str, weights: str | None, shape: tuple[int, ...], train: bool) -> Any:
    """Make a network of keras.applications without its top: a vector of features per image.

    Parameters
    ----------
    level
        A level of the toggle ``backbone``.
    weights
        "imagenet", the path of a weights file, or None.
    shape
        Of the input, in Keras's image data format.
    train
        Whether it follows the training mode of the model around it.

    Returns
    -------
    keras.Model
        Named "backbone", its layers named as in a fresh session.

    Raises
    ------
    Exception
        Whatever Keras raises if it cannot get the weights or they do not fit.
    """
    with warnings.catch_warnings(), _patience(DOWNLOAD_TIMEOUT):
        # The MobileNets have weights by input size, and take those for 224 at any other.
        warnings.filterwarnings("ignore", "`input_shape` is undefined or non-square")
        network = getattr(keras.applications, BACKBONES[level].function)(
            include_top=False,
            weights="imagenet" if weights == "imagenet" else None,
            input_shape=shape,
            pooling="avg",  # here and not behind it, for ConvNeXt normalizes the means
        )
    if weights not in ("imagenet", None):
        network.load_weights(weights)
        _correct_variance(network)
    _restore_names(network)
    kind = keras.Model if train else InferenceModel
    return kind(network.inputs[0], network.outputs[0], name="backbone")


def cache() -> Path:
    """Return the folder in which Keras keeps the weights that it downloads."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def penalize(layers: list[Any], weight_decay: float) -> None:
    """Put an L2 penalty on the kernels of built layers, as `cnnzoo.models.blocks` does on its own.

    Parameters
    ----------
    layers
        Of any kind; a penalty counts only while its layer is trainable.
    weight_decay
        Factor of the penalty.
    """
    for outer in layers:
        for layer in outer._flatten_layers():
            for kernel in KERNELS:
                variable = getattr(layer, kernel, None)
                option = kernel.removesuffix("_kernel") + "_regularizer"
                if not hasattr(layer, option):
                    option = "depthwise_regularizer"  # of a DepthwiseConv2D, whose kernel is one
                if variable is not None and hasattr(layer, option):
                    variable.regularizer = keras.regularizers.L2(weight_decay)
                    setattr(layer, option, variable.regularizer)


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Let new connections fail after that time without an answer."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(before or seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _correct_variance(network: Any) -> None:
    """Mend EfficientNet's ImageNet file, whose variance is a deviation.

    Keras mends it by one more layer, but only when it downloads the file itself
    (tensorflow/tensorflow, issue 49930).
    """
    deviation = [0.229, 0.224, 0.225]
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.input_mean is None:
            variance = ops.convert_to_numpy(layer.adapt_variance).ravel()
            if abs(variance - deviation).max() < 1e-4:
                layer.adapt_variance.assign(layer.adapt_variance**2)
                layer.finalize_state()


def _restore_names(network: Any) -> None:
    """Number the layers that Keras named from 0, as if nothing had been built before.

    Initial weights follow from the layers' names, so these must not depend on other models.
    """
    numbered: dict[str, list[tuple[int, Any]]] = {}
    for layer in network.operations:
        base, number = re.fullmatch(r"(.*?)(?:_(\d+))?", layer.name).groups()  # type: ignore[union-attr]
        if base.replace("_", "") == type(layer).__name__.lower():
            numbered.setdefault(base, []).append((int(number or 0), layer))
    for base, layers in numbered.items():
        for count, (_, layer) in enumerate(sorted(layers, key=lambda pair: pair[0])):
            layer.name = f"{base}_{count}" if count else base
