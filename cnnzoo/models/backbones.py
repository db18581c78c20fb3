"""Networks of keras.applications as backbones: input requirements, weights, preprocessing."""

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
"""Seconds without an answer after which a download fails; Keras would wait forever."""


@dataclass(frozen=True)
class BackboneSpec:
    """Requirements of a network of keras.applications.

    Parameters
    ----------
    function
        Name of the function in keras.applications.
    mode
        Scale of the pixels: "tf", "torch" or "caffe" of ``imagenet_utils``, or "raw" for 0 to 255,
        if the network scales them itself.
    min_size
        Minimum height and width.
    channels_first
        Whether the network supports the image data format "channels_first".
    """

    function: str
    mode: str
    min_size: int = 32
    channels_first: bool = True


# The smallest network of each family, and the large MobileNetV3. Modes and sizes are those of
# preprocess_input and min_size in keras.applications.
BACKBONES = {
    "mobilenet": BackboneSpec("MobileNet", "tf"),
    "mobilenet_v2": BackboneSpec("MobileNetV2", "tf"),
    "mobilenet_v3_small": BackboneSpec("MobileNetV3Small", "raw"),
    "mobilenet_v3_large": BackboneSpec("MobileNetV3Large", "raw"),
    "nasnet_mobile": BackboneSpec("NASNetMobile", "tf", channels_first=False),
    "efficientnet_b0": BackboneSpec("EfficientNetB0", "raw"),
    "efficientnet_v2_b0": BackboneSpec("EfficientNetV2B0", "raw"),
    "densenet121": BackboneSpec("DenseNet121", "torch"),
    "resnet50": BackboneSpec("ResNet50", "caffe"),
    "resnet50_v2": BackboneSpec("ResNet50V2", "tf"),
    "vgg16": BackboneSpec("VGG16", "caffe"),
    "xception": BackboneSpec("Xception", "tf", min_size=71),
    "inception_v3": BackboneSpec("InceptionV3", "tf", min_size=75),
    "inception_resnet_v2": BackboneSpec("InceptionResNetV2", "tf", min_size=75),
    "convnext_tiny": BackboneSpec("ConvNeXtTiny", "raw", channels_first=False),
}


@keras.saving.register_keras_serializable(package=PACKAGE)
class ImageNetPixels(keras.layers.Layer):
    """Convert pixels in [0, 1] to the channels and scale that a backbone was trained on.

    Parameters
    ----------
    mode
        "raw" for 0 to 255, or the mode of ``imagenet_utils.preprocess_input``.

    Notes
    -----
    One channel is repeated to three. Under mixed precision the layer needs full precision, to keep
    the 256 levels of a pixel apart.

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
        """Return the converted pixels."""
        axis = 1 if self.data_format == "channels_first" else -1
        if inputs.shape[axis] == 1:
            inputs = ops.repeat(inputs, 3, axis=axis)
        if self.mode == "raw":
            return inputs * 255.0
        return keras.applications.imagenet_utils.preprocess_input(
            inputs * 255.0, data_format=self.data_format, mode=self.mode
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "mode": self.mode, "data_format": self.data_format}


@keras.saving.register_keras_serializable(package=PACKAGE)
class InferenceModel(keras.Model):
    """A functional model that stays in inference mode while the model around it trains.

    Notes
    -----
    ``backbone(x, training=False)``, as in Keras's guide to transfer learning, has no effect in
    Keras 3: ``fit`` replaces the argument (keras-team/keras, issue 20285).
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the output in inference mode; `training` is ignored."""
        return super().call(inputs, training=False, mask=mask)


def make_backbone(
    level: str, weights: str | None, shape: tuple[int, ...], train: bool
) -> keras.Model:
    """Return a network of keras.applications that maps an image to a feature vector.

    Parameters
    ----------
    level
        Level of the toggle ``backbone``.
    weights
        "imagenet", the path of a weights file, or None.
    shape
        Input shape in Keras's image data format.
    train
        Whether the network follows the training mode of the model around it.

    Returns
    -------
    keras.Model
        Model named "backbone"; its layers have the names of a new session.

    Raises
    ------
    Exception
        Any exception of Keras, if the weights cannot be loaded or do not fit.
    """
    with warnings.catch_warnings(), _download_timeout(DOWNLOAD_TIMEOUT):
        # MobileNets have weights for some input sizes and use those for 224 otherwise.
        warnings.filterwarnings("ignore", "`input_shape` is undefined or non-square")
        network = getattr(keras.applications, BACKBONES[level].function)(
            include_top=False,
            weights="imagenet" if weights == "imagenet" else None,
            input_shape=shape,
            pooling="avg",  # inside the network, because ConvNeXt normalizes the means
        )
    if weights not in ("imagenet", None):
        network.load_weights(weights)
        _correct_variance(network)
    _restore_names(network)
    model_class = keras.Model if train else InferenceModel
    return model_class(network.inputs[0], network.outputs[0], name="backbone")


def weights_folder() -> Path:
    """Return the folder of the weights that Keras has downloaded."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def penalize(layers: list[keras.Layer], weight_decay: float) -> None:
    """Add an L2 penalty to the kernels of built layers.

    Parameters
    ----------
    layers
        Layers of any class. Keras counts a penalty only while its layer is trainable.
    weight_decay
        Factor of the penalty.
    """
    for outer in layers:
        for layer in outer._flatten_layers():
            for kernel in KERNELS:
                variable = getattr(layer, kernel, None)
                option = kernel.removesuffix("_kernel") + "_regularizer"
                if not hasattr(layer, option):
                    option = "depthwise_regularizer"  # for the `kernel` of a DepthwiseConv2D
                if variable is not None and hasattr(layer, option):
                    variable.regularizer = keras.regularizers.L2(weight_decay)
                    setattr(layer, option, variable.regularizer)


@contextmanager
def _download_timeout(seconds: float) -> Iterator[None]:
    """Set the timeout of new connections."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(before or seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _correct_variance(network: keras.Model) -> None:
    """Correct EfficientNet's ImageNet weights, which hold deviations instead of variances.

    Keras corrects them with an additional layer, but only if it downloads the file itself
    (tensorflow/tensorflow, issue 49930).
    """
    deviation = [0.229, 0.224, 0.225]
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.input_mean is None:
            variance = ops.convert_to_numpy(layer.adapt_variance).ravel()
            if abs(variance - deviation).max() < 1e-4:
                layer.adapt_variance.assign(layer.adapt_variance**2)
                layer.finalize_state()


def _restore_names(network: keras.Model) -> None:
    """Restart the numbers in the names that Keras gave the layers.

    The initial weights follow from these names, so they must not depend on earlier models.
    """
    numbered: dict[str, list[tuple[int, Any]]] = {}
    for layer in network.operations:
        base, number = re.fullmatch(r"(.*?)(?:_(\d+))?", layer.name).groups()  # type: ignore[union-attr]
        if base.replace("_", "") == type(layer).__name__.lower():
            numbered.setdefault(base, []).append((int(number or 0), layer))
    for base, layers in numbered.items():
        for count, (_, layer) in enumerate(sorted(layers, key=lambda pair: pair[0])):
            layer.name = f"{base}_{count}" if count else base
