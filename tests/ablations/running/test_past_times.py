"""Times of past trials, kept in the cache folder for the expected time of later studies."""

import json

import pytest

from ablations import Study, TrialResult, plan, run
from ablations.running import past_times
from ablations.running.past_times import PastTimes, keep_times
from ablations.study import Trial
from cnnzoo import Recipe
from cnnzoo.levels import Settings


def trial(units=8, seed=0, data="digits"):
    return Trial("mlp", data, Settings({"units": units}), Recipe(epochs=1), seed)


def done(of, seconds, status="done"):
    return TrialResult(of, status, seconds=seconds)


def times_of(study, tmp_path):
    table = plan(study, tmp_path / "other", engine="serial")
    return table.groupby("variant", sort=False)[["seconds", "seconds_from"]].first()


def test_times_are_those_of_the_last_run_of_a_variant():
    keep_times([done(trial(), 4.0), done(trial(), 9.0), done(trial(), 1.0, "failed")], {})
    assert PastTimes.stored().of_variant(trial(seed=7)).seconds == 6.5  # median of 4 and 9
    keep_times([done(trial(seed=1), 2.0)], {})
    assert PastTimes.stored().of_variant(trial()).seconds == 2.0
    assert PastTimes.stored().of_variant(trial(units=16)) is None


def test_scale_is_the_median_ratio_of_time_to_estimate():
    results = [done(trial(units), seconds) for units, seconds in ((8, 6.0), (16, 9.0), (32, 50.0))]
    estimates = {result.trial.key: guess for result, guess in zip(results, (3, 3, 10), strict=True)}
    keep_times(results, estimates)
    assert PastTimes.stored().scale("mlp", "digits") == 3.0  # of 2, 3 and 5
    assert PastTimes.stored().scale("mlp", "mnist5k") is None
    # a resumed run does not measure its models again: what is known stays
    keep_times(results[:1], {})
    assert PastTimes.stored().of_variant(trial(8)).estimate == 3


def test_times_of_another_machine_are_not_used(monkeypatch):
    keep_times([done(trial(), 4.0)], {})
    monkeypatch.setattr(past_times, "describe_machine", lambda: {"cpu": "another"})
    assert PastTimes.stored().of_variant(trial()) is None
    assert PastTimes.stored().scale("mlp", "digits") is None


def test_machines_that_share_a_cache_folder_do_not_share_times(monkeypatch):
    keep_times([done(trial(), 4.0)], {trial().key: 2.0})
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(past_times, "describe_machine", lambda: {"cpu": "another"})
        keep_times([done(trial(), 2000.0)], {trial().key: 2.0})
        assert PastTimes.stored().scale("mlp", "digits") == 1000.0
    assert PastTimes.stored().scale("mlp", "digits") == 2.0


def test_functions_of_programs_leave_no_times():
    """Each script and notebook may have its own `net`."""
    own = Trial("__main__:net", "digits", Settings({}), Recipe(epochs=1), 0)
    keep_times([done(own, 600.0)], {})
    assert PastTimes.stored().of_variant(own) is None


@pytest.mark.parametrize("content", ["", "[1]", '{"a": 1}', '{"a": {"seconds": 1}}', "\x00"])
def test_unreadable_file_counts_as_none(content):
    path = past_times.times_file()
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert PastTimes.stored().of_variant(trial()) is None
    keep_times([done(trial(), 4.0)], {})
    assert PastTimes.stored().of_variant(trial()).seconds == 4.0


def test_only_the_last_variants_are_kept(monkeypatch):
    monkeypatch.setattr(past_times, "KEPT", 2)
    for units in (8, 16, 8, 32):
        keep_times([done(trial(units), 1.0)], {})
    times = PastTimes.stored()
    assert [times.of_variant(trial(units)) is None for units in (8, 16, 32)] == [False, True, False]
    assert len(json.loads(past_times.times_file().read_text())) == 2


def test_plan_of_another_study_takes_the_times_of_a_run(stubbed, tmp_path, capsys):
    recipe = Recipe(epochs=1)
    first = Study("mlp", "digits", factors={"units": [128, 8]}, seeds=2, recipe=recipe)
    run(first, tmp_path / "first", engine="serial")
    err = capsys.readouterr().err
    assert (
        "4 trials to run: about 0:04 with 1 worker, 0:04 of computing.\n"
        "The time is a rough estimate from multiply-accumulates and a typical core.\n"
    ) in err
    second = Study("mlp", "digits", factors={"units": [128, 8, 16]}, seeds=1, recipe=recipe)
    table = times_of(second, tmp_path)
    assert table["seconds"].tolist() == [0.1] * 3
    assert table["seconds_from"].tolist() == [
        *["earlier runs of the variant"] * 2,
        "earlier runs of the model",
    ]
    run(second, tmp_path / "second", engine="serial")
    assert (
        "The time is from earlier trials of this model on this machine, scaled by "
        "multiply-accumulates.\n"
    ) in capsys.readouterr().err


def test_read_only_cache_folder_does_not_fail_a_run(stubbed, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(past_times, "times_file", lambda: tmp_path / "file" / "seconds.json")
    study = Study("mlp", "digits", factors={"units": [128, 8]}, seeds=1, recipe=Recipe(epochs=1))
    assert len(run(study, tmp_path / "first", engine="serial").trials) == 2
