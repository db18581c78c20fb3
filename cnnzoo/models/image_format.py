"""Where the channels are: last, or first where Keras's image data format says so."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


def channels_first() -> bool:
    """Tell whether maps are (batch, channels, *spatial) instead of (batch, *spatial, channels)."""
    return bool(keras.config.image_data_format() == "channels_first")


def oriented(x: NDArray[Any]) -> NDArray[Any]:
    """Bring examples with channels last into Keras's image data format."""
    return np.moveaxis(x, -1, 1) if channels_first() else x


def map_size(x: Any) -> tuple[int, ...]:
    """Return the spatial sizes of a batch of maps."""
    return tuple(x.shape[2:] if channels_first() else x.shape[1:-1])


def channels(x: Any) -> int:
    """Return the number of channels of a batch of maps."""
    return int(x.shape[1 if channels_first() else -1])
