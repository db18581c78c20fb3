"""The tables of the simulation, and the bounds that their numbers must keep."""

import math

import pandas as pd

from simulation.draws import ALPHA

Row = dict[str, object]


class Report:
    """Tables as they come, and the promises that they broke."""

    def __init__(self, repetitions: int) -> None:
        self.repetitions = repetitions
        self.parts: list[str] = []
        self.broken: list[str] = []

    def at_most(
        self, what: str, share: float, bound: float = ALPHA, repetitions: int | None = None
    ) -> str:
        slack = 2 * math.sqrt(bound * (1 - bound) / (repetitions or self.repetitions))
        return self._judge(what, share, share <= bound + slack)

    def covers(self, what: str, share: float, low: float, high: float = 1.0) -> str:
        # At the aimed-for 10,000 repetitions 95 +- 0.5% is 2.3 standard errors; with fewer, more.
        slack = max(0.0, 2 * math.sqrt(0.05 * 0.95 / self.repetitions) - 0.0044)
        return self._judge(what, share, low - slack <= share <= high + slack)

    def within(self, what: str, bias: float, error: float, bound: float = 0.05) -> str:
        """Return a bias in standard deviations of a trial; it must be within the bound."""
        holds = abs(bias) <= bound + 2 * error
        if not holds:
            self.broken.append(f"{what}: {bias:+.3f}")
        return signed(bias) if holds else f"**{signed(bias)}**"

    def add(self, title: str, text: str, rows: list[Row]) -> None:
        table = pd.DataFrame(rows).fillna("")
        head = "| " + " | ".join(table.columns) + " |"
        rule = "|" + "|".join(" --- " for _ in table.columns) + "|"
        body = ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
        part = "\n".join([f"## {title}", "", text, "", head, rule, *body, ""])
        print(part, flush=True)
        self.parts.append(part)

    def _judge(self, what: str, share: float, holds: bool) -> str:
        if not holds:
            self.broken.append(f"{what}: {share:.2%}")
        return percent(share) if holds else f"**{percent(share)}**"


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def signed(value: float) -> str:
    return f"{value:+.2f}"
