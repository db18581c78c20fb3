import json
import math
import shutil
import subprocess
import sys
import textwrap

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnzoo
from cnnzoo.tuning.records import Objective, SearchError

TUNERS = ("random", "grid", "bayesian", "hyperband", "twice", "single", "both")


def state_of(place, trial):
    return json.loads((place / f"trial_{trial}" / "trial.json").read_text())


def states(place):
    return [json.loads(path.read_text()) for path in sorted(place.glob("trial_*/trial.json"))]


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def score_of(row):
    """Work the formula of the fixture out again, from the table."""
    size = 0 if pd.isna(row.pool_size) else row.pool_size
    bent = 0.9 - 0.02 * (math.log10(row.learning_rate) + 2) ** 2
    return bent + 0.01 * size + (0.005 if row.skip else 0)


# Every tuner's directory


@pytest.mark.parametrize("name", TUNERS)
def test_each_trial_of_every_tuner_is_a_row_with_its_score(searches, name):
    trials = cnnzoo.open_search(searches[name]).trials
    stored = {state["trial_id"]: state["score"] for state in states(searches[name])}
    assert dict(zip(trials["trial"], trials["score"], strict=True)) == stored
    assert set(trials["status"]) == {"done"}
    assert (
        list(trials["trial"])
        == json.loads((searches[name] / "oracle.json").read_text())["start_order"]
    )


@pytest.mark.parametrize("name", ["random", "grid", "bayesian", "hyperband", "twice"])
def test_the_hyperparameters_are_those_that_made_the_score(searches, name):
    trials = cnnzoo.open_search(searches[name]).trials
    for row in trials.itertuples():
        assert row.score == pytest.approx(score_of(row), abs=1e-12)
        assert pd.isna(row.pool_size) == (row.pool == "none")


def test_levels_keep_their_types(searches):
    trials = cnnzoo.open_search(searches["failing"]).trials
    assert trials["skip"].dtype == bool
    assert trials["pool_size"].dtype == "Int64"
    assert trials["learning_rate"].dtype == "float64"
    assert trials["width"].dtype == "int64"


def test_booleans_that_were_stored_as_numbers_are_booleans(copied):
    place = copied("random")
    for path in place.glob("trial_*/trial.json"):
        state = json.loads(path.read_text())
        values = state["hyperparameters"]["values"]
        values |= {"skip": int(values["skip"]), "width": 8}
        path.write_text(json.dumps(state))
    results = cnnzoo.open_search(place)
    assert results.trials["skip"].dtype == bool
    assert type(results.best()["skip"]) is bool


@pytest.mark.parametrize(
    ("name", "objective"),
    [
        ("random", Objective("val_accuracy", "max")),
        ("hyperband", Objective("val_accuracy", "max")),
        ("single", Objective("default_objective", "min")),
        ("both", Objective("multi_objective", "min")),
    ],
)
def test_the_objective_is_found_from_the_scores(searches, name, objective):
    results = cnnzoo.open_search(searches[name])
    assert results.objective == objective
    scores = results.configurations["score"].tolist()
    assert scores == sorted(scores, reverse=objective.direction == "max")


def test_reading_changes_nothing_and_loads_no_tensorflow(searches):
    def seen():
        return {
            path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
            for place in searches.values()
            for path in sorted(place.rglob("*"))
        }

    before = seen()
    code = """
        import sys, cnnzoo
        for place in sys.argv[1:]:
            results = cnnzoo.open_search(place)
            results.trials, results.configurations, results.notes, results.seeds
            if results.comparable: results.best(3), results.best(), results.best_line()
        assert not {"tensorflow", "keras", "keras_tuner"} & {*sys.modules}
    """
    run = [sys.executable, "-c", textwrap.dedent(code), *map(str, searches.values())]
    subprocess.run(run, check=True)
    assert seen() == before


# What is not done


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


