"""The table of findings: a DataFrame that says what was checked if there is none."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from html import escape
from typing import Any

import pandas as pd

from cnnzoo.doctor.finding import COLUMNS, Finding, Severity


class FindingsTable(pd.DataFrame):
    """Findings, one per row. What pandas computes from it is a plain DataFrame.

    Examples
    --------
    >>> findings_table([], "the labels and the inputs")
    No findings. Checked: the labels and the inputs.
    """

    _metadata = ("checked",)
    checked: str

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def __repr__(self) -> str:
        return self._none() or super().__repr__()

    def _repr_html_(self) -> Any:
        none = self._none()
        return f"<p>{escape(none)}</p>" if none else super()._repr_html_()

    def _none(self) -> str:
        """Return a sentence if there are no findings."""
        if len(self):
            return ""
        return "No findings." + (f" Checked: {self.checked}." if self.checked else "")


def findings_table(findings: Iterable[Finding], checked: str = "") -> FindingsTable:
    """Return findings as a table, the most serious first, else in the given order.

    Parameters
    ----------
    findings
        The findings.
    checked
        What was checked, for a table without findings.

    Examples
    --------
    >>> finding = Finding("wide", "Too wide", "8 units", "Trim", severity=Severity.NOTE)
    >>> findings_table([finding])[["code", "severity", "evidence"]]
       code severity evidence
    0  wide     note  8 units
    """
    shown = FindingsTable(rows_of_findings(by_severity(findings)))
    shown.checked = checked
    return shown


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings, the most serious first, else in the given order."""
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def rows_of_findings(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return findings as a plain table in their order."""
    table = pd.DataFrame(
        [asdict(finding) for finding in findings], columns=[f.name for f in fields(Finding)]
    )
    table["severity"] = table["severity"].map(str)
    table["epoch"] = table["epoch"].astype("Int64")
    return table[list(COLUMNS)]
