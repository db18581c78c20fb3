"""HTML pages: one self-contained file with its style, its data and its scripts."""

import base64
import contextlib
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.report.figure import Figure, Spec, spec
from ablations.report.numbers import brief
from ablations.report.page import Page
from ablations.report.table import with_footnotes
from ablations.report.theme import DARK, LIGHT, PAGE, css
from cnnzoo.runtime.files import cache_folder, write_atomically

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

LONG = 34
"""Number of characters from which a name may break at its underscores too."""

GENERATOR = '<meta name="generator" content="cnnzoo ablations">'
"""Marks a page as written by this program."""


def html_page(page: Page) -> str:
    """Render a page as one HTML file that requests nothing from the network."""
    scripts = {"code": _script(_asset("page.js"))}
    if page.figures:
        scripts = {"bundle": _script(vega_bundle())} | scripts
    return _template().render(
        page=page,
        sections=[section for section in page.sections if section.parts],
        specs=[(figure.name, _json(_specs(figure))) for figure in page.figures],
        css=_markup(_asset("page.css")),
        light=_markup(css(LIGHT)),
        dark=_markup(css(DARK)),
        scripts=scripts,
        generator=_markup(GENERATOR),
        policy=_policy(scripts.values()),
    )


def _specs(figure: Figure) -> Spec | list[tuple[int, Spec]]:
    """Return the chart of a figure; if it has several, each with the width that it is for."""
    if not figure.widths:
        return spec(figure, PAGE)
    return [(width, spec(figure.at(width), PAGE)) for width in figure.widths]


def is_page(path: Path) -> bool:
    """Tell whether this program wrote a file."""
    with path.open("rb") as file:
        return GENERATOR.encode() in file.read(1000)


def vega_bundle() -> str:
    """Return the JavaScript that draws the charts, made by vl-convert without a network.

    Making it takes 2 s, so it is cached under its version.
    """
    cached = cache_folder() / f"vega-bundle-{version('vl-convert-python')}.js"
    with contextlib.suppress(OSError):
        return cached.read_text(encoding="utf-8")
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    with contextlib.suppress(OSError):
        write_atomically(cached, bundle.encode())
    return bundle


@cache
def _template() -> "Template":
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"brief": brief, "breakable": _breakable, "footnotes": with_footnotes}
    environment.filters["kind"] = lambda part: type(part).__name__
    return environment.from_string(_asset("page.html.jinja"))


def _breakable(text: str) -> "Markup":
    """Let a name such as normalization=batch break before its level if space is short.

    A long name may break at its underscores too.
    """
    from markupsafe import escape

    escaped = escape(text).replace("=", _markup("=<wbr>"))
    return escaped.replace("_", _markup("_<wbr>")) if len(text) > LONG else escaped


def _json(value: object) -> "Markup":
    """Write JSON in which no text can end the script element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return _markup(text)


def _script(code: str) -> "Markup":
    """Return a script of this package as the content of a script element."""
    if "</script" in code.lower() or "<!--" in code:
        code = code.replace("</script", r"<\/script").replace("<!--", r"<\!--")
    return _markup(code)


def _policy(scripts: Iterable[str]) -> str:
    """Return a security policy that allows these scripts, by their digests, and no request."""
    digests = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
        for code in scripts
    )
    return (
        f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _markup(text: str) -> "Markup":
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  (only for texts of this package)


def _asset(name: str) -> str:
    return files("ablations.report").joinpath("templates", name).read_text(encoding="utf-8")
