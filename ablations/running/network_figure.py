"""Picture of a network with the importance of its parts."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from ablations.report.network.chart import Worth, decimals_of_all
from ablations.report.network.chart import network_figure as draw
from ablations.report.numbers import fixed, is_number, size_words
from ablations.report.paper import FONT_SIZE, paper_figure
from ablations.report.table import rows_of
from ablations.report.theme import LIGHT
from ablations.report.wording import better_or_worse, metric_words
from ablations.stats.verdicts import Verdict
from cnnzoo.model_paths import is_keras_model
from cnnzoo.parts.description import describe_network
from cnnzoo.parts.names import PartError
from cnnzoo.signature import refuse_unknown
from cnnzoo.toggle import did_you_mean, listed

if TYPE_CHECKING:
    from ablations.report.paper import PaperFigure

NEEDED = ("part", "channel", "metric", "delta", "ci_low", "ci_high", "note")
"""Columns of the table of `ablations.importance` that are read."""


@refuse_unknown
def network_figure(
    model: Any,
    table: pd.DataFrame,
    metric: str = "loss",
    *,
    width: str | float = "column",
    font_size: float = FONT_SIZE,
) -> "PaperFigure":
    """Draw a network with the importance of its parts.

    Each part is a box, coloured by its delta and as wide as its multiply-accumulates. Boxes whose
    interval includes 0 are hatched. The intervals are not corrected for the number of parts. The
    pictures of a study are in its report, and ``results.figure("network")`` returns them.

    Parameters
    ----------
    model
        The trained model; one of them if the table is of several.
    table
        Table of `ablations.importance` of whole parts.
    metric
        Metric to show, such as "loss" or "accuracy".
    width, font_size
        As for `Results.figure`.

    Returns
    -------
    PaperFigure
        The figure, with ``save`` and a caption.

    Raises
    ------
    PartError
        If the table is of channels, or does not fit the model.
    ReportError
        If the width or the font size is invalid.

    Examples
    --------
    >>> import ablations, cnnzoo
    >>> digits = cnnzoo.load_data("digits", train_size=200)
    >>> model = cnnzoo.downsampling(input_shape=digits.info.input_shape, seed=0)
    >>> figure = network_figure(model, ablations.importance(model, digits, examples=50))
    >>> figure.name, figure.width
    ('network', 84.0)
    """
    if not is_keras_model(model):
        raise PartError(f"`model`: expected a keras.Model; got {model!r}.")
    network = describe_network(model)
    worths = _worths(_checked(table, metric), metric)
    missing = worths.keys() - {piece.name for piece in network.pieces}
    if missing:
        raise PartError(
            f"`table`: expected parts of `{model.name}`; got {sorted(missing)[0]}, which it does "
            "not have."
        )
    figure = draw(
        network,
        worths,
        metric,
        LIGHT,
        name="network",
        title="Network with the importance of its parts",
        caption=f"Number and colour: change in {metric_words(metric)} if the output of the part "
        "is replaced.",
    )
    return paper_figure(figure, width, font_size)


def _checked(table: Any, metric: str) -> pd.DataFrame:
    """Return the rows of a metric, and those of parts that cannot be replaced."""
    columns = list(getattr(table, "columns", ()))
    if not isinstance(table, pd.DataFrame) or any(name not in columns for name in NEEDED):
        raise PartError("`table`: expected a table of ablations.importance; got another object.")
    if table["channel"].notna().any():
        raise PartError(
            "`table`: expected whole parts; got channels. Choose another level of importance."
        )
    known = list(dict.fromkeys(table["metric"].dropna()))
    if metric not in known:
        near = did_you_mean(str(metric), known, "'")
        raise PartError(f"`metric`: expected one of {listed(known)}; got {metric!r}{near}")
    return table[(table["metric"] == metric) | table["metric"].isna()]


def _worths(table: pd.DataFrame, metric: str) -> dict[str, Worth]:
    usual = decimals_of_all(table)
    found = {}
    for row in rows_of(table):
        delta, low, high = (row[name] for name in ("delta", "ci_low", "ci_high"))
        if not is_number(delta):
            found[str(row["part"])] = Worth(None, "none", size=str(row["note"]))
            continue
        known = is_number(low) and is_number(high)
        clear = known and not low <= 0 <= high
        verdict = better_or_worse(metric, delta) if clear else Verdict.INCONCLUSIVE
        found[str(row["part"])] = Worth(
            delta, fixed(delta, usual, signed=True), verdict, size_words(delta, low, high, usual)
        )
    return found
