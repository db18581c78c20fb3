"""Estimated durations of the claims' studies."""

import json

import pytest
from helpers.declared_claims import TRUE

from ablations import list_claims
from ablations.claims import listing, times
from ablations.claims.catalogue import studies


@pytest.fixture
def table(monkeypatch, tmp_path):
    """Measured on a machine twice as fast as this one: 3 s there are 6 s here."""
    monkeypatch.setattr(times, "stored_table", lambda: {"speed": 80.0, "studies": {"first": 3.0}})
    monkeypatch.setattr(times, "speed", lambda: 40.0)
    monkeypatch.setattr(listing, "default_workers", lambda: 4)
    return tmp_path


def test_seconds_scale_with_the_speed_and_workers(table, declare):
    declare(TRUE)
    assert list_claims(directory=table)["seconds"].tolist() == [12 * 6 / 4]


def test_stored_run_counts_more_than_the_table(table, declare):
    declare(TRUE)
    study = {"name": "first", "seconds": 100.0, "done": 9, "failed": 1}
    (table / "claims.json").write_text(json.dumps({"claims": [{"studies": [study]}]}))
    assert list_claims(directory=table)["seconds"].tolist() == [12 * 10 / 4]


@pytest.mark.parametrize("text", ["", "{}", '{"claims": [{"studies": [{"name": "first"}]}]}'])
def test_unreadable_run_is_ignored(table, text):
    (table / "claims.json").write_text(text)
    assert times.seconds_per_trial(table) == {"first": 6.0}


def test_speed_is_measured_once(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path))
    measured = iter([50.0, 70.0])
    monkeypatch.setattr(times, "measure_speed", lambda: next(measured))
    times.speed.cache_clear()
    assert times.speed() == 50.0
    times.speed.cache_clear()  # as in another process
    assert times.speed() == 50.0
    stored = json.loads((tmp_path / "speed.json").read_text())
    (tmp_path / "speed.json").write_text(json.dumps({**stored, "machine": "another"}))
    times.speed.cache_clear()
    assert times.speed() == 70.0
    times.speed.cache_clear()


def test_table_of_the_package_names_only_known_studies():
    table = times.stored_table()
    assert table["speed"] > 0
    assert table["studies"].keys() <= studies().keys()
