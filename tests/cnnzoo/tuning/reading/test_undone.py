"""Unfinished and failed trials, damaged files and directories without a search."""

import json
import shutil

import pytest
from helpers.project_files import state_of
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnzoo
from cnnzoo.tuning.records import Objective, SearchError

# Not done


def test_failed_trials_are_rows_with_their_reasons(searches):
    trials = cnnzoo.open_search(searches["failing"]).trials
    none = trials[trials["pool"] == "none"]
    assert set(none["status"]) == {"failed"}
    assert set(none["reason"]) == {"ValueError: `pool` is none: <b>nothing</b> to pool"}
    without = trials[(trials["pool"] == "max") & (trials["learning_rate"] < 3e-4)]
    assert set(without["reason"]) == {"it has no finite score"}
    assert set(without["status"]) == {"failed"}
    assert trials.loc[trials["status"] == "failed", "score"].isna().all()
    assert len(none) > 1
    assert len(without) > 0
    assert (trials["status"] == "done").sum() == len(trials) - len(none) - len(without)


def test_configuration_refused_under_a_keras_tuner_is_invalid(searches):
    trials = cnnzoo.open_search(searches["refusing"]).trials
    none = trials[trials["pool"] == "none"]
    assert len(none) > 0
    assert set(none["status"]) == {"invalid"}
    assert set(none["reason"]) == {"`pool` of `net` must not be none."}
    assert set(trials.loc[trials["pool"] == "max", "status"]) == {"done"}


def test_interrupted_search_has_an_unfinished_trial(searches):
    results = cnnzoo.open_search(searches["stopped"])
    assert results.trials["status"].tolist() == ["done", "done", "unfinished"]
    assert len(results.configurations) == 2
    assert repr(results) == f"<SearchResults in {searches['stopped']}: 2 done, 1 unfinished>"


def test_search_without_a_completed_trial_has_no_best(searches):
    results = cnnzoo.open_search(searches["begun"])
    assert results.trials["status"].tolist() == ["unfinished"]
    assert results.configurations.empty
    assert results.objective is None
    with pytest.raises(SearchError) as refused:
        results.best()
    assert str(refused.value) == f"No trial of the search in {searches['begun']} is done."


# Damaged


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "trial.json cannot be read: Expecting value: line 1 column 1 (char 0)"),
        (b"[]", "trial.json is invalid: TypeError: list indices must be integers or slices, "
                "not str"),
        (b'{"hyperparameters": {}}', "trial.json is invalid: KeyError: 'status'"),
        (b"\xff", "trial.json cannot be read: 'utf-8' codec can't decode byte 0xff in position 0: "
                  "invalid start byte"),
    ],
)  # fmt: skip
def test_damaged_trial_is_a_row_with_the_reason(copied, content, reason):
    place = copied("random")
    (place / "trial_1" / "trial.json").write_bytes(content)
    trials = cnnzoo.open_search(place).trials
    assert trials["trial"].tolist() == ["0", "1", "2", "3", "4", "5"]
    assert trials["status"].tolist() == ["done", "unreadable", *["done"] * 4]
    assert trials["reason"][1] == reason


def test_truncated_trial_is_unreadable(copied):
    place = copied("random")
    path = place / "trial_2" / "trial.json"
    whole = path.read_bytes()
    for length in range(0, len(whole), 11):
        path.write_bytes(whole[:length])
        trials = cnnzoo.open_search(place).trials
        assert trials["status"][2] == "unreadable"
        assert len(trials) == 6


def places_of(value, path=()):
    """Yield the paths to all values in a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, held in inside:
        yield (*path, key)
        if isinstance(held, dict | list):
            yield from places_of(held, (*path, key))


@pytest.fixture(scope="module")
def pair(searches, tmp_path_factory):
    """Two trials of a search, one of which the test overwrites."""
    place = tmp_path_factory.mktemp("pair")
    shutil.copy(searches["hyperband"] / "oracle.json", place)
    for trial in ("0000", "0001"):
        shutil.copytree(searches["hyperband"] / f"trial_{trial}", place / f"trial_{trial}")
    (place / "trial_0001" / "executions.json").write_text(
        json.dumps([{"seed": 0, "status": "done", "score": 0.5, "metrics": {"a": 1.0}}])
    )
    return place


JUNK = st.one_of(
    *(st.none(), st.booleans(), st.integers(-2, 2), st.floats(), st.text(max_size=3)),
    *(st.just([]), st.just({}), st.just([None]), st.just({"a": []})),
)


@settings(max_examples=150)
@given(data=st.data(), name=st.sampled_from(["trial", "executions", "oracle"]), junk=JUNK)
def test_invalid_values_do_not_affect_other_trials(pair, data, name, junk):
    path = pair / "oracle.json" if name == "oracle" else pair / "trial_0001" / f"{name}.json"
    text = path.read_text()
    content = json.loads(text)
    *above, key = data.draw(st.sampled_from([*places_of(content)]))
    holder = content
    for step in above:
        holder = holder[step]
    holder[key] = junk
    try:
        path.write_text(json.dumps(content))
        results = cnnzoo.open_search(pair)
        trials = results.trials
        results.configurations, results.notes, results.seeds, repr(results)
    finally:
        path.write_text(text)
    row = trials[trials["trial"] == "0000"].iloc[0]
    assert row["status"] == "done"
    assert row["score"] == state_of(pair, "0000")["score"]
    assert (trials["trial"] == "0001").any()


def test_trial_without_files_is_unreadable(copied):
    place = copied("random")
    (place / "trial_0" / "trial.json").unlink()
    shutil.rmtree(place / "trial_3")
    trials = cnnzoo.open_search(place).trials.set_index("trial")
    assert trials["reason"]["3"] == "its folder is missing"
    assert trials["reason"]["0"] == "trial.json cannot be read: No such file or directory"
    assert (trials["status"] == "unreadable").sum() == 2


def test_trials_are_read_without_a_readable_oracle(copied):
    place = copied("failing")
    (place / "oracle.json").write_text('{"start_order": ["0"')
    results = cnnzoo.open_search(place)
    assert results.trials["trial"].tolist() == [f"{at:02d}" for at in range(14)]
    assert results.notes == (
        "oracle.json cannot be read: Expecting ',' delimiter: line 1 column 21 (char 20).",
    )
    assert results.objective == Objective("val_accuracy", "max")


# No search


def test_directory_without_a_search_suggests_subfolders(searches, tmp_path):
    with pytest.raises(SearchError) as refused:
        cnnzoo.open_search(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path} contains no search: it has no oracle.json of KerasTuner."
    )
    names = ("mlp", "downsample", "downsampling_2", "residual", "vgg")
    place = tmp_path / "downsampling"
    for name in names:
        shutil.copytree(searches["begun"], place / name)
    with pytest.raises(SearchError) as refused:
        cnnzoo.open_search(place)
    assert str(refused.value) == (
        f"{place} contains no search: it has no oracle.json of KerasTuner. Found one in "
        f"{place / 'downsampling_2'}, {place / 'downsample'}, {place / 'mlp'} and 2 more folders."
    )
