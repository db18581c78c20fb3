"""Position of the channel axis by Keras's image data format: last or first."""

from typing import Any

import keras
import numpy as np


def channels_first() -> bool:
    """Return whether maps are (batch, channels, *spatial)."""
    return bool(keras.config.image_data_format() == "channels_first")


def oriented(x: Any) -> Any:
    """Convert an array of examples with channels last to Keras's image data format."""
    return np.moveaxis(x, -1, 1) if channels_first() else x


def map_size(x: keras.KerasTensor) -> tuple[int, ...]:
    """Return the spatial sizes of a batch of maps."""
    return tuple(x.shape[2:] if channels_first() else x.shape[1:-1])


def channels(x: keras.KerasTensor) -> int:
    """Return the number of channels of a batch of maps."""
    return int(x.shape[1 if channels_first() else -1])