def test_what_a_builder_refused_under_a_tuner_of_kerastuner_is_invalid_with_its_reason(searches):
    trials = cnnzoo.open_search(searches["refusing"]).trials
    none = trials[trials["pool"] == "none"]
    assert len(none) > 0
    assert set(none["status"]) == {"invalid"}
    assert set(none["reason"]) == {"`pool` of `net` must not be none."}
    assert set(trials.loc[trials["pool"] == "max", "status"]) == {"done"}


def test_an_interrupted_search_has_an_unfinished_trial(searches):
    results = cnnzoo.open_search(searches["stopped"])
    assert results.trials["status"].tolist() == ["done", "done", "unfinished"]
    assert len(results.configurations) == 2
    assert repr(results) == f"<SearchResults in {searches['stopped']}: 2 done, 1 unfinished>"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "trial.json cannot be read: Expecting value: line 1 column 1 (char 0)"),
        (b"[]", "trial.json is not as it should be: TypeError: list indices must be integers or "
                "slices, not str"),
        (b'{"hyperparameters": {}}', "trial.json is not as it should be: KeyError: 'status'"),
        (b"\xff", "trial.json cannot be read: 'utf-8' codec can't decode byte 0xff in position 0: "
                  "invalid start byte"),
    ],
)  # fmt: skip
def test_a_damaged_trial_is_a_row_that_says_so(copied, content, reason):
    place = copied("random")
    (place / "trial_1" / "trial.json").write_bytes(content)
    trials = cnnzoo.open_search(place).trials
    assert trials["trial"].tolist() == ["0", "1", "2", "3", "4", "5"]
    assert trials["status"].tolist() == ["done", "unreadable", *["done"] * 4]
    assert trials["reason"][1] == reason


def test_every_truncation_of_a_trial_is_read(copied):
    place = copied("random")
    path = place / "trial_2" / "trial.json"
    whole = path.read_bytes()
    for length in range(0, len(whole), 11):
        path.write_bytes(whole[:length])
        trials = cnnzoo.open_search(place).trials
        assert trials["status"][2] == "unreadable"
        assert len(trials) == 6


