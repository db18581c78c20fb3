"""Outcomes: what a trained model does on each test example, packed for a store."""

import json
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

CORRECT, NLL, ERROR, LOSS = "correct", "nll", "error", "loss"
"""Names of outcomes: whether the class is right, the negative log-likelihood, the output minus the
target of a regression, and the loss."""

SAME = 1e-3
"""Relative difference up to which two outcomes are stored as one: that of float16."""


def pack(outcomes: Mapping[str, ArrayLike]) -> bytes:
    """Pack outcomes: 1 bit per example for truth values, less than 2 bytes for numbers.

    Numbers become float16, scaled by a power of two so that none overflows. Numbers equal to those
    of an earlier name are stored once.

    Parameters
    ----------
    outcomes
        Arrays of one length by name: truth values, or finite numbers.

    Returns
    -------
    bytes
        JSON that describes the arrays, and the arrays, compressed.

    Examples
    --------
    >>> packed = pack({"correct": [True, False], "nll": [0.25, 2.0], "loss": [0.25, 2.0]})
    >>> unpack(packed)["loss"].tolist()
    [0.25, 2.0]
    """
    arrays: list[tuple[str, str | int]] = []
    parts: list[bytes] = []
    numbers: dict[str, NDArray[np.float64]] = {}
    count = 0
    for name, values in outcomes.items():
        array = np.asarray(values)
        count = len(array)
        if array.dtype == bool:
            arrays.append((name, "bits"))
            parts.append(np.packbits(array).tobytes())
            continue
        array = array.astype(float)
        size = np.abs(array).max(initial=0.0)
        close = (
            other
            for other, known in numbers.items()
            if np.allclose(array, known, rtol=SAME, atol=SAME * SAME * size)
        )
        same = next(close, None)
        if same is not None:
            arrays.append((name, same))
            continue
        numbers[name] = array
        exponent = int(np.frexp(size)[1])
        halves = np.ldexp(array, -exponent).astype("<f2")
        arrays.append((name, exponent))
        # all high bytes, then all low ones: alike bytes together compress better
        parts.append(halves.view(np.uint8).reshape(-1, 2).T[::-1].tobytes())
    head = json.dumps({"examples": count, "arrays": arrays}, separators=(",", ":"))
    return zlib.compress(b"\n".join([head.encode(), b"".join(parts)]), 9)


def unpack(packed: bytes) -> dict[str, NDArray[np.float64]]:
    """Return the outcomes that `pack` packed, as numbers; truth values are 0 and 1."""
    head, _, raw = zlib.decompress(packed).partition(b"\n")
    described = json.loads(head)
    count, place = described["examples"], 0
    outcomes: dict[str, NDArray[np.float64]] = {}
    for name, kind in described["arrays"]:
        if kind == "bits":
            size = -(-count // 8)
            bits = np.frombuffer(raw, np.uint8, size, place)
            outcomes[name] = np.unpackbits(bits, count=count).astype(float)
        elif isinstance(kind, str):
            outcomes[name] = outcomes[kind]
            continue
        else:
            size = 2 * count
            both = np.frombuffer(raw, np.uint8, size, place).reshape(2, -1)
            halves = np.ascontiguousarray(both[::-1].T).view("<f2").ravel()
            outcomes[name] = np.ldexp(halves.astype(float), kind)
        place += size
    return outcomes
