"""Transfer learning: a linear head on a pretrained backbone, of which some layers may train."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Unpack

from cnnzoo.models.registry import register
from cnnzoo.toggle import Toggle, ToggleError, did_you_mean
from cnnzoo.vocabulary import Backbone, SharedByHeads

if TYPE_CHECKING:
    import keras

    from cnnzoo.models.blocks import Blocks

SUFFIXES = (".weights.h5", ".h5", ".hdf5", ".keras")
"""Suffixes of files from which Keras loads only weights."""

# Toggles of hidden layers, which a linear head does not have.
LINEAR: dict[str, Any] = {
    "activation": "linear",
    "normalization": "none",
    "norm_momentum": 0.99,
    "norm_position": "before",
}


class WeightsError(RuntimeError):
    """Raised if pretrained weights are not available or do not fit."""


Weights = Annotated[
    str | os.PathLike[str] | None,
    Toggle(
        "initial weights of the backbone: those of ImageNet, which Keras downloads once, or random "
        "ones; a file has the backbone's weights (.weights.h5, .h5, .hdf5 or .keras)",
        other_texts="the path of a file",
        objects={"imagenet": "imagenet", "none": None},
    ),
]
Unfreeze = Annotated[
    str,
    Toggle(
        "layers of the backbone that train: none, all, or from the one named to the last in the "
        "backbone's summary",
        levels=("none", "all"),
        other_texts="the name of a layer",
    ),
]


@register("003 step 7", parameters=2_270_794, input_shape=(32, 32, 3))
def transfer(
    *,
    backbone: Backbone = "mobilenet_v2",
    weights: Weights = "imagenet",
    unfreeze: Unfreeze = "none",
    **shared: Unpack[SharedByHeads],
) -> "keras.Model":
    """Train a linear head on the features of a backbone pretrained on ImageNet.

    Inputs are images with 1 or 3 channels and pixels in [0, 1]; the model rescales them as the
    backbone expects. The backbone runs in inference mode, including the layers that train: its
    BatchNormalization keeps its statistics and its dropout is off, because a small dataset would
    degrade them. The exception is ``unfreeze="all", weights=None``, which trains the whole network
    from scratch. `weight_decay` applies to the kernels of all layers that train,
    `kernel_initializer` to the head. `cnnzoo.WeightsError` is raised if the weights are not
    available or do not fit.
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
    trained_layers = _unfreeze(net, backbone, features, unfreeze)
    if net.weight_decay and net.optimizer not in DECOUPLED:
        penalize(trained_layers, net.weight_decay)
    if source:
        keep_pretrained(features)
    return net.model(inputs, features(pixels))


def _check_input(net: "Blocks", backbone: str) -> None:
    from cnnzoo.models.backbones import BACKBONES
    from cnnzoo.models.image_format import channels_first

    spec = BACKBONES[backbone]
    if net.rank != 2 or net.input_shape[-1] not in (1, 3):
        raise net.refuse(
            "input_shape",
            f"expected images, (height, width, channels) with 1 or 3 channels; got "
            f"{net.input_shape}.",
        )
    if min(net.input_shape[:2]) < spec.min_size:
        height, width, _ = net.input_shape
        raise net.refuse(
            "input_shape",
            f"{backbone} expected images of at least {spec.min_size}x{spec.min_size} pixels; "
            f"got {height}x{width}.",
        )
    if not spec.channels_first and channels_first():
        raise net.refuse("backbone", f"{backbone} does not support the format channels_first.")


def _check_weights(net: "Blocks", weights: object) -> str | None:
    """Return "imagenet", the path of an existing file, or None."""
    if weights is None or weights == "none":
        return None
    if not isinstance(weights, str | os.PathLike):
        raise ToggleError(
            f"`weights` of `{net.name}`: expected None, 'imagenet' or a path; got {weights!r}."
        )
    source = str(Path(weights).expanduser())
    if source == "imagenet" or (source.endswith(SUFFIXES) and Path(source).is_file()):
        return source
    if not source.endswith(SUFFIXES):
        suggestion = did_you_mean(source, ["imagenet", "none"], quote="'")
        raise ToggleError(
            f"`weights` of `{net.name}`: expected None, 'imagenet' or the path of a file that ends "
            f"in {', '.join(SUFFIXES)}; got {source!r}{suggestion}"
        )
    raise WeightsError(f"`weights` of `{net.name}`: file {source} does not exist.")


def _load(
    net: "Blocks", backbone: str, source: str | None, shape: tuple[int, ...], train: bool
) -> "keras.Model":
    """Return the backbone with its weights, or raise WeightsError."""
    from cnnzoo.models.backbones import make_backbone, weights_folder

    try:
        return make_backbone(backbone, source, shape, train=train and source is None)
    except Exception as error:
        if source is None:
            raise
        reason = str(error).strip().partition("\n")[0].rstrip(".:")
    if source == "imagenet":
        raise WeightsError(
            f"`weights` of `{net.name}`: the ImageNet weights of {backbone} are not available "
            f"({reason}). Keras downloads them once to {weights_folder()}; delete an incomplete "
            "file there. Without a network pass weights=None for random weights, or the path of a "
            "file with the backbone's weights."
        )
    raise WeightsError(
        f"`weights` of `{net.name}`: {source} does not contain the weights of {backbone} without "
        f"its top ({reason})."
    )


def _unfreeze(
    net: "Blocks", backbone: str, features: "keras.Model", unfreeze: str
) -> list["keras.Layer"]:
    """Freeze the layers before the one named and return the others."""
    names = [layer.name for layer in features.layers]
    if unfreeze == "all":
        return list(features.layers)
    if unfreeze == "none":
        features.trainable = False
        return []
    if unfreeze not in names:
        suggestion = did_you_mean(str(unfreeze), names, quote="'")
        raise ToggleError(
            f"`unfreeze` of `{net.name}`: expected 'none', 'all' or the name of a layer of "
            f"{backbone}; got {unfreeze!r}{suggestion}"
        )
    first = names.index(unfreeze)
    for layer in features.layers[:first]:
        layer.trainable = False
    return list(features.layers[first:])
