"""Colours and dashes of the variants of a study, the same in all figures."""

from dataclasses import dataclass

from ablations.report.figure import OTHER, Theme
from ablations.report.page import Key
from ablations.report.study.contents import ReportContents
from ablations.report.theme import DASHES, PAGE, SERIES
from ablations.study import BASELINE, Status


@dataclass(frozen=True)
class Palette:
    """The variants that have their own colour.

    Parameters
    ----------
    variants
        Names of the variants, the baseline first.
    complete
        Whether these are all variants.
    """

    variants: tuple[str, ...]
    complete: bool

    def legend(self, *, points: bool) -> list[Key]:
        """Return the legend of the page.

        Parameters
        ----------
        points
            Whether variants are points, with the other variants in one colour, instead of lines.
        """
        shape = "circle" if points else ""
        keys = [
            Key(name, colour, " ".join(map(str, dash)), shape)
            for name, colour, dash in zip(
                self.variants, self.colours(PAGE), self.dashes, strict=True
            )
        ]
        others = points and not self.complete
        return [*keys, *([Key(OTHER, PAGE["other"], shape=shape)] if others else [])]

    @property
    def note(self) -> str:
        """Sentence for captions about the variants that are not drawn."""
        count = len(self.variants) - 1
        drawn = f" Only the baseline and the {count} largest deltas are drawn."
        return "" if self.complete else drawn

    def colours(self, theme: Theme) -> list[str]:
        """Return the colour of each variant."""
        return [theme[name] for name in ("baseline", *SERIES)][: len(self.variants)]

    @property
    def dashes(self) -> list[list[int]]:
        """The dash of each variant."""
        return list(DASHES[: len(self.variants)])


def palette(contents: ReportContents) -> Palette:
    """Give colours to the variants; if there are many, to those with the largest deltas."""
    finished = dict.fromkeys(contents.with_status(Status.DONE)["variant"])
    others = [name for name in finished if name != BASELINE]
    if len(others) <= len(SERIES):
        return Palette((BASELINE, *others), True)
    first = contents.deltas_of(contents.metrics[0]) if contents.metrics else contents.deltas
    order = first.assign(size=first["delta"].abs()).sort_values(
        "size", ascending=False, kind="stable"
    )
    chosen = set(order["variant"].head(len(SERIES)))
    return Palette((BASELINE, *(name for name in others if name in chosen)), False)
