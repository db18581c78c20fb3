"""Small MobileNet and EfficientNet, which consist of depthwise separable convolutions."""

from typing import TYPE_CHECKING, Any, Unpack

from cnnzoo.models.registry import register
from cnnzoo.vocabulary import (
    Conv,
    EfficientNetDepth,
    Filters,
    Head,
    KernelSize,
    MobileNetDepth,
    PaddingMode,
    Shared,
    Skip,
    SqueezeExcite,
)

if TYPE_CHECKING:
    import keras

    from cnnzoo.models.blocks import Blocks

# Width relative to the stem, and strides, of each block: Howard et al. (2017), table 1.
MOBILENET = ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2)) + ((16, 1),) * 5 + ((32, 2), (32, 1))

# Expansion, width relative to the stem, blocks, strides, kernel: Tan and Le (2019), table 1.
EFFICIENTNET = (
    (1, 16 / 32, 1, 1, 3),
    (6, 24 / 32, 2, 2, 3),
    (6, 40 / 32, 2, 2, 5),
    (6, 80 / 32, 3, 2, 3),
    (6, 112 / 32, 3, 1, 5),
    (6, 192 / 32, 4, 2, 5),
    (6, 320 / 32, 1, 1, 3),
)


@register(
    "001",
    parameters=223_850,
    input_shape=(32, 32, 3),
    normalization="batch",
    norm_momentum=0.9,
)
def mobilenet(
    *,
    filters: Filters = 8,
    depth: MobileNetDepth = 13,
    kernel_size: KernelSize = 3,
    padding_mode: PaddingMode = "zeros",
    conv: Conv = "separable",
    head: Head = "average",
    **shared: Unpack[Shared],
) -> "keras.Model":
    """MobileNet with small width; the stem keeps the image size, for small images.

    Each block is a depthwise and a pointwise convolution, both with normalization and activation
    (Howard et al. 2017, "MobileNets"). ``conv="standard"`` replaces each pair by one convolution.
    """
    from cnnzoo.models.blocks import Blocks

    net = Blocks(**shared)
    inputs = net.input()
    padded: dict[str, Any] = {"kernel_size": kernel_size, "padding_mode": padding_mode}
    x = net.unit(inputs, filters, "stem", **padded)
    for block, (width, strides) in enumerate(MOBILENET[:depth], start=1):
        role = f"block{block}"
        if conv == "standard":
            x = net.unit(x, filters * width, role, strides=strides, **padded)
        else:
            x = net.depthwise(x, f"{role}_spatial", strides=strides, **padded)
            x = net.finish_unit(x, f"{role}_spatial")
            x = net.unit(x, filters * width, f"{role}_channel", kernel_size=1)
    return net.model(inputs, x, head)


@register(
    "001",
    parameters=92_180,
    input_shape=(32, 32, 3),
    activation="silu",
    normalization="batch",
    norm_momentum=0.9,
)
def efficientnet(
    *,
    filters: Filters = 16,
    depth: EfficientNetDepth = 4,
    padding_mode: PaddingMode = "zeros",
    squeeze_excite: SqueezeExcite = True,
    skip: Skip = True,
    head: Head = "average",
    **shared: Unpack[Shared],
) -> "keras.Model":
    """First stages of EfficientNet-B0 with small width; the stem keeps the image size.

    The blocks are inverted bottlenecks with squeeze and excitation (Tan and Le 2019,
    "EfficientNet").
    """
    from cnnzoo.models.blocks import Blocks

    net = Blocks(**shared)
    inputs = net.input()
    x = net.unit(inputs, filters, "stem", kernel_size=3, padding_mode=padding_mode)
    for stage, (expansion, width, blocks, strides, kernel_size) in enumerate(
        EFFICIENTNET[:depth], start=1
    ):
        for block in range(blocks):
            x = _inverted_bottleneck(
                net,
                x,
                max(1, round(filters * width)),
                f"stage{stage}_block{block + 1}",
                expansion=expansion,
                squeeze_excite=squeeze_excite,
                skip=skip,
                kernel_size=kernel_size,
                strides=strides if block == 0 else 1,
                padding_mode=padding_mode,
            )
    return net.model(inputs, x, head)


def _inverted_bottleneck(
    net: "Blocks",
    x: "keras.KerasTensor",
    filters: int,
    role: str,
    *,
    expansion: int,
    squeeze_excite: bool,
    skip: bool,
    **depthwise: Any,
) -> "keras.KerasTensor":
    """Expand the channels, convolve and scale each, project them and add the input."""
    import keras

    from cnnzoo.models.image_format import channels

    block_input, width = x, channels(x)
    if expansion > 1:
        x = net.unit(x, width * expansion, f"{role}_expand", kernel_size=1)
    x = net.depthwise(x, f"{role}_spatial", **depthwise)
    x = net.finish_unit(x, f"{role}_spatial")
    if squeeze_excite:
        x = net.squeeze_excite(x, max(1, width // 4), role)
    x = net.normalize(net.conv(x, filters, f"{role}_project", kernel_size=1), f"{role}_project")
    if skip and x.shape == block_input.shape:
        x = keras.layers.Add(name=f"{role}_add")([x, block_input])
    return x
