"""The table of findings."""

import pandas as pd

from cnnzoo.doctor.finding import COLUMNS, Finding, Severity
from cnnzoo.doctor.table import findings_table

FINDINGS = [
    Finding("wide", "Too wide", "8 units", "Trim", severity=Severity.NOTE),
    Finding("deaf", "Deaf", "loss 3", "Shout", severity=Severity.ERROR, epoch=2),
]


def test_empty_table_says_what_was_checked():
    table = findings_table([], "labels & inputs")
    assert str(table) == repr(table) == "No findings. Checked: labels & inputs."
    assert table._repr_html_() == "<p>No findings. Checked: labels &amp; inputs.</p>"
    assert str(findings_table([])) == "No findings."


def test_table_is_a_dataframe():
    table = findings_table(FINDINGS, "all")
    assert isinstance(table, pd.DataFrame)
    assert table["code"].tolist() == ["deaf", "wide"]
    assert tuple(table.columns) == COLUMNS
    assert table.to_dict("records")[0]["epoch"] == 2
    assert repr(table) == repr(pd.DataFrame(table))
    assert "<table" in table._repr_html_()
    assert "epoch" in pd.concat([table, table])


def test_what_pandas_computes_is_no_longer_a_table_of_findings():
    errors = findings_table([], "all")
    for computed in (errors[errors["severity"] == "error"], errors.assign(n=1), errors.copy()):
        assert type(computed) is pd.DataFrame
    assert repr(errors[["code"]]).startswith("Empty DataFrame")
