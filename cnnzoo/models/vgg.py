"""VGG: Simonyan and Zisserman (2015), "Very deep convolutional networks"."""

from typing import TYPE_CHECKING, Unpack

from cnnzoo.models.registry import register
from cnnzoo.vocabulary import (
    Conv,
    Filters,
    Head,
    KernelSize,
    PaddingMode,
    Pool,
    PoolSize,
    Shared,
    VggDepth,
)

if TYPE_CHECKING:
    import keras

CONVOLUTIONS = {  # per stage, by depth: columns A, B, D and E of table 1 in the paper
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
WIDTHS = (1, 2, 4, 8, 8)  # of the stages, relative to the first


@register("001", parameters=578_410, input_shape=(32, 32, 3))
def vgg(
    *,
    filters: Filters = 16,
    depth: VggDepth = 11,
    kernel_size: KernelSize = 3,
    padding_mode: PaddingMode = "zeros",
    conv: Conv = "standard",
    pool: Pool = "max",
    pool_size: PoolSize = 2,
    head: Head = "flatten",
    **shared: Unpack[Shared],
) -> "keras.Model":
    """VGG with small width and one linear layer instead of three dense layers."""
    from cnnzoo.models.blocks import Blocks

    net = Blocks(**shared)
    x = inputs = net.input()
    for stage, (convolutions, width) in enumerate(
        zip(CONVOLUTIONS[depth], WIDTHS, strict=True), start=1
    ):
        for block in range(1, convolutions + 1):
            x = net.unit(
                x,
                filters * width,
                f"stage{stage}_block{block}",
                kernel_size=kernel_size,
                padding_mode=padding_mode,
                conv=conv,
            )
        x = net.pool(x, pool, pool_size, f"stage{stage}")
    return net.model(inputs, x, head)
