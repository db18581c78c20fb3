"""The smallest layers that give a removed part's output shape."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers
from keras.src.ops.numpy import Pad

from cnnzoo.parts.names import PartError
from cnnzoo.parts.width import channel_axis


@dataclass(frozen=True)
class Substitute:
    """Layers that replace a part.

    Parameters
    ----------
    steps
        Class and arguments of each layer; none for identity.
    params
        Number of their weights.
    """

    steps: tuple[tuple[type[keras.Operation], dict[str, Any]], ...] = ()
    params: int = 0

    def __str__(self) -> str:
        """Return the layers in words."""
        return " + ".join(_words(kind, options) for kind, options in self.steps) or "identity"


def substitute(before: Sequence[int | None], after: Sequence[int | None], name: str) -> Substitute:
    """Return the smallest layers between two shapes.

    Average pooling, or repeated positions, where the number of positions changes by a factor;
    cropping or padding with zeros for the rest; and a linear projection without bias if the number
    of channels changes.

    Parameters
    ----------
    before, after
        Shapes of a part's input and output, with the batch axis.
    name
        Beginning of the names of the layers.

    Raises
    ------
    PartError
        If there are none; the message is a reason.

    Examples
    --------
    >>> str(substitute((None, 28, 28, 8), (None, 14, 14, 16), "block2"))
    'AveragePooling2D(2, 2) + Conv2D(16 filters, 1x1)'
    >>> substitute((None, 28, 28, 8), (None, 28, 28, 8), "block2").steps
    ()
    """
    if len(before) != len(after):
        raise PartError(
            f"its output has {_axes(after)}, and its input {_axes(before)}, so nothing simpler fits"
        )
    if None in before[1:] or None in after[1:]:
        raise PartError("the sizes of its maps are unknown; build the model with a fixed shape")
    if len(before) > 5 or len(before) < 2:
        raise PartError(f"its output has {_axes(after)}")
    first = keras.config.image_data_format() == "channels_first" and len(before) > 2
    channels, sides = (1, slice(2, None)) if first else (-1, slice(1, -1))
    steps = list(_resized(before[sides], after[sides], name))
    width, new_width = before[channels], after[channels]
    params = 0
    if width != new_width:
        steps.append(_projection(new_width, len(before) - 2, name))
        params = width * new_width  # type: ignore[operator]
    return Substitute(tuple(steps), params)


def zeros_beside(shape: Sequence[int | None], before: int, after: int, name: str) -> Substitute:
    """Return what puts channels of zeros before and after those of a map, without weights.

    Parameters
    ----------
    shape
        Shape of the map, with the batch axis.
    before, after
        Numbers of channels.
    name
        Beginning of the name of the operation.

    Examples
    --------
    >>> str(zeros_beside((None, 28, 28, 8), 0, 4, "block2"))
    'Pad(4 channels of zeros)'
    """
    amounts = [(0, 0)] * len(shape)
    amounts[channel_axis(len(shape))] = before, after
    return Substitute(((Pad, {"pad_width": tuple(amounts), "name": f"{name}_zeros"}),))


def _axes(shape: Sequence[int | None]) -> str:
    return f"{len(shape) - 1} axes" if len(shape) > 2 else "one axis"


def _resized(
    before: Sequence[Any], after: Sequence[Any], name: str
) -> Iterator[tuple[type[keras.Layer], dict[str, Any]]]:
    """Yield the layers that change the number of positions."""
    rank = len(before)
    shrink = [max(one // other, 1) for one, other in zip(before, after, strict=True)]
    grow = [max(other // one, 1) for one, other in zip(before, after, strict=True)]
    sizes = list(before)
    if any(factor > 1 for factor in shrink):
        floor = [size // factor for size, factor in zip(sizes, shrink, strict=True)]
        padding = "valid" if floor == list(after) else "same"
        sizes = [-(-size // factor) for size, factor in zip(sizes, shrink, strict=True)]
        sizes = floor if padding == "valid" else sizes
        options = {"pool_size": tuple(shrink), "padding": padding, "name": f"{name}_pooling"}
        yield _of_rank("AveragePooling", rank), options
    if any(factor > 1 for factor in grow):
        sizes = [size * factor for size, factor in zip(sizes, grow, strict=True)]
        size: Any = tuple(grow) if rank > 1 else grow[0]
        yield _of_rank("UpSampling", rank), {"size": size, "name": f"{name}_upsampling"}
    for layer, parameter, sign in (("Cropping", "cropping", 1), ("ZeroPadding", "padding", -1)):
        spare = [max(sign * (n - m), 0) for n, m in zip(sizes, after, strict=True)]
        if any(spare):
            pairs: Any = tuple((n // 2, n - n // 2) for n in spare)
            value = pairs if rank > 1 else pairs[0]
            yield _of_rank(layer, rank), {parameter: value, "name": f"{name}_{parameter}"}


def _projection(channels: Any, rank: int, name: str) -> tuple[type[keras.Layer], dict[str, Any]]:
    options = {"use_bias": False, "name": f"{name}_projection"}
    if rank == 0:
        return layers.Dense, {"units": channels, **options}
    return _of_rank("Conv", rank), {"filters": channels, "kernel_size": 1, **options}


def _of_rank(name: str, rank: int) -> type[keras.Layer]:
    kind: type[keras.Layer] = getattr(layers, f"{name}{rank}D")
    return kind


def _words(kind: type[keras.Operation], options: dict[str, Any]) -> str:
    name = kind.__name__
    if kind is Pad:
        return f"Pad({sum(map(sum, options['pad_width']))} channels of zeros)"
    if name == "Dense":
        return f"Dense({options['units']} units)"
    if name.startswith("Conv"):
        sides = "x".join("1" * int(name[-2]))
        return f"{name}({options['filters']} filters, {sides})"
    value = next(iter(options.values()))
    inner = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"{name}({inner})"
