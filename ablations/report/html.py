"""HTML pages: a self-contained page rendered from a template."""

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from ablations.report.numbers import brief
from ablations.report.theme import DARK, LIGHT, css
from cnnzoo.runtime.files import write_whole

LONG = 34
"""Characters of a name that may break at its underscores too."""

GENERATOR = '<meta name="generator" content="cnnzoo ablations">'
"""What tells a page of this program from others."""


def frame_of() -> dict[str, Any]:
    """Return what every page has: its style in both modes, its scripts, and their policy."""
    scripts = {"bundle": _script(vega_bundle()), "code": _script(_asset("page.js"))}
    return {
        "css": _markup(_asset("page.css")),
        "light": _markup(css(LIGHT)),
        "dark": _markup(css(DARK)),
        "scripts": scripts,
        "generator": _markup(GENERATOR),
        "policy": _policy(scripts.values()),
    }


def is_page(path: Path) -> bool:
    """Tell whether a file is a page that this program wrote."""
    with path.open("rb") as file:
        return GENERATOR.encode() in file.read(1000)


def json_of(value: Any) -> Any:
    """Write JSON that no text in it can end, or turn into, markup."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return _markup(text)


@cache
def template(name: str) -> Any:
    """Return a page's template, with the macros that pages share."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"brief": brief, "breakable": _breakable}
    return environment.from_string(_asset("macros.html.jinja") + _asset(name))


def _breakable(text: str) -> Any:
    """Let a name such as normalization=batch break before its level, where there is no room.

    A long one within it too, at the underscores.
    """
    from markupsafe import escape

    escaped = escape(text).replace("=", _markup("=<wbr>"))
    return escaped.replace("_", _markup("_<wbr>")) if len(text) > LONG else escaped


def _script(code: str) -> Any:
    """Return code of ours as it stands in the page."""
    if "</script" in code.lower() or "<!--" in code:
        code = code.replace("</script", r"<\/script").replace("<!--", r"<\!--")
    return _markup(code)


def _policy(scripts: Iterable[Any]) -> str:
    """Allow these scripts by their digests, and no request at all."""
    digests = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
        for code in scripts
    )
    return (
        f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _markup(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  (only for texts of this package)


def _asset(name: str) -> str:
    return files("ablations.report").joinpath("templates", name).read_text(encoding="utf-8")


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


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "cnnzoo"