def places_of(value, path=()):
    """List the paths to all that a JSON value holds."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, held in inside:
        yield (*path, key)
        if isinstance(held, dict | list):
            yield from places_of(held, (*path, key))


@pytest.fixture(scope="module")
def pair(searches, tmp_path_factory):
    """Keep two trials of a search, one of which is to be written over and over."""
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
def test_whatever_stands_in_a_file_the_other_trials_are_read(pair, data, name, junk):
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


def test_a_trial_without_its_files_is_said(copied):
    place = copied("random")
    (place / "trial_0" / "trial.json").unlink()
    shutil.rmtree(place / "trial_3")
    trials = cnnzoo.open_search(place).trials.set_index("trial")
    assert trials["reason"]["3"] == "its folder is not there"
    assert trials["reason"]["0"] == "trial.json cannot be read: No such file or directory"
    assert (trials["status"] == "unreadable").sum() == 2


def test_without_a_readable_oracle_the_trials_are_still_there(copied):
    place = copied("failing")
    (place / "oracle.json").write_text('{"start_order": ["0"')
    results = cnnzoo.open_search(place)
    assert results.trials["trial"].tolist() == [f"{at:02d}" for at in range(14)]
    assert results.notes == (
        "oracle.json cannot be read: Expecting ',' delimiter: line 1 column 21 (char 20).",
    )
    assert results.objective == Objective("val_accuracy", "max")


def test_a_search_in_which_nothing_is_done_has_no_best(searches):
    results = cnnzoo.open_search(searches["begun"])
    assert results.trials["status"].tolist() == ["unfinished"]
    assert results.configurations.empty
    assert results.objective is None
    with pytest.raises(SearchError) as refused:
        results.best()
    assert str(refused.value) == f"No trial of the search in {searches['begun']} is done."


def test_a_directory_without_a_search_names_those_below(searches, tmp_path):
    with pytest.raises(SearchError) as refused:
        cnnzoo.open_search(tmp_path)
    assert str(refused.value) == (
        f"There is no search in {tmp_path}: a project directory of KerasTuner has an oracle.json."
    )
    names = ("mlp", "downsample", "downsampling_2", "residual", "vgg")
    place = tmp_path / "downsampling"
    for name in names:
        shutil.copytree(searches["begun"], place / name)
    with pytest.raises(SearchError) as refused:
        cnnzoo.open_search(place)
    assert str(refused.value) == (
        f"There is no search in {place}: a project directory of KerasTuner has an oracle.json. "
        f"There is one in {place / 'downsampling_2'}, {place / 'downsample'}, {place / 'mlp'} and "
        "2 more folders there."
    )


# Hyperband


def test_hyperbands_short_trials_are_not_compared_with_whole_ones(searches):
    results = cnnzoo.open_search(searches["hyperband"])
    trials = results.trials
    assert sorted(set(trials["trained_epochs"])) == [1, 3, 9]
    assert (trials["partial"] == (trials["trained_epochs"] < 9)).all()
    assert set(trials["bracket"]) == {0, 1, 2}
    assert set(results.configurations["trial"]) == set(trials.loc[~trials["partial"], "trial"])
    assert results.notes == (
        f"{trials['partial'].sum()} trials were given fewer than 9 epochs by Hyperband; their "
        "scores are not compared with the others'.",
    )
    assert not [name for name in trials if name.startswith("tuner/")]


def test_an_unfinished_hyperband_compares_the_longest_there_are(copied):
    place = copied("hyperband")
    for state in states(place):
        if state["hyperparameters"]["values"]["tuner/epochs"] == 9:
            edit(place / f"trial_{state['trial_id']}" / "trial.json", status="RUNNING", score=None)
    results = cnnzoo.open_search(place)
    done = results.trials[results.trials["status"] == "done"]
    longest = done[done["trained_epochs"] == 3]
    assert set(results.configurations["trial"]) <= set(longest["trial"])
    assert results.notes[-1] == (
        "No trial has had the 9 epochs of a whole training yet; compared are those of 3."
    )


# Executions


def test_kept_executions_are_rows(seeded):
    results = cnnzoo.open_search(seeded)
    trials = results.trials
    assert len(trials) == 18
    assert trials["seed"].tolist() == [0, 1, 2] * 6
    assert trials["execution"].tolist() == [0, 1, 2] * 6
    assert trials["seconds"].tolist() == [1.5, 2.5, 3.5] * 6
    assert set(trials["trained_epochs"]) == {2}
    assert set(trials["loss"]) == {0.5}
    assert results.seeds == (0, 1, 2)
    for trial, rows in trials.groupby("trial"):
        assert rows["score"].mean() == pytest.approx(state_of(seeded, trial)["score"])
        configuration = results.configurations.set_index("trial").loc[trial]
        assert configuration["sd"] == pytest.approx(0.01)
        assert configuration["executions"] == 3


def test_values_that_a_user_reported_one_after_the_other_are_executions(copied):
    place = copied("twice")
    path = place / "trial_1" / "trial.json"
    state = json.loads(path.read_text())
    observations = state["metrics"]["metrics"]["val_accuracy"]["observations"]
    mean = observations[0]["value"][0]
    observations[0]["value"] = [mean - 0.25, mean + 0.25]
    state["score"] = sum(observations[0]["value"]) / 2
    path.write_text(json.dumps(state))
    trials = cnnzoo.open_search(place).trials
    rows = trials[trials["trial"] == "1"]
    assert rows["execution"].tolist() == [0, 1]
    assert rows["score"].tolist() == rows["val_accuracy"].tolist() == [mean - 0.25, mean + 0.25]
    assert trials["seed"].isna().all()


def test_a_trial_of_which_one_execution_failed_is_not_compared(seeded):
    path = seeded / "trial_2" / "executions.json"
    rows = json.loads(path.read_text())
    rows[1] |= {"status": "failed", "score": None, "reason": "MemoryError: too\nbig"}
    path.write_text(json.dumps(rows))
    results = cnnzoo.open_search(seeded)
    trials = results.trials[results.trials["trial"] == "2"]
    assert trials["status"].tolist() == ["done", "failed", "done"]
    assert trials["reason"].tolist() == ["", "MemoryError: too big", ""]
    assert "2" not in set(results.configurations["trial"])


def test_a_trial_that_was_cut_off_between_executions_is_unfinished(seeded):
    path = seeded / "trial_4" / "executions.json"
    path.write_text(json.dumps(json.loads(path.read_text())[:1]))
    edit(seeded / "trial_4" / "trial.json", status="RUNNING", score=None)
    trials = cnnzoo.open_search(seeded).trials
    rows = trials[trials["trial"] == "4"]
    assert rows["status"].tolist() == ["done", "unfinished"]
    assert rows["score"].notna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("name", "value", "must"),
    [
        ("versions", ["a"], "a table of texts by package; got ['a']"),
        ("model", {"a": 1}, "a text; got {'a': 1}"),
        ("fixed", "none", "a table of levels by name; got 'none'"),
        ("recipe", {"epochs": "x"}, "a table of a Recipe's levels by name; got {'epochs': 'x'}"),
        ("objective", {"name": 1}, "a name and a direction, 'min' or 'max'; got {'name': 1}"),
        ("seeds", [0, True], "a list of whole numbers from 0; got [0, True]"),
        ("classes", -1, "a whole number from 0; got -1"),
        ("data", ["long"] * 99, f"a text; got {str(['long'] * 99)[:60]}…"),
    ],
)
def test_what_search_json_says_wrongly_is_left_out_and_said(seeded, name, value, must):
    edit(seeded / "search.json", **{name: value})
    results = cnnzoo.open_search(seeded)
    assert results.notes == (
        f"search.json is not as it should be: its `{name}` is left out, for it must be {must}.",
    )
    assert results.best_line()
    assert len(results.trials) == 18


def test_what_a_later_version_says_is_let_be(seeded):
    edit(seeded / "search.json", mood=["good"])
    results = cnnzoo.open_search(seeded)
    assert results.notes == ()
    assert results.project.search["mood"] == ["good"]


def test_executions_that_cannot_be_read_leave_the_trial(seeded):
    path = seeded / "trial_4" / "executions.json"
    path.write_text(path.read_text()[:50])
    trials = cnnzoo.open_search(seeded).trials
    row = trials[trials["trial"] == "4"].iloc[0]
    assert row["status"] == "done"
    assert row["score"] == pytest.approx(state_of(seeded, "4")["score"])


# The best


def test_the_best_of_a_zoo_model_is_what_it_was_and_a_line_to_paste(seeded):
    results = cnnzoo.open_search(seeded)
    first = results.best(2).iloc[0]
    best = results.best()
    assert best["filters"] == 16
    assert best["learning_rate"] == first["learning_rate"]
    assert first["score"] == max(results.configurations["score"])
    assert "width" not in best  # which the zoo's model does not have
    line = results.best_line()
    written = ", ".join(f"{name}={level!r}" for name, level in best.items())
    assert line == (
        "cnnzoo.train('downsampling', cnnzoo.load_data('digits'), "
        f"cnnzoo.Recipe(epochs=2, batch_size=64), seed=0, {written})"
    )


def test_data_that_were_given_as_they_are_are_called_by_a_name(seeded):
    edit(seeded / "search.json", data="", about_data="arrays: 8x8x1 images")
    results = cnnzoo.open_search(seeded)
    assert (results.data, results.about_data) == ("", "arrays: 8x8x1 images")
    assert results.best_line().startswith("cnnzoo.train('downsampling', cnnzoo.load_data(data), ")


def test_the_best_of_a_builder_of_ones_own_is_imported_and_called(seeded):
    shape = {"input_shape": [8, 8, 1], "classes": 10}
    told = {"model": "nets.small:Nets.tiny", "fixed": {}, "others": {"a b": "it's"}, **shape}
    edit(seeded / "search.json", **told)
    results = cnnzoo.open_search(seeded)
    keywords = ", ".join(f"{name}={level!r}" for name, level in results.winner.levels.items())
    assert results.best_line() == (
        "from nets.small import Nets\n\n"
        f"cnnzoo.train(Nets.tiny(input_shape=(8, 8, 1), classes=10, {keywords}, "
        "**{'a b': \"it's\"}), cnnzoo.load_data('digits'), "
        "cnnzoo.Recipe(epochs=2, batch_size=64), seed=0)"
    )


def test_the_best_of_a_build_hp_is_built_from_its_hyperparameters(seeded):
    edit(seeded / "search.json", model="nets.small:build", builder="hp", fixed={"batch_size": 16})
    results = cnnzoo.open_search(seeded)
    assert results.best_line() == (
        "import keras_tuner\nfrom nets.small import build\n\n"
        "hp = keras_tuner.HyperParameters()\n"
        f"hp.values.update({results.winner.levels!r})\n"
        "cnnzoo.train(build(hp), cnnzoo.load_data('digits'), "
        "cnnzoo.Recipe(epochs=2, batch_size=16), seed=0)"
    )


def test_of_a_hypermodel_nobody_knows_how_it_was_made(seeded):
    edit(seeded / "search.json", model="nets.small:Net", builder="hypermodel")
    results = cnnzoo.open_search(seeded)
    levels = results.levels_of(results.winner)
    assert results.best_line() == (
        "import keras_tuner\n\nhp = keras_tuner.HyperParameters()\n"
        f"hp.values.update({levels!r})  # for the build(hp) that was searched"
    )


@pytest.mark.parametrize("model", ["os:system('x')", "a:b\nimport os", "a b:c", ":c"])
def test_what_is_no_name_of_a_builder_is_not_written_as_code(seeded, model):
    edit(seeded / "search.json", model=model)
    line = cnnzoo.open_search(seeded).best_line()
    assert line.startswith("import keras_tuner\n\nhp = keras_tuner.HyperParameters()\n")
    assert model not in line


def test_the_best_of_a_search_made_elsewhere_is_all_that_was_chosen(searches):
    results = cnnzoo.open_search(searches["random"])
    values = max(states(searches["random"]), key=lambda state: state["score"])
    assert results.best() == values["hyperparameters"]["values"]
    told = {}
    exec(results.best_line(), told)  # noqa: S102
    assert told["hp"].get_config()["values"] == results.best()


def test_as_many_as_are_asked_for_are_the_best(searches):
    results = cnnzoo.open_search(searches["random"])
    assert results.best(2)["rank"].tolist() == [1, 2]
    for count in (-2, 0, True, 1.0):
        with pytest.raises(SearchError) as refused:
            results.best(count)
        assert str(refused.value) == (
            f"`count` of `best` must be a whole number from 1 up; got {count!r}."
        )


def test_columns_of_one_name_are_told_apart(copied):
    place = copied("random")
    for path in place.glob("trial_*/trial.json"):
        state = json.loads(path.read_text())
        state["hyperparameters"]["values"] |= {"loss": "mse", "status": "on"}
        metrics = state["metrics"]["metrics"]
        metrics["loss"] = metrics["score"] = metrics["val_loss"]
        path.write_text(json.dumps(state))
    oracle = json.loads((place / "oracle.json").read_text())
    for name in ("loss", "status"):
        config = {"name": name, "default": None, "conditions": [], "values": ["mse", "on"]}
        oracle["hyperparameters"]["space"].append({"class_name": "Choice", "config": config})
    (place / "oracle.json").write_text(json.dumps(oracle))
    trials = cnnzoo.open_search(place).trials
    assert set(trials["loss"]) == {"mse"}
    assert set(trials["hp:status"]) == {"on"}
    assert set(trials["status"]) == {"done"}
    assert trials["metric:loss"].tolist() == trials["metric:score"].tolist()
    assert trials["metric:loss"].tolist() == trials["val_loss"].tolist()
    assert not trials.columns.duplicated().any()
