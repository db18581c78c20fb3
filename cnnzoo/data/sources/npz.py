"""A NumPy archive: ``x`` and ``y``, or ``x_train``, ``y_train`` and so on."""

import zipfile

import numpy as np

from cnnzoo.data.errors import DataError
from cnnzoo.data.source import Source
from cnnzoo.data.sources.paths import existing_path
from cnnzoo.toggle import did_you_mean, listed

KEYS = {
    "train": ("x_train", "y_train"),
    "validation": ("x_val", "y_val"),
    "test": ("x_test", "y_test"),
}


def from_npz(path: str) -> Source:
    """Read an ``.npz`` file; arrays of Python objects, which would be unpickled, are refused.

    Raises
    ------
    DataError
        If the file is missing, no archive, or lacks an array.
    """
    name = f"npz:{path}"
    file = existing_path(path, name)
    # NumPy would read a lone .npy array, and see a pickle in anything else.
    if not zipfile.is_zipfile(file):
        raise DataError(f"{name!r} is not an .npz archive; write one by numpy.savez.")
    try:
        with file.open("rb") as stored, np.load(stored, allow_pickle=False) as archive:
            keys = _keys(archive.files, name)
            return Source(name, {part: (archive[x], archive[y]) for part, (x, y) in keys.items()})
    except DataError:
        raise
    except Exception as error:  # whatever is broken in the archive, the remedy is the same
        if "allow_pickle" in str(error):
            raise DataError(
                f"{name!r} holds an array of Python objects, which is refused because reading it "
                "can run code; save numbers or strings of one length."
            ) from error
        raise DataError(f"{name!r} cannot be read: {error}") from error


def _keys(found: list[str], name: str) -> dict[str, tuple[str, str]]:
    """The keys of x and y for every part in the archive."""
    layout = {"train": ("x", "y")} if "x" in found or "y" in found else KEYS
    used = {part: pair for part, pair in layout.items() if set(pair) & set(found)}
    allowed = "x and y, or x_train and y_train (with x_val, y_val, x_test, y_test if there are)"
    for part, pair in ({"train": layout["train"]} | used).items():
        for key in pair:
            if key not in found:
                raise DataError(
                    f"{name!r} lacks {key!r} for {part}; it holds {listed(found) or 'nothing'}. "
                    f"An archive holds {allowed}."
                )
    known = [key for pair in used.values() for key in pair]
    for key in found:
        if key.partition("_")[0] in ("x", "y") and key not in known:
            near = did_you_mean(key, [key for pair in layout.values() for key in pair], "'")
            raise DataError(f"{name!r} holds {key!r}, which has no use{near} It holds {allowed}.")
    return used
