"""Random changes to training images, by name, from Keras's layers."""

import contextlib
from collections.abc import Callable, Iterator
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
        From the number of channels and Keras's option for the random stream to a Keras layer for
        pixels from 0 to 1.
    mixes_labels
        Whether the layer mixes the labels along with the images.
    """

    make: Callable[..., Any]
    mixes_labels: bool = False


def _crop(_: int, **options: Any) -> Any:
    # He et al. (2015) pad 4 of 32 pixels and crop, which moves each image by up to an eighth;
    # Keras's RandomCrop moves a whole batch alike.
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
        # two numbers each, or Keras would draw contrast from 1 to 1.2 alone
        value_range=(0, 1),
        brightness_factor=(-0.2, 0.2),
        contrast_factor=(0.2, 0.2),
        **options,
    )


def _cutout(_: int, **options: Any) -> Any:
    # DeVries and Taylor (2017): a square of half the image's side, in every image; of one number
    # Keras would draw the probability itself, and erase in every other image
    return keras.layers.RandomErasing(
        factor=(1.0, 1.0), scale=(0.25, 0.25), fill_value=0.0, value_range=(0, 1), **options
    )


def _cutmix(_: int, **options: Any) -> Any:
    # Yun et al. (2019): alpha is 1; of one number Keras would draw it for each batch
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


def check_augmentation(names: str, info: DataInfo, choice: LossChoice) -> None:
    """Refuse augmentations that the data or the loss cannot take.

    Raises
    ------
    ToggleError
        For data that are not images, and for mixed labels where the loss takes class ids.
    """
    if names == "none":
        return
    if len(info.input_shape) != 3:
        raise ToggleError(
            f"`augment` of `Recipe`: {names} changes images; `{info.name}` has examples of shape "
            f"{info.input_shape}. Give 'none'."
        )
    mixing = [name for name in names.split("+") if AUGMENTATIONS[name].mixes_labels]
    if mixing and choice.labels != "one-hot":
        raise ToggleError(
            f"`augment` of `Recipe`: {mixing[0]} mixes labels, which {choice.name} cannot take. "
            "Build the model with loss='categorical_crossentropy', which is the same loss on "
            "labels that are not mixed."
        )
    if mixing and info.classes == 1:
        raise ToggleError(
            f"`augment` of `Recipe`: {mixing[0]} mixes the labels of classes; `{info.name}` is a "
            "regression."
        )


class Augmenter:
    """Augmentation of a batch: a function from (images, labels) to augmented ones.

    Images are float tensors of shape (batch, height, width, channels), labels of shape (batch,
    outputs).

    Parameters
    ----------
    names
        A value of the toggle ``augment``.
    info
        Of the data, for the scale of their pixels: the layers work on pixels from 0 to 1.
    seed
        Of the trial; each augmentation draws from a stream of its own.
    """

    def __init__(self, names: str, info: DataInfo, seed: int) -> None:
        chosen = {name: AUGMENTATIONS[name] for name in names.split("+")}
        with _plain_pixels():
            self._layers = [
                (
                    augmentation.make(info.input_shape[-1], seed=stream(seed, "augment", name)),
                    augmentation.mixes_labels,
                )
                for name, augmentation in chosen.items()
            ]
        self._scale, self._offset = np.array((info.scale, info.offset), dtype="float32")

    def __call__(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """Change a batch."""
        images = images * self._scale + self._offset
        for layer, mixes_labels in self._layers:
            if mixes_labels:
                mixed = layer({"images": images, "labels": labels}, training=True)
                images, labels = mixed["images"], mixed["labels"]
            else:
                images = layer(images, training=True)
        return (images - self._offset) / self._scale, labels

    def start(self) -> None:
        """Set the random streams back to their start."""
        for layer, _ in self._layers:
            # in a stream of TensorFlow's, layers of another backend draw from a second generator
            generator = layer._get_seed_generator("tensorflow")  # no public name tells
            generator.state.assign([layer.seed, 0])


@contextlib.contextmanager
def _plain_pixels() -> Iterator[None]:
    """Make layers for float32 images with channels last, whatever the model computes in.

    Options of the layers would not reach the ones that some of them consist of.
    """
    policy, data_format = keras.config.dtype_policy(), keras.config.image_data_format()
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
        keras.config.set_image_data_format(data_format)
