"""Plain CNNs: stages of one convolution each, followed by pooling in the first ones."""

from typing import TYPE_CHECKING, Any, Unpack

from cnnzoo.models.registry import preset, register
from cnnzoo.vocabulary import (
    Conv,
    Depth,
    Dilation,
    Filters,
    Growth,
    Head,
    KernelSize,
    Padding,
    PaddingMode,
    Pool,
    PoolSize,
    PoolStages,
    Shared,
    Strides,
)

if TYPE_CHECKING:
    import keras


def plain(
    *,
    filters: Filters = 32,
    growth: Growth = 2.0,
    depth: Depth = 2,
    kernel_size: KernelSize = 3,
    strides: Strides = 1,
    padding: Padding = "valid",
    padding_mode: PaddingMode = "zeros",
    dilation: Dilation = 1,
    conv: Conv = "standard",
    pool: Pool = "max",
    pool_size: PoolSize = 2,
    pool_stages: PoolStages = 1,
    head: Head = "flatten",
    **shared: Unpack[Shared],
) -> "keras.Model":
    """Build stages of convolution, normalization, activation and, in the first ones, pooling."""
    from cnnzoo.models.blocks import Blocks

    net = Blocks(**shared)
    x = inputs = net.input()
    for stage in range(depth):
        role = f"stage{stage + 1}"
        x = net.unit(
            x,
            round(filters * growth**stage),
            role,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            padding_mode=padding_mode,
            dilation=dilation,
            conv=conv,
        )
        if stage < pool_stages:
            x = net.pool(x, pool, pool_size, role)
    return net.model(inputs, x, head)


@preset(plain, "000 ex. 1", parameters=96_266)
def downsampling() -> None:
    """Two convolutions with max pooling between them, to measure the cost of downsampling."""


@preset(plain, "000 ex. 2", parameters=94_650, filters=16, growth=1.0, pool="none")
def feature_maps() -> None:
    """Two convolutions with few filters, to measure the benefit of more feature maps.

    With a built model and an image, ``cnnzoo.feature_maps(model, image)`` returns the outputs of
    that model's layers; see `cnnzoo.analysis.feature_maps.maps_of`.
    """


@preset(
    plain,
    "000 ex. 3",
    parameters=387_850,
    pool="none",
    normalization="batch",
    norm_position="after",
)
def batch_norm() -> None:
    """Two convolutions with normalization after the activation, to measure its benefit."""


@preset(plain, "002", parameters=20_490, filters=16, padding="same", pool_stages=2)
def loss_choice() -> None:
    """Small CNN to compare losses; its head, labels and metrics follow the loss."""


@preset(
    plain,
    "003",
    parameters=94_538,
    input_shape=(32, 32, 3),
    depth=3,
    padding="same",
    pool_stages=2,
    head="average",
)
def classic() -> None:
    """Classic CNN: the map shrinks from stage to stage while the number of channels grows."""


@preset(
    plain, "004", parameters=41_418, input_shape=(32, 32, 3), filters=16, depth=1, padding="same"
)
def simple_cnn() -> None:
    """One convolution, one pooling layer and one linear layer."""


@preset(
    plain,
    "001 ex. 3",
    parameters=3_082,
    input_shape=(64, 64, 32),
    filters=64,
    depth=1,
    padding="same",
    conv="separable",
    pool="none",
    activation="linear",
    head="average",
)
def depthwise_separable() -> None:
    """One depthwise separable convolution with two biases and no activation."""


@register("001 ex. 1-2", parameters=5_418, input_shape=(64, 64, 3), activation="linear")
def conv_stack(
    *,
    filters: Filters = 16,
    growth: Growth = 2.0,
    depth: Depth = 2,
    kernel_size: KernelSize = 3,
    strides: Strides = 2,
    padding: Padding = "valid",
    padding_mode: PaddingMode = "zeros",
    dilation: Dilation = 1,
    conv: Conv = "standard",
    head: Head = "average",
    **shared: Unpack[Shared],
) -> "keras.Model":
    """Stack of convolutions, the first of which sets the size of the map.

    `strides` and `padding` apply to the first convolution; later ones keep the size by padding
    with zeros. ``conv_stack(depth=1, strides=1, padding="same")`` is the single convolution of
    example 1.
    """
    from cnnzoo.models.blocks import Blocks

    net = Blocks(**shared)
    inputs = net.input()
    kernel: dict[str, Any] = {"kernel_size": kernel_size, "dilation": dilation, "conv": conv}
    x = net.unit(
        inputs,
        filters,
        "stage1",
        strides=strides,
        padding=padding,
        padding_mode=padding_mode,
        **kernel,
    )
    for stage in range(1, depth):
        x = net.unit(x, round(filters * growth**stage), f"stage{stage + 1}", **kernel)
    return net.model(inputs, x, head)
