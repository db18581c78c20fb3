"""Workers on several hosts: who falls silent is not waited for."""

import json
from collections import Counter

import keras_tuner
import pytest
from processes import finish, kill, start, start_command, wait_for
from search_files import trials_of

import cnnzoo
from cnnzoo.tuning import hosts, role, writing
from cnnzoo.tuning.oracle import make_safe
from cnnzoo.tuning.records import Execution, Objective
from cnnzoo.tuning.space import Space
from cnnzoo.tuning.workers import Plan
from cnnzoo.tuning.writing import write_executions


def test_a_worker_that_is_killed_and_not_started_again_is_not_waited_for(tmp_path, port):
    address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port)}
    directory, gate = tmp_path / "search", tmp_path / "gate"
    gate.write_text("0")
    processes = {
        name: start(directory, 1, 12, "stub", KERASTUNER_TUNER_ID=name, GATE=str(gate), **address)
        for name in ("chief", "one", "two")
    }
    oracle = directory / "oracle.json"

    def ongoing():
        state = json.loads(oracle.read_text()) if oracle.exists() else {}
        return state.get("ongoing_trials", {})

    wait_for(lambda: {"one", "two"} <= ongoing().keys())
    lost = ongoing()["one"]
    kill(processes["one"])
    gate.write_text("12")
    told = finish(processes["chief"])
    finish(processes["two"])
    trials = trials_of(directory)
    assert [trial["status"] for trial in trials] == ["COMPLETED"] * 12
    assert all([row["seed"] for row in trial["rows"]] == [0, 1] for trial in trials)
    said = f"Worker one has been silent for 3 s; its trial {lost} goes to the next that asks."
    assert said in told.splitlines()
    assert not [*directory.glob(".alive-two")]


def begin_script(place, **environment):
    return start(place, 1, 2, "hp", **environment)


def begin_command(place, **environment):
    options = ("--search", "units", "--data", "digits", "--epochs", 1, "--trials", 2, "--to", place)
    return start_command("tune", "mlp", *options, **environment)


@pytest.mark.parametrize("begin", [begin_script, begin_command])
def test_what_starts_tensorflow_before_the_search_is_no_hindrance_to_a_worker(
    tmp_path, port, begin
):
    address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port)}
    place = tmp_path / "search"
    both = [begin(place, KERASTUNER_TUNER_ID=name, **address) for name in ("chief", "one")]
    try:
        for process in reversed(both):
            finish(process)
    finally:
        for process in both:
            kill(process)
    assert [trial["status"] for trial in trials_of(place)] == ["COMPLETED"] * 2


@pytest.fixture
def as_worker(monkeypatch):
    def become():
        for name, value in zip(role.VARIABLES, ("one", "127.0.0.1", "8000"), strict=True):
            monkeypatch.setenv(name, value)

    return become


OTHERS = "Another search was begun in {}: {}. Give another directory."


@pytest.mark.parametrize(
    ("other", "change"),
    [
        ({"recipe": cnnzoo.Recipe(epochs=3)}, "recipe: epochs was 2, and is 3"),
        ({"seeds": 2}, "seeds was [0], and is [0, 1]"),
        ({"depth": 2}, "fixed: depth is 2"),
    ],
)
def test_a_worker_of_another_search_is_refused(
    searched, stub_training, as_worker, monkeypatch, tmp_path, other, change
):
    stub_training(lambda levels, seed: 0.5)
    options = {"recipe": cnnzoo.Recipe(epochs=2), "trials": 1}
    searched("mlp", "digits", {"units": [8, 16]}, tuner="grid", **options)
    as_worker()
    monkeypatch.setattr("cnnzoo.tuning.tune.fix_arithmetic", lambda: None)
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched("mlp", "digits", {"units": [8, 16]}, **{**options, **other})
    assert str(refusal.value) == OTHERS.format(tmp_path / "search", change)


def test_a_worker_does_not_wait_for_ever_for_a_chief(searched, as_worker, monkeypatch, tmp_path):
    as_worker()
    monkeypatch.setattr(writing, "BEGIN_WITHIN", 0.0)
    monkeypatch.setattr("cnnzoo.tuning.tune.fix_arithmetic", lambda: None)
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched("mlp", "digits", {"units": [8, 16]})
    assert str(refusal.value) == (
        f"No chief has begun a search in {tmp_path / 'search'} in 0 s. Start it, with a directory "
        "that all hosts share, and then this worker again."
    )


def test_a_process_that_has_computed_otherwise_is_no_worker(searched, as_worker, monkeypatch):
    def refuse():
        raise RuntimeError("Intra op parallelism cannot be modified after initialization.")

    as_worker()
    monkeypatch.setattr("cnnzoo.tuning.tune.fix_arithmetic", refuse)
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched("mlp", "digits", {"units": [8, 16]})
    assert str(refusal.value) == (
        "This process is a worker of a search over hosts, which trains on one thread, and "
        "TensorFlow has computed in it on several before `tune` was called. Call `tune` before "
        "anything that builds a model."
    )


@pytest.fixture
def oracle(tmp_path):
    """One that proposes three numbers."""
    space = keras_tuner.HyperParameters()
    space.Choice("number", [1, 2, 3])
    made = keras_tuner.oracles.RandomSearchOracle(
        keras_tuner.Objective("val_accuracy", "max"), max_trials=3, seed=1, hyperparameters=space
    )
    made._set_project_dir(str(tmp_path), "search")
    return make_safe(made, [], patient=True)


