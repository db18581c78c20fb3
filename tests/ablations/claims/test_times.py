"""Estimated durations of the claims' studies."""

import json

import pytest
from helpers.declared_claims import TRUE

from ablations import list_claims
from ablations.claims import listing, times


def write(file, seconds, speed=None, **run):
    """Store a run of ten trials of a study."""
    study = {"name": "first", "seconds": 10 * seconds, "done": 9, "failed": 1}
    machine = {"cores": "2", **({"speed": speed} if speed else {})}
    record = {"quick": False, "data": None, "machine": machine, "claims": [{"studies": [study]}]}
    file.write_text(json.dumps({**record, **run}))


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """The package's run is of a machine twice as fast as this one: 3 s there are 6 s here."""
    monkeypatch.setattr(times, "FULL_RUN", tmp_path / "full_run.json")
    monkeypatch.setattr(times, "speed", lambda: 40.0)
    monkeypatch.setattr(listing, "default_workers", lambda: 4)
    write(tmp_path / "full_run.json", 3.0, "80.0 GFLOP/s")
    return tmp_path


def test_seconds_scale_with_the_speed_and_workers(runs, declare):
    declare(TRUE)
    assert list_claims(directory=runs)["seconds"].tolist() == [12 * 6 / 4]


@pytest.mark.parametrize(("speed", "seconds"), [("40.0 GFLOP/s", 10), ("20.0 GFLOP/s", 5)])
def test_earlier_run_counts_more_than_the_package(runs, declare, speed, seconds):
    declare(TRUE)
    write(runs / "claims.json", 10.0, speed)
    assert list_claims(directory=runs)["seconds"].tolist() == [12 * seconds / 4]


def test_run_without_a_speed_is_taken_as_it_is(runs):
    write(runs / "claims.json", 10.0)
    assert times.seconds_per_trial(runs) == {"first": 10.0}


@pytest.mark.parametrize("run", [{"quick": True}, {"data": "folder:pictures"}])
def test_run_of_other_studies_is_ignored(runs, run):
    write(runs / "claims.json", 10.0, **run)
    assert times.seconds_per_trial(runs) == {"first": 6.0}


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"quick": false, "data": null, "machine": {}, "claims": [{}]}']
)
def test_unreadable_run_is_ignored(runs, text):
    (runs / "claims.json").write_text(text)
    assert times.seconds_per_trial(runs) == {"first": 6.0}


def test_speed_is_stored_as_it_is_read(runs):
    write(runs / "claims.json", 10.0, times.speed_words())
    assert times.stored_seconds(runs / "claims.json") == {"first": 10.0}


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
