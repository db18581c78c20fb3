"""Blocks shared by the model families: convolution, normalization, activation, pooling, head.

Layers are named by their role, which is the same in every variant of a model, because the name of
a layer selects the random stream of its initial weights. Blocks check sizes before Keras does, so
that errors name toggles.
"""

import math
from dataclasses import dataclass
from typing import Any

import keras

from cnnzoo.models.compilation import compile_model
from cnnzoo.models.image_format import channels, channels_first, map_size
from cnnzoo.models.initialization import initialize
from cnnzoo.models.layers import BorderPadding
from cnnzoo.models.losses import LOSSES
from cnnzoo.models.optimizers import DECOUPLED
from cnnzoo.toggle import ToggleError

MAX_CHANNELS = 16384
"""Largest number of channels of a layer, to raise an error before memory runs out."""


@dataclass(frozen=True)
class Blocks:
    """The shared toggles of a model, and the blocks that follow them."""

    input_shape: tuple[int, ...]
    classes: int
    compile: bool
    seed: int | None
    name: str | None
    activation: str
    normalization: str
    norm_momentum: float
    norm_position: str
    dropout: float
    weight_decay: float
    kernel_initializer: str
    loss: str
    label_smoothing: float
    logits: bool
    optimizer: str
    learning_rate: float

    def __post_init__(self) -> None:
        LOSSES[self.loss].check(self.classes, self.name)

    @property
    def rank(self) -> int:
        """Number of spatial axes: 2 for images, 1 for sequences."""
        return len(self.input_shape) - 1

    def refuse(self, role: str, reason: str) -> ToggleError:
        """Return the error for an invalid combination at one layer."""
        return ToggleError(f"`{role}` of `{self.name}`: {reason}")

    def input(self) -> keras.KerasTensor:
        """Return the input tensor, in Keras's image data format."""
        *spatial, channels = self.input_shape
        shape = (channels, *spatial) if channels_first() else (*spatial, channels)
        return keras.Input(shape, name="input")

    def unit(self, x: keras.KerasTensor, filters: int, role: str, **conv: Any) -> keras.KerasTensor:
        """Apply convolution, then normalization and activation in the chosen order."""
        return self.finish_unit(self.conv(x, filters, role, **conv), role)

    def finish_unit(self, x: keras.KerasTensor, role: str) -> keras.KerasTensor:
        """Apply normalization and activation in the chosen order."""
        if self.norm_position == "after":
            return self.normalize(self.activate(x, role), role)
        return self.activate(self.normalize(x, role), role)

    def conv(
        self,
        x: keras.KerasTensor,
        filters: int,
        role: str,
        *,
        kernel_size: int,
        strides: int = 1,
        padding: str = "same",
        padding_mode: str = "zeros",
        dilation: int = 1,
        conv: str = "standard",
        use_bias: bool = True,
    ) -> keras.KerasTensor:
        """Apply a convolution, standard or depthwise separable.

        The separable one is a depthwise and a pointwise convolution, each with a bias, as usual in
        PyTorch; Keras's ``SeparableConv2D`` has one bias.
        """
        if not 1 <= filters <= MAX_CHANNELS:
            raise self.refuse(
                f"{role}_conv",
                f"expected 1 to {MAX_CHANNELS} channels; got {filters}. Change filters, growth or "
                "depth.",
            )
        spatial: dict[str, Any] = {
            "kernel_size": kernel_size,
            "strides": strides,
            "padding": padding,
            "padding_mode": padding_mode,
            "dilation": dilation,
        }
        if conv == "separable":
            x = self.depthwise(x, role, use_bias=use_bias, **spatial)
            return self._layer("Conv")(
                filters, 1, name=f"{role}_pointwise", use_bias=use_bias, **self._kernel("kernel")
            )(x)
        x, options = self._prepare(x, f"{role}_conv", **spatial)
        return self._layer("Conv")(
            filters, name=f"{role}_conv", use_bias=use_bias, **options, **self._kernel("kernel")
        )(x)

    def depthwise(
        self,
        x: keras.KerasTensor,
        role: str,
        *,
        kernel_size: int,
        strides: int = 1,
        padding: str = "same",
        padding_mode: str = "zeros",
        dilation: int = 1,
        use_bias: bool = True,
    ) -> keras.KerasTensor:
        """Convolve each channel with a separate kernel."""
        name = f"{role}_depthwise"
        x, options = self._prepare(x, name, kernel_size, strides, padding, padding_mode, dilation)
        return self._layer("DepthwiseConv")(
            name=name, use_bias=use_bias, **options, **self._kernel("depthwise")
        )(x)

    def squeeze_excite(self, x: keras.KerasTensor, bottleneck: int, role: str) -> keras.KerasTensor:
        """Scale each channel by a function of all channel means (Hu et al. 2018)."""
        name = f"{role}_squeeze"
        weights = self._layer("GlobalAveragePooling")(keepdims=True, name=f"{name}_average")(x)
        weights = self.activate(self.conv(weights, bottleneck, name, kernel_size=1), name)
        weights = self.conv(weights, channels(x), f"{role}_excite", kernel_size=1)
        weights = keras.layers.Activation("sigmoid", name=f"{role}_excite_sigmoid")(weights)
        return keras.layers.Multiply(name=f"{role}_scale")([x, weights])

    def normalize(self, x: keras.KerasTensor, role: str) -> keras.KerasTensor:
        """Apply the chosen normalization.

        Layer normalization is group normalization with one group, over all positions and channels
        of an example. "group" has 8 groups, or 4, 2 or 1 if 8 does not divide the number of
        channels (Wu and He 2018, "Group normalization").
        """
        axis = 1 if channels_first() else -1
        name = f"{role}_norm"
        if self.normalization == "batch":
            return keras.layers.BatchNormalization(
                axis=axis, momentum=self.norm_momentum, name=name
            )(x)
        if self.normalization in ("layer", "group"):
            groups = 1 if self.normalization == "layer" else math.gcd(x.shape[axis], 8)
            return keras.layers.GroupNormalization(groups, axis=axis, name=name)(x)
        return x

    def activate(self, x: keras.KerasTensor, role: str) -> keras.KerasTensor:
        """Apply the chosen activation."""
        if self.activation == "linear":
            return x
        return keras.layers.Activation(self.activation, name=f"{role}_activation")(x)

    def pool(self, x: keras.KerasTensor, kind: str, size: int, role: str) -> keras.KerasTensor:
        """Pool adjacent windows of `size` by `size` positions."""
        if kind == "none":
            return x
        smallest = min(map_size(x))
        if size > smallest:
            raise self.refuse(
                f"{role}_pool",
                f"pool_size={size} does not fit a map of {_times(map_size(x))}; "
                f"at most {smallest} fits.",
            )
        layer = self._layer({"max": "MaxPooling", "average": "AveragePooling"}[kind])
        return layer(size, name=f"{role}_pool")(x)

    def dense(self, x: keras.KerasTensor, units: int, role: str) -> keras.KerasTensor:
        """Apply a dense layer, then normalization and activation in the chosen order."""
        x = keras.layers.Dense(units, name=f"{role}_dense", **self._kernel("kernel"))(x)
        return self.finish_unit(x, role)

    def model(
        self, inputs: keras.KerasTensor, x: keras.KerasTensor, head: str = "flatten"
    ) -> keras.Model:
        """Add the head, initialize the weights if there is a seed, and compile the model."""
        if head == "average":
            x = self._layer("GlobalAveragePooling")(name="average")(x)
        elif len(x.shape) > 2:
            x = keras.layers.Flatten(name="flatten")(x)
        if self.dropout:
            x = keras.layers.Dropout(self.dropout, name="dropout")(x)
        choice = LOSSES[self.loss]
        outputs = keras.layers.Dense(
            choice.units(self.classes),
            activation=choice.head_activation(self.classes, self.logits),
            # Under mixed precision the loss needs inputs in full precision.
            dtype=keras.config.dtype_policy().variable_dtype,
            name="head",
            **self._kernel("kernel"),
        )(x)
        model = keras.Model(inputs, outputs, name=self.name)
        if self.seed is not None:
            initialize(model, self.seed)
        if self.compile:
            compile_model(
                model,
                choice,
                self.classes,
                logits=self.logits,
                label_smoothing=self.label_smoothing,
                optimizer=self.optimizer,
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
            )
        return model

    def _layer(self, kind: str) -> Any:
        """Return the Keras layer class for the number of spatial axes."""
        return getattr(keras.layers, f"{kind}{self.rank}D")

    def _kernel(self, kind: str) -> dict[str, Any]:
        """Return the initializer and regularizer of a kernel."""
        options: dict[str, Any] = {f"{kind}_initializer": self.kernel_initializer}
        if self.weight_decay and self.optimizer not in DECOUPLED:
            options[f"{kind}_regularizer"] = keras.regularizers.L2(self.weight_decay)
        return options

    def _prepare(
        self,
        x: keras.KerasTensor,
        role: str,
        kernel_size: int,
        strides: int,
        padding: str,
        padding_mode: str,
        dilation: int,
    ) -> tuple[keras.KerasTensor, dict[str, Any]]:
        """Check a convolution's window, pad its input if needed, and return the layer's options."""
        self._check_window(x, role, kernel_size, strides, padding, dilation)
        if padding == "same" and padding_mode != "zeros":
            x = self._pad_border(x, role, kernel_size, strides, dilation, padding_mode)
            padding = "valid"
        return x, {
            "kernel_size": kernel_size,
            "strides": strides,
            "padding": padding,
            "dilation_rate": dilation,
        }

    def _check_window(
        self,
        x: keras.KerasTensor,
        role: str,
        kernel_size: int,
        strides: int,
        padding: str,
        dilation: int,
    ) -> None:
        if strides > 1 and dilation > 1:
            raise self.refuse(
                role,
                f"expected strides=1 or dilation=1; got strides={strides} and dilation={dilation}.",
            )
        smallest = min(map_size(x))
        # With "same", a kernel of twice the map has taps that only see padding.
        limit = smallest if padding == "valid" else 2 * smallest - 1
        if _span(kernel_size, dilation) > limit:
            with_dilation = f" with dilation={dilation}" if dilation > 1 else ""
            fits = (limit - 1) // dilation + 1
            raise self.refuse(
                role,
                f"kernel_size={kernel_size}{with_dilation} does not fit a map of "
                f"{_times(map_size(x))} with padding={padding!r}; at most {fits} fits.",
            )

    def _pad_border(
        self,
        x: keras.KerasTensor,
        role: str,
        kernel_size: int,
        strides: int,
        dilation: int,
        mode: str,
    ) -> keras.KerasTensor:
        span = _span(kernel_size, dilation)
        amounts = []
        for size in map_size(x):
            # as in Keras's "same", the surplus pixel is added at the end
            total = max((math.ceil(size / strides) - 1) * strides + span - size, 0)
            amounts.append((total // 2, total - total // 2))
        # _check_window limits the amounts to size - 1, the maximum for "reflect".
        if not any(map(any, amounts)):
            return x
        return BorderPadding(amounts, mode, name=f"{role}_padding")(x)


def _span(kernel_size: int, dilation: int) -> int:
    """Return the number of pixels from the first tap of a kernel to the last."""
    return (kernel_size - 1) * dilation + 1


def _times(sizes: tuple[int, ...]) -> str:
    return "x".join(str(size) for size in sizes)