@pytest.fixture
def plan(tmp_path):
    nothing = Space("m", {}, {}, {}, {}, {}, {})
    goal = Objective("val_accuracy", "max")
    place = tmp_path / "search"
    return Plan("m", nothing, cnnzoo.Recipe(), "digits", goal, (0,), place, checkpoints=False)


def end(oracle, trial, score=0.5):
    row = Execution("done", score, {"val_accuracy": score}, 0, 0.0, 1)
    write_executions(oracle._get_trial_dir(trial.trial_id), [row])
    oracle.update_trial(trial.trial_id, {"val_accuracy": score})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


@pytest.mark.parametrize("taken", [True, False])
def test_a_slow_worker_that_comes_back_does_not_score_its_trial_again(oracle, taken):
    ended = []
    oracle.report = lambda trial, _: ended.append((trial.trial_id, trial.score))
    slow = oracle.create_trial("slow")
    assert oracle.drop("slow").trial_id == slow.trial_id
    assert oracle.tuner_ids == set()
    if taken:
        end(oracle, oracle.create_trial("quick"))
    end(oracle, slow, 0.5 if not taken else 0.25)
    assert ended == [(slow.trial_id, 0.5)]
    assert oracle.end_order == [slow.trial_id]
    assert oracle.create_trial("slow").trial_id != slow.trial_id


def test_whoever_has_nothing_more_to_do_waits_for_those_who_have(oracle):
    last = [oracle.create_trial(f"w{index}") for index in range(3)]
    assert oracle.create_trial("w3").status == "IDLE"
    assert oracle.drop("w1").trial_id == last[1].trial_id
    assert oracle.create_trial("w3").trial_id == last[1].trial_id
    for trial in last:
        end(oracle, trial)
    assert oracle.create_trial("w3").status == "STOPPED"


def test_a_sign_of_life_is_one_that_changes(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(hosts.time, "monotonic", lambda: now[0])
    watch = hosts.Watch(tmp_path)
    assert watch.silent({"never", "once", "lives"}) == []
    (tmp_path / ".alive-once").write_text("1")
    for step in range(1, 5):
        now[0] = step * hosts.SILENT / 2
        (tmp_path / ".alive-lives").write_text(str(step))
        gone = watch.silent({"never", "once", "lives"})
        assert gone == {3: ["never"], 4: ["once"]}.get(step, [])


def test_with_no_worker_left_the_chief_says_so_once_and_ends_when_all_is_done(
    oracle, plan, port, monkeypatch
):
    monkeypatch.setattr(hosts, "SILENT", 0.6)
    monkeypatch.setattr(hosts, "LOOK_AFTER", 0.05)
    for name, value in zip(role.VARIABLES, ("chief", "127.0.0.1", str(port)), strict=True):
        monkeypatch.setenv(name, value)
    oracle.create_trial("one")
    said = []

    def say(sentence):
        said.append(sentence)
        if sentence.startswith("No worker is left"):
            for _ in range(3):  # which then another one does, and never asks again
                end(oracle, oracle.create_trial("two"))

    hosts.lead_hosts(oracle, plan, say, lambda: None)
    assert said == [
        f"Waiting for workers at 127.0.0.1:{port}.",
        "Worker one has been silent for 1 s; its trial 0 goes to the next that asks.",
        "No worker is left, and there are trials to come. Start one again by the command that it "
        "was started by, with KERASTUNER_TUNER_ID=one.",
        "Worker two has been silent for 1 s; it had no trial.",
    ]
    assert len(oracle.end_order) == 3


def test_a_chief_with_nothing_left_to_do_waits_for_nobody(oracle, plan, port, monkeypatch):
    for name, value in zip(role.VARIABLES, ("chief", "127.0.0.1", str(port)), strict=True):
        monkeypatch.setenv(name, value)
    for _ in range(3):
        end(oracle, oracle.create_trial("one"))
    oracle.tuner_ids.clear()
    said = []
    hosts.lead_hosts(oracle, plan, said.append, lambda: None)
    assert said == []


def test_a_trial_over_which_workers_fall_silent_again_and_again_has_failed(oracle, plan):
    deaths = Counter()
    for name in ("one", "two"):
        trial = oracle.create_trial(name)
        said = hosts._take_over(oracle, plan, name, deaths)
    assert said == "Worker two has been silent for 60 s over trial 0, which is given up."
    assert (trial.status, oracle.waiting, oracle.end_order) == ("FAILED", [], ["0"])
    assert trial.message == "2 workers fell silent over it, at last two"


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"KERASTUNER_TUNER_ID": "chief"},
            "KERASTUNER_TUNER_ID is set in the environment, and KERASTUNER_ORACLE_IP and "
            "KERASTUNER_ORACLE_PORT are not: set all three for a search over hosts, or none.",
        ),
        (
            {"KERASTUNER_TUNER_ID": "chief", "KERASTUNER_ORACLE_IP": "127.0.0.1"},
            "KERASTUNER_TUNER_ID and KERASTUNER_ORACLE_IP are set in the environment, and "
            "KERASTUNER_ORACLE_PORT is not: set all three for a search over hosts, or none.",
        ),
        (
            dict(zip(role.VARIABLES, ("chief", "127.0.0.1", "80a"), strict=True)),
            "KERASTUNER_ORACLE_PORT must be a whole number from 1 to 65535; got '80a'.",
        ),
    ],
)
def test_half_an_address_is_refused_before_the_data_are_loaded(
    searched, monkeypatch, environment, sentence
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(cnnzoo.ToggleError) as refusal:
        searched("mlp", "there is no such data", {"units": [8, 16]})
    assert str(refusal.value) == sentence
