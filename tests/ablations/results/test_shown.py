"""Results as text and as HTML."""

import json
import os
from unittest import mock

import pytest
from helpers.stub_outcomes import STUDY, told
from helpers.stub_trials import noise
from IPython.core.formatters import HTMLFormatter

from ablations import Study
from ablations.cli import _show

SIX = Study("mlp", "digits", factors={"units": [8, 16, 128]}, seeds=6)


def separable(trial):
    """Loss and accuracy that depend on the units and a little on the seed."""
    loss = {8: 0.5, 16: 1.0, 128: 2.0}[trial.settings.get("units", 128)] + 0.01 * noise(trial)
    return loss, 1 - loss / 4


def test_text_has_the_tables_that_the_terminal_shows(outcome, capsys, monkeypatch):
    results = outcome(SIX, separable)
    monkeypatch.setenv("COLUMNS", "100")
    _show(results)
    terminal = [line.split() for line in capsys.readouterr().out.splitlines()]
    lines = [line.split() for line in str(results).splitlines()]
    rows = [line for line in lines if line[:1] in (["variant"], ["units=8"], ["units=16"])]
    assert len(rows) == 6
    assert all(row in terminal for row in rows)
    assert repr(results).splitlines() == [str(results).splitlines()[0]]
    monkeypatch.setenv("COLUMNS", "80")
    words = str(results).split()
    assert words.count("units=8") == words.count("units=16") == 2
    assert words.count("(secondary)") == 2


def test_text_without_a_terminal_has_at_most_100_columns(outcome):
    factor = {"kernel_initializer": ["glorot_uniform", "he_normal"], "dropout": [0.0, 0.5]}
    study = Study("mlp", "digits", factors=factor, seeds=6, design="full-factorial")
    results = outcome(study, lambda trial: (1 + 0.1 * noise(trial), 0.5))
    with mock.patch.dict(os.environ):
        os.environ.pop("COLUMNS", None)
        first, *others = str(results).splitlines()
    assert first == repr(results)
    assert max(map(len, others)) <= 100


def test_unfinished_and_empty_studies_are_shown(outcome):
    few = outcome(STUDY, told)
    assert "units=8, units=16: no verdict: fewer than 6 pairs." in " ".join(str(few).split())
    failed = outcome(STUDY, lambda trial: "ValueError: always", "failed")
    assert "failed" in str(failed)
    assert "<table" in failed._repr_html_()


def test_html_of_a_notebook_escapes_all_texts(outcome):
    results = outcome(SIX, separable)
    name = "<b>&x"
    results._overall["variant"] = results._overall["variant"].replace("units=8", name)
    page = HTMLFormatter()(results)
    assert page.count("<table") == 2
    assert "&lt;b&gt;&amp;x" in page
    assert name not in page


@pytest.mark.parametrize("full", [False, True])
def test_deltas_have_the_contract_columns_and_further_ones_on_request(outcome, full):
    table = outcome(SIX, separable).deltas(full=full)
    contract = (
        "factor level baseline metric baseline_mean level_mean delta ci_low ci_high p p_adjusted "
        "n_pairs n_failed verdict"
    )
    assert set(table.columns[:14]) == set(contract.split())
    assert (len(table.columns) > 14) == full
    assert ("variant" in table) == ("new_data_low" in table) == full


def test_narrow_terminal_keeps_delta_interval_and_verdict(outcome, monkeypatch):
    table = outcome(SIX, separable).deltas()
    monkeypatch.setattr("pandas.io.formats.string.get_terminal_size", lambda: (100, 24))
    first = table.to_string(max_cols=0, line_width=100).splitlines()[0]
    assert len(first) <= 100
    shown = {"factor", "level", "metric", "delta", "ci_low", "ci_high", "verdict"}
    assert shown <= set(first.split())


def test_charts_of_notebooks_load_nothing_from_a_network(outcome):
    bundle = outcome(SIX, separable).plot()._repr_mimebundle_()
    assert {"application/vnd.vegalite.v6.json", "image/svg+xml"} <= set(bundle)
    assert "text/html" not in bundle
    assert "<script" not in bundle["image/svg+xml"]
    links = [word for word in json.dumps(bundle).split('"') if word.startswith("http")]
    assert {link.split("/")[2] for link in links} <= {"vega.github.io", "www.w3.org"}
