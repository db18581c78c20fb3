"""Transfer learning: a pretrained backbone, frozen up to a layer, and a head on its features."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Unpack

from cnnzoo.models.registry import register
from cnnzoo.toggle import ToggleError, did_you_mean
from cnnzoo.vocabulary import Backbone, SharedByHeads

if TYPE_CHECKING:
    import keras

    from cnnzoo.models.blocks import Blocks

SUFFIXES = (".weights.h5", ".h5", ".hdf5", ".keras")
"""Files from which Keras reads weights and nothing else."""

# What the blocks ask about hidden layers, of which a linear head has none.
LINEAR: dict[str, Any] = {
    "activation": "linear",
    "normalization": "none",
    "norm_momentum": 0.99,
    "norm_position": "before",
}


class WeightsError(RuntimeError):
    """Pretrained weights that are not there or do not fit."""


Weights = Annotated[
    str | os.PathLike[str] | None,
    "Weights that the backbone starts from: 'imagenet', which Keras downloads once; the path of "
    "a file with the backbone's weights (.weights.h5, .h5, .hdf5 or .keras); None or 'none' for "
    "random ones.",
]
Unfreeze = Annotated[
    str,
    "Layers of the backbone that train: 'none', 'all', or the name of the first one, which trains "
    "with all that follow it in the backbone's summary.",
]


@register("003 step 7", input_shape=(32, 32, 3))
def transfer(
    *,
    backbone: Backbone = "mobilenet_v2",
    weights: Weights = "imagenet",
    unfreeze: Unfreeze = "none",
    **shared: Unpack[SharedByHeads],
) -> "keras.Model":
    """Train a linear head on the features of a backbone pretrained on ImageNet.

    Inputs are images with pixels from 0 to 1 and 1 or 3 channels; the model itself brings them to
    the scale that the backbone was trained on. The backbone's BatchNormalization keeps its
    statistics and its dropout stays off, in the layers that train too, because a small dataset
    would spoil them; ``unfreeze="all", weights=None`` is the exception, which trains the whole
    network from scratch as any other. `weight_decay` is about the kernels of all layers that
    train, `kernel_initializer` about the head's. `cnnzoo.WeightsError` is raised if the weights
    are not there or do not fit.
    """
    from cnnzoo.models.backbones import BACKBONES, ImageNetPixels, penalize
    from cnnzoo.models.blocks import Blocks
    from cnnzoo.models.initialization import keep_pretrained
    from cnnzoo.models.optimizers import DECOUPLED

    net = Blocks(**LINEAR, **shared)
    _check_input(net, backbone)
    source = _check_weights(net, weights)
    inputs = net.input()
    pixels = ImageNetPixels(
        BACKBONES[backbone].mode,
        dtype=inputs.dtype,
        name="pixels",
    )(inputs)
    features = _load(net, backbone, source, pixels.shape[1:], train=unfreeze == "all")
    trained = _unfreeze(net, backbone, features, unfreeze)
    if net.weight_decay and net.optimizer not in DECOUPLED:
        penalize(trained, net.weight_decay)
    if source:
        keep_pretrained(features)
    return net.model(inputs, features(pixels))


def _check_input(net: "Blocks", backbone: str) -> None:
    from cnnzoo.models.backbones import BACKBONES
    from cnnzoo.models.image_format import channels_first

    source = BACKBONES[backbone]
    if net.rank != 2 or net.input_shape[-1] not in (1, 3):
        raise net.refuse(
            "input_shape",
            "a backbone takes images, (height, width, channels) with 1 or 3 channels; "
            f"got {net.input_shape}.",
        )
    if min(net.input_shape[:2]) < source.smallest:
        height, width, _ = net.input_shape
        raise net.refuse(
            "input_shape",
            f"{backbone} takes images from {source.smallest}x{source.smallest} pixels; "
            f"got {height}x{width}.",
        )
    if not source.channels_first and channels_first():
        raise net.refuse("backbone", f"{backbone} takes no images in the format channels_first.")


def _check_weights(net: "Blocks", weights: object) -> str | None:
    """Return the weights' source: "imagenet", the path of a file that exists, or None."""
    if weights is None or weights == "none":
        return None
    if not isinstance(weights, str | os.PathLike):
        raise ToggleError(
            f"`weights` of `{net.name}` must be None, 'imagenet' or a path; got {weights!r}."
        )
    source = str(Path(weights).expanduser())
    if source == "imagenet" or (source.endswith(SUFFIXES) and Path(source).is_file()):
        return source
    if not source.endswith(SUFFIXES):
        end = did_you_mean(source, ["imagenet", "none"], quote="'")
        raise ToggleError(
            f"`weights` of `{net.name}` must be None, 'imagenet' or the path of a file that ends "
            f"in {', '.join(SUFFIXES)}; got {source!r}{end}"
        )
    raise WeightsError(f"`weights` of `{net.name}`: there is no file {source}.")


def _load(
    net: "Blocks", backbone: str, source: str | None, shape: tuple[int, ...], train: bool
) -> Any:
    """Make the backbone with its weights, or tell why they are not to be had."""
    from cnnzoo.models.backbones import cache, make_backbone

    try:
        return make_backbone(backbone, source, shape, train=train and source is None)
    except Exception as error:
        if source is None:
            raise
        reason = str(error).strip().partition("\n")[0].rstrip(".:")
    if source == "imagenet":
        raise WeightsError(
            f"`weights` of `{net.name}`: the ImageNet weights of {backbone} are not to be had "
            f"({reason}). Keras downloads them once and keeps them in {cache()}; a file there "
            "that is cut short must be deleted. Without a network give weights=None for random "
            "weights, or the path of a file with the backbone's weights."
        )
    raise WeightsError(
        f"`weights` of `{net.name}`: {source} does not hold the weights of {backbone} without "
        f"its top ({reason})."
    )


def _unfreeze(net: "Blocks", backbone: str, features: Any, unfreeze: str) -> list[Any]:
    """Freeze the layers before the one named, and return the others."""
    names = [layer.name for layer in features.layers]
    if unfreeze == "all":
        return list(features.layers)
    if unfreeze == "none":
        features.trainable = False
        return []
    if unfreeze not in names:
        end = did_you_mean(str(unfreeze), names, quote="'")
        raise ToggleError(
            f"`unfreeze` of `{net.name}` must be 'none', 'all' or the name of a layer of "
            f"{backbone}; got {unfreeze!r}{end}"
        )
    first = names.index(unfreeze)
    for layer in features.layers[:first]:
        layer.trainable = False
    return list(features.layers[first:])
