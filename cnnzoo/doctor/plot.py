"""Draw a watched training: its curves, and gradients and weight updates by layer."""

from typing import Any

import pandas as pd

WIDTH, HEIGHT = 480, 160


def plot_training(history: pd.DataFrame, measurements: pd.DataFrame) -> Any:
    """Return a chart of the curves, the gradient norms and the update-to-weight ratios.

    Parameters
    ----------
    history, measurements
        See `cnnzoo.Doctor`. Without measurements only the curves are drawn.

    Returns
    -------
    altair.VConcatChart
    """
    import altair as alt

    from cnnzoo.runtime.charts import offline

    charts = []
    losses = [name for name in ("loss", "val_loss") if name in history]
    curves = history.melt("epoch", losses, "curve", "value")
    charts.append(
        alt.Chart(curves, width=WIDTH, height=HEIGHT)
        .mark_line(point=True)
        .encode(
            x=alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("value:Q", title="loss"),
            color=alt.Color("curve:N", title=None),
        )
    )
    for column, title in (("gradient", "gradient norm"), ("update", "update / weight")):
        shown = measurements[measurements[column] > 0]
        if not len(shown):
            continue
        charts.append(
            alt.Chart(shown[["step", "layer", column]], width=WIDTH, height=HEIGHT)
            .mark_line(point=True)
            .encode(
                x=alt.X("step:Q"),
                y=alt.Y(f"{column}:Q", title=title, scale=alt.Scale(type="log")),
                color=alt.Color("layer:N", sort=None),
                tooltip=["layer", "step", alt.Tooltip(column, format=".3g")],
            )
        )
    return offline(alt.vconcat(*charts).resolve_scale(color="independent"))
