"""Colours, dashes and shapes of the variants of a study."""

from dataclasses import dataclass

from ablations.report.figure import OTHER, Theme
from ablations.report.study.contents import ReportContents
from ablations.report.theme import DASHES, PAGE, SERIES
from ablations.study import BASELINE, Status


@dataclass(frozen=True)
class Palette:
    """The variants that have a colour of their own, the same in all figures.

    Parameters
    ----------
    variants
        The baseline first.
    complete
        Whether these are all there are.
    """

    variants: tuple[str, ...]
    complete: bool

    def legend(self, *, others: bool) -> list[dict[str, str]]:
        """Return what the page says of the colours: name, colour and dash by variant.

        Parameters
        ----------
        others
            Whether the variants without a colour of their own are drawn too.
        """
        dashes = (" ".join(map(str, dash)) for dash in self.dashes)
        rows = zip(self.variants, self.colours(PAGE), dashes, strict=True)
        keys = ("name", "colour", "dash")
        found = [dict(zip(keys, row, strict=True)) for row in rows]
        if others and not self.complete:
            found.append({"name": OTHER, "colour": PAGE["other"], "dash": ""})
        return found

    @property
    def note(self) -> str:
        """What was left out, if anything."""
        count = len(self.variants) - 1
        return "" if self.complete else f" Drawn are the baseline and the {count} largest deltas."

    def colours(self, theme: Theme) -> list[str]:
        """Return the colour of each variant."""
        return [theme[name] for name in ("baseline", *SERIES)][: len(self.variants)]

    @property
    def dashes(self) -> list[list[int]]:
        """The dash of each variant."""
        return list(DASHES[: len(self.variants)])


def palette(contents: ReportContents) -> Palette:
    """Give colours to the variants, where they are many to those of the largest deltas."""
    done = dict.fromkeys(contents.with_status(Status.DONE)["variant"])
    others = [name for name in done if name != BASELINE]
    if len(others) <= len(SERIES):
        return Palette((BASELINE, *others), True)
    first = contents.deltas_of(contents.metrics[0]) if contents.metrics else contents.deltas
    order = first.assign(size=first["delta"].abs()).sort_values(
        "size", ascending=False, kind="stable"
    )
    chosen = set(order["variant"].head(len(SERIES)))
    return Palette((BASELINE, *(name for name in others if name in chosen)), False)
