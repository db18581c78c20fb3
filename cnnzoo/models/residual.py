"""ResNet for small images: He et al. (2015), "Deep residual learning", section 4.2."""

from typing import TYPE_CHECKING, Any, Unpack

from cnnzoo.models.registry import register
from cnnzoo.vocabulary import (
    Conv,
    Filters,
    Growth,
    Head,
    KernelSize,
    PaddingMode,
    ResidualDepth,
    Shared,
    Skip,
)

if TYPE_CHECKING:
    import keras


@register(
    "003, 001",
    parameters=271_098,
    input_shape=(32, 32, 3),
    normalization="batch",
    norm_momentum=0.9,
    kernel_initializer="he_normal",
)
def residual(
    *,
    filters: Filters = 16,
    growth: Growth = 2.0,
    depth: ResidualDepth = 20,
    kernel_size: KernelSize = 3,
    padding_mode: PaddingMode = "zeros",
    conv: Conv = "standard",
    skip: Skip = True,
    head: Head = "average",
    **shared: Unpack[Shared],
) -> "keras.Model":
    """ResNet of depth 6n + 2: three stages of n blocks, with shortcuts without weights (option A).

    ``skip=False`` builds the plain network of the same depth.
    """
    import keras

    from cnnzoo.models.blocks import Blocks
    from cnnzoo.models.image_format import channels
    from cnnzoo.models.layers import ZeroPadShortcut

    net = Blocks(**shared)
    # Normalization before the activation cancels the bias of the convolution.
    use_bias = net.normalization == "none" or net.norm_position == "after"
    options: dict[str, Any] = {
        "kernel_size": kernel_size,
        "padding_mode": padding_mode,
        "conv": conv,
        "use_bias": use_bias,
    }
    inputs = net.input()
    x = net.unit(inputs, filters, "stem", **options)
    for stage in range(3):
        width = round(filters * growth**stage)
        for block in range((depth - 2) // 6):
            role = f"stage{stage + 1}_block{block + 1}"
            strides = 2 if stage > 0 and block == 0 else 1
            shortcut = x
            x = net.unit(x, width, f"{role}_first", strides=strides, **options)
            x = net.conv(x, width, f"{role}_second", **options)
            if not skip:
                x = net.finish_unit(x, f"{role}_second")
                continue
            if strides > 1 or channels(shortcut) != width:
                shortcut = ZeroPadShortcut(width, strides, name=f"{role}_shortcut")(shortcut)
            if net.norm_position == "before":
                x = net.normalize(x, f"{role}_second")
            x = keras.layers.Add(name=f"{role}_add")([x, shortcut])
            x = net.activate(x, f"{role}_second")
            if net.norm_position == "after":
                x = net.normalize(x, f"{role}_second")
    return net.model(inputs, x, head)
