"""Augmentation of training images: the levels of the toggle ``augment`` as Keras layers."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cnnzoo.data import DataInfo
from cnnzoo.models.layers import PixelCutMix
from cnnzoo.models.losses import LossChoice
from cnnzoo.runtime.seeding import stream
from cnnzoo.toggle import ToggleError


@dataclass(frozen=True)
class Augmentation:
    """One level of the toggle ``augment``.

    Parameters
    ----------
    make
        Function from the number of channels and ``seed`` to a Keras layer for pixels in [0, 1].
    mixes_labels
        Whether the layer mixes the labels together with the images.
    """

    make: Callable[..., Any]
    mixes_labels: bool = False


def _crop(_: int, **options: Any) -> Any:
    # He et al. (2015) pad 4 of 32 pixels and crop, which moves each image by up to an eighth;
    # Keras's RandomCrop shifts all images of a batch equally.
    return keras.layers.RandomTranslation(
        1 / 8, 1 / 8, fill_mode="constant", interpolation="nearest", **options
    )


def _flip(_: int, **options: Any) -> Any:
    return keras.layers.RandomFlip("horizontal", **options)


def _vertical_flip(_: int, **options: Any) -> Any:
    return keras.layers.RandomFlip("vertical", **options)


def _color_jitter(channels: int, **options: Any) -> Any:
    if channels == 3:
        options |= {"saturation_factor": (0.4, 0.6), "hue_factor": (0.0, 0.05)}
    return keras.layers.RandomColorJitter(
        # pairs, because Keras draws from [1, 1.2] if contrast is one number
        value_range=(0, 1),
        brightness_factor=(-0.2, 0.2),
        contrast_factor=(0.2, 0.2),
        **options,
    )


def _cutout(_: int, **options: Any) -> Any:
    # DeVries and Taylor (2017): a square of half the image's side, in every image; if `factor` is
    # one number, Keras draws the probability and erases in half of the images
    return keras.layers.RandomErasing(
        factor=(1.0, 1.0), scale=(0.25, 0.25), fill_value=0.0, value_range=(0, 1), **options
    )


def _cutmix(_: int, **options: Any) -> Any:
    # Yun et al. (2019): alpha is 1; if `factor` is one number, Keras draws alpha for each batch
    return PixelCutMix(factor=(1.0, 1.0), **options)


def _mixup(_: int, **options: Any) -> Any:
    return keras.layers.MixUp(alpha=0.2, **options)  # Zhang et al. (2018)


AUGMENTATIONS = {
    "crop": Augmentation(_crop),
    "flip": Augmentation(_flip),
    "vertical_flip": Augmentation(_vertical_flip),
    "color_jitter": Augmentation(_color_jitter),
    "cutout": Augmentation(_cutout),
    "cutmix": Augmentation(_cutmix, mixes_labels=True),
    "mixup": Augmentation(_mixup, mixes_labels=True),
}


def check_augmentation(names: str, info: DataInfo, choices: Iterable[LossChoice]) -> None:
    """Raise ToggleError if an augmentation does not fit the data or the losses."""
    if names == "none":
        return
    if len(info.input_shape) != 3:
        raise ToggleError(
            f"`augment` of `Recipe`: {names} needs images, but `{info.name}` has examples of shape "
            f"{info.input_shape}. Pass augment='none'."
        )
    mixing = [name for name in names.split("+") if AUGMENTATIONS[name].mixes_labels]
    if mixing and info.outputs:
        raise ToggleError(
            f"`augment` of `Recipe`: {mixing[0]} mixes labels of one output, but `{info.name}` has "
            f"{len(info.outputs)}. Choose another augmentation."
        )
    choice = next((one for one in choices if one.labels != "one-hot"), None)
    if mixing and choice is not None:
        raise ToggleError(
            f"`augment` of `Recipe`: {mixing[0]} mixes labels, but {choice.name} needs class ids. "
            "Build the model with loss='categorical_crossentropy', which is the same loss for "
            "unmixed labels."
        )
    if mixing and info.classes == 1:
        raise ToggleError(
            f"`augment` of `Recipe`: {mixing[0]} mixes class labels, but `{info.name}` is a "
            "regression. Choose another augmentation."
        )


class Augmenter:
    """Augmentation of a batch of images and labels.

    Images are float tensors of shape (batch, height, width, channels), labels have shape (batch,
    outputs).

    Parameters
    ----------
    names
        Value of the toggle ``augment``, except "none".
    info
        Description of the data, which gives the scale of the pixels; the layers work on pixels in
        [0, 1].
    seed
        Seed of the trial. Each augmentation has its own random stream.
    """

    def __init__(self, names: str, info: DataInfo, seed: int) -> None:
        channels = info.input_shape[-1]
        with _float32_channels_last():
            self._layers = [
                (
                    AUGMENTATIONS[name].make(channels, seed=stream(seed, "augment", name)),
                    AUGMENTATIONS[name].mixes_labels,
                )
                for name in names.split("+")
            ]
        self._scale, self._offset = np.array((info.scale, info.offset), dtype="float32")

    def __call__(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """Return the augmented images and labels of a batch."""
        images = images * self._scale + self._offset
        for layer, mixes_labels in self._layers:
            if mixes_labels:
                mixed = layer({"images": images, "labels": labels}, training=True)
                images, labels = mixed["images"], mixed["labels"]
            else:
                images = layer(images, training=True)
        return (images - self._offset) / self._scale, labels

    def start(self) -> None:
        """Reset the random streams."""
        for layer, _ in self._layers:
            # inside tf.data, layers of another backend draw from a second generator
            generator = layer._get_seed_generator("tensorflow")  # there is no public name
            generator.state.assign([layer.seed, 0])


@contextlib.contextmanager
def _float32_channels_last() -> Iterator[None]:
    """Create layers for float32 images with channels last, whatever the model uses.

    Arguments of a layer would not reach its inner layers.
    """
    policy, data_format = keras.config.dtype_policy(), keras.config.image_data_format()
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
        keras.config.set_image_data_format(data_format)
