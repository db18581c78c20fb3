"""One-dimensional CNN for time series and other sequences."""

from cnnzoo.models.plain import plain
from cnnzoo.models.registry import preset


@preset(
    plain,
    "001",
    parameters=19_402,
    input_shape=(40, 1),
    filters=16,
    depth=3,
    kernel_size=5,
    padding="same",
    pool_stages=2,
)
def sequence() -> None:
    """Three convolutions along a sequence, with pooling after the first two."""
