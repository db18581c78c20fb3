"""Charts that notebooks draw without a network."""

from collections.abc import Mapping
from typing import Any

import altair as alt
from altair.vegalite.v6.display import VEGALITE_MIME_TYPE, svg_renderer

DEFAULT = "default"
"""Altair's renderer unless the user has chosen one. Its pages load Vega from a server."""


class _Offline:
    """What a notebook gets from a chart: its description and a picture, and no script.

    JupyterLab and VS Code draw the description with the Vega that they bring; other viewers show
    the picture. If the user has enabled another renderer of Altair, that one draws the chart.
    """

    def _repr_mimebundle_(self, *args: Any, **options: Any) -> Any:
        if alt.renderers.active != DEFAULT:
            return super()._repr_mimebundle_(*args, **options)  # type: ignore[misc]
        chart = self.to_dict(context={"pre_transform": False})  # type: ignore[attr-defined]
        return {VEGALITE_MIME_TYPE: chart, "text/plain": repr(self), **svg_renderer(chart)}


class Chart(_Offline, alt.Chart):
    """A single view, drawn without a network."""


class LayerChart(_Offline, alt.LayerChart):
    """Layers, drawn without a network."""


class VConcatChart(_Offline, alt.VConcatChart):
    """Views below each other, drawn without a network."""


KINDS: dict[Any, Any] = {
    alt.Chart: Chart,
    alt.LayerChart: LayerChart,
    alt.VConcatChart: VConcatChart,
}


def offline(chart: Any) -> Any:
    """Return a chart of Altair that notebooks draw without a network.

    Parameters
    ----------
    chart
        A single view, layers, or views below each other; or its specification in Vega-Lite.

    Returns
    -------
    altair.Chart, altair.LayerChart or altair.VConcatChart

    Examples
    --------
    >>> dots = alt.Chart(alt.Data(values=[{"x": 1}])).mark_point().encode(x="x:Q")
    >>> sorted(offline(dots)._repr_mimebundle_())
    ['application/vnd.vegalite.v6.json', 'image/svg+xml', 'text/plain']
    """
    drawn = alt.Chart.from_dict(dict(chart)) if isinstance(chart, Mapping) else chart.copy()
    # a chart made from another's specification would keep its data in another place
    object.__setattr__(drawn, "__class__", KINDS[type(drawn)])
    return drawn
