"""Custom Keras layers: border padding, shortcuts without weights, CutMix by pasted pixels."""

from typing import Any

import keras
from keras import ops

PACKAGE = "cnnzoo"

KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
"""Names of the weights that Keras layers multiply maps with."""


@keras.saving.register_keras_serializable(package=PACKAGE)
class BorderPadding(keras.layers.Layer):
    """Pad the spatial axes with values of the map instead of zeros.

    Parameters
    ----------
    amounts
        Numbers of pixels added before and after, one pair per spatial axis.
    mode
        "reflect" mirrors the map about its outermost pixels, "replicate" repeats these.

    Notes
    -----
    The input is (batch, *spatial, channels), or (batch, channels, *spatial) if Keras's image data
    format is "channels_first". The output has spatial axes that are larger by the amounts.

    Examples
    --------
    >>> row = ops.reshape(ops.arange(3.0), (1, 3, 1))
    >>> BorderPadding([(2, 2)], "reflect")(row)[0, :, 0].numpy().tolist()
    [2.0, 1.0, 0.0, 1.0, 2.0, 1.0, 0.0]
    >>> BorderPadding([(2, 2)], "replicate")(row)[0, :, 0].numpy().tolist()
    [0.0, 0.0, 0.0, 1.0, 2.0, 2.0, 2.0]
    """

    def __init__(
        self,
        amounts: list[tuple[int, int]],
        mode: str,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.amounts = [(before, after) for before, after in amounts]
        self.mode = mode
        self.data_format = data_format or keras.config.image_data_format()

    def call(self, inputs: Any) -> Any:
        """Return the padded map."""
        first = 2 if self.data_format == "channels_first" else 1
        if self.mode == "reflect":
            pads = [(0, 0)] * len(inputs.shape)
            pads[first : first + len(self.amounts)] = self.amounts
            return ops.pad(inputs, pads, mode="reflect")
        for axis, (before, after) in enumerate(self.amounts, start=first):
            size = inputs.shape[axis]
            nearest = [min(max(i, 0), size - 1) for i in range(-before, size + after)]
            inputs = ops.take(inputs, nearest, axis=axis)
        return inputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "amounts": self.amounts,
            "mode": self.mode,
            "data_format": self.data_format,
        }


@keras.saving.register_keras_serializable(package=PACKAGE)
class ZeroPadShortcut(keras.layers.Layer):
    """Reduce the positions of a map and change its number of channels, without weights.

    Option A of He et al. (2015), "Deep residual learning for image recognition", section 4.2:
    keep every `strides`-th position and append channels of zeros.

    Parameters
    ----------
    filters
        Number of channels of the output; surplus channels are dropped.
    strides
        Step between the positions that are kept, on every spatial axis.

    Examples
    --------
    >>> ZeroPadShortcut(filters=4, strides=2)(ops.ones((1, 8, 8, 2))).shape
    TensorShape([1, 4, 4, 4])
    """

    def __init__(
        self, filters: int, strides: int = 1, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.strides = strides
        self.data_format = data_format or keras.config.image_data_format()

    def call(self, inputs: Any) -> Any:
        """Return the reduced map."""
        rank = len(inputs.shape)
        channel_axis = 1 if self.data_format == "channels_first" else rank - 1
        step = [slice(None, None, self.strides)] * rank
        step[0] = slice(None)
        step[channel_axis] = slice(0, self.filters)
        kept = inputs[tuple(step)]
        missing = self.filters - kept.shape[channel_axis]
        if not missing:
            return kept
        pads = [(0, 0)] * rank
        pads[channel_axis] = (0, missing)
        return ops.pad(kept, pads)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "data_format": self.data_format,
        }


@keras.saving.register_keras_serializable(package=PACKAGE)
class PixelCutMix(keras.layers.CutMix):
    """CutMix with labels mixed by the number of pasted pixels.

    Yun et al. (2019), "CutMix: Regularization strategy to train strong classifiers with
    localizable features", section 3.1: the weight of the pasted label is the area of the pasted
    box, in whole pixels. Keras 3.15.1 uses the area of the box before it is rounded to whole
    pixels; on images of 8x8 pixels the difference is up to 0.23.

    Parameters
    ----------
    factor, seed
        See ``keras.layers.CutMix``.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.zeros((2, 8, 8, 1), "float32")
    >>> images[1] = 1.0
    >>> mixed = PixelCutMix((1.0, 1.0), seed=0)(
    ...     {"images": images, "labels": np.eye(2, dtype="float32")}, training=True
    ... )
    >>> shares = keras.ops.mean(mixed["images"], axis=(1, 2, 3))
    >>> bool(keras.ops.all(mixed["labels"][:, 1] == shares))
    True
    """

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Return the pasted boxes and the share of pixels that each image keeps."""
        transformation = super().get_random_transformation(data, training=training, seed=seed)
        if transformation is not None:
            masks = self.backend.cast(transformation["batch_masks"], self.compute_dtype)
            transformation["mix_weight"] = 1.0 - self.backend.numpy.mean(masks, axis=(1, 2, 3))
        return transformation
