"""The JavaScript that draws the page's charts: Vega, Vega-Lite and Vega-Embed in one text."""

import contextlib
import os
import tempfile
from importlib.metadata import version
from pathlib import Path


def vega_bundle() -> str:
    """Return the bundle that vl-convert makes, offline.

    Making it takes 2 s, so it is kept in the user's cache, under its versions.
    """
    kept = _cache() / f"vega-bundle-{version('vl-convert-python')}.js"
    with contextlib.suppress(OSError):
        return kept.read_text(encoding="utf-8")
    import vl_convert

    made: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    with contextlib.suppress(OSError):
        write_whole(kept, made.encode())
    return made


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that others see either not at all or complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "cnnzoo"
