"""Paths as users type them."""

import contextlib
from pathlib import Path

from cnnzoo.data.errors import DataError
from cnnzoo.toggle import did_you_mean


def existing_path(path: str, name: str) -> Path:
    """The path with ``~`` expanded, after a check that something is there.

    Raises
    ------
    DataError
        If nothing is; it names the nearest that is.
    """
    place = Path(path)
    with contextlib.suppress(RuntimeError):  # ~name of nobody here: then it is a name like others
        place = place.expanduser()
    if path and place.exists():
        return place
    parent = place.parent
    if not parent.is_dir():
        missing = next(p for p in reversed(place.parents) if not p.is_dir())
        raise DataError(f"{name!r} does not exist: there is no folder {str(missing)!r}.")
    near = did_you_mean(place.name, [sibling.name for sibling in parent.iterdir()], "'")
    raise DataError(f"{name!r} does not exist{near}")
