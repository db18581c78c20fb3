"""Colours and fonts of the page, in light and dark mode, and of the figures."""

from collections.abc import Mapping
from typing import Any

LIGHT = {
    "surface": "#ffffff",
    "page": "#f7f8fa",
    "ink": "#17202b",
    "muted": "#586474",
    "line": "#d5dbe3",
    "grid": "#e9edf2",
    "shadow": "#bcc5d0",
    "accent": "#1f5fa8",
    "better": "#0f6cb6",
    "worse": "#b8480b",
    "equivalent": "#0a7a5c",
    "inconclusive": "#667180",
    "baseline": "#17202b",
    "series1": "#4477aa",
    "series2": "#e5566b",
    "series3": "#228833",
    "series4": "#b39b1e",
    "series5": "#aa3377",
    "series6": "#2fa8cc",
    "other": "#a4adb8",
}
DARK = {
    "surface": "#171c23",
    "page": "#0f1318",
    "ink": "#e8ecf1",
    "muted": "#a3adba",
    "line": "#39424e",
    "grid": "#272e38",
    "shadow": "#000000",
    "accent": "#7db7f0",
    "better": "#63b1f2",
    "worse": "#f59354",
    "equivalent": "#3fc79e",
    "inconclusive": "#98a3b1",
    "baseline": "#e8ecf1",
    "series1": "#7fb0e0",
    "series2": "#ff8f9d",
    "series3": "#62c46d",
    "series4": "#dccb52",
    "series5": "#e283bb",
    "series6": "#86dcf2",
    "other": "#66717f",
}
"""Series follow Paul Tol's "bright" scheme, verdicts Okabe and Ito: colour-blind readers can tell
them apart, and text has a contrast of at least 4.5 : 1."""

PAGE = {name: f"var(--{name})" for name in LIGHT}
"""Colours of the page's charts: CSS variables, which follow the page's mode."""

SERIES = tuple(name for name in LIGHT if name.startswith("series"))

DASHES = ([1, 0], [6, 2], [2, 2], [8, 2, 2, 2], [4, 4], [10, 3], [1, 3])

VERDICTS = {
    "supported": "circle",
    "contradicted": "square",
    "better": "circle",
    "worse": "square",
    "equivalent": "diamond",
    "inconclusive": "triangle-up",
    "secondary": "triangle-down",
    "none": "cross",
}
"""Shape of each verdict, because not everyone sees colours."""


def config(theme: Mapping[str, str]) -> dict[str, Any]:
    """Return the Vega-Lite configuration of all charts."""
    font = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
    text = {"labelColor": theme["muted"], "titleColor": theme["ink"], "labelFontSize": 12}
    return {
        "background": theme["surface"],
        "font": font,
        "aria": False,
        # room for the last tick's label
        "padding": {"left": 5, "top": 5, "right": 14, "bottom": 5},
        "view": {"stroke": None},
        "axis": {
            **text,
            "titleFontSize": 12,
            "titleFontWeight": 500,
            "titlePadding": 10,
            "labelPadding": 6,
            "gridColor": theme["grid"],
            "domainColor": theme["line"],
            "tickColor": theme["line"],
        },
        "axisY": {"domain": False, "ticks": False, "labelLimit": 260},
        "axisX": {"labelFlush": False, "tickCount": 6, "labelOverlap": True, "labelSeparation": 8},
        "legend": {
            **text,
            "labelColor": theme["ink"],
            "title": None,
            "orient": "top",
            "direction": "horizontal",
            "columns": 4,
            "labelLimit": 240,
            "symbolSize": 90,
            "rowPadding": 6,
            "columnPadding": 18,
            "offset": 10,
        },
        "title": {
            "anchor": "start",
            "color": theme["ink"],
            "subtitleColor": theme["muted"],
            "fontSize": 14,
            "fontWeight": 600,
            "subtitleFontSize": 12,
            "subtitlePadding": 6,
            "offset": 14,
        },
    }


def css(theme: Mapping[str, str]) -> str:
    """Write the colours of a mode as CSS variables."""
    return " ".join(f"--{name}: {colour};" for name, colour in theme.items())
