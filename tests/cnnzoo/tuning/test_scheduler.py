"""An oracle is asked for trials and told their results, whatever runs them."""

from types import SimpleNamespace

import keras_tuner
import pytest
from helpers.search_files import trials_of

import cnnzoo
from cnnzoo.engine import Outcome
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning import scheduler as module
from cnnzoo.tuning.kerastuner_private import make_resumable, open_project
from cnnzoo.tuning.records import Execution, Objective, write_executions
from cnnzoo.tuning.scheduler import TrialScheduler
from cnnzoo.tuning.trainer import Plan, SeedResult

GOAL = keras_tuner.Objective("val_accuracy", "max")


@pytest.fixture
def schedule(tmp_path):
    """Return a function that schedules an oracle, and lists the reports as ``reported``."""

    def make(oracle, seeds=1):
        hypermodel = cnnzoo.hypermodel("mlp", search={"units": [4, 8, 16, 32]})
        make_resumable(oracle)
        open_project(oracle, tmp_path / "search", hypermodel)
        plan = Plan(
            model="mlp",
            space=hypermodel.space,
            recipe=Recipe(),
            data="digits",
            objective=Objective("val_accuracy", "max"),
            seeds=tuple(range(seeds)),
            directory=tmp_path / "search",
        )
        reported = []

        def report(trial, executions):
            reported.append((trial.trial_id, trial.status, trial.score, len(executions)))

        scheduler = TrialScheduler(oracle, hypermodel, plan, report, tmp_path / "workers.log")
        scheduler.reported = reported
        return scheduler

    return make


def result(run, score=0.5):
    row = Execution("done", score, {"val_accuracy": score}, run.seed, seconds=1.0, epochs=1)
    return Outcome(SeedResult(row))


def random_search(trials):
    return keras_tuner.oracles.RandomSearchOracle(GOAL, max_trials=trials, seed=1)


def test_seeds_of_a_trial_run_on_one_worker(schedule):
    scheduler = schedule(random_search(3), seeds=2)
    first, other = scheduler.take(0), scheduler.take(1)
    assert (first.trial, first.seed, other.trial, other.seed) == ("0", 0, "1", 0)
    scheduler.learn(other, result(other))
    again = scheduler.take(1)
    assert (again.trial, again.seed, again.values) == ("1", 1, other.values)
    scheduler.learn(again, result(again, 0.75))
    assert scheduler.reported == [("1", "COMPLETED", 0.625, 2)]
    assert scheduler.take(1).trial == "2"


def test_each_score_is_written_as_soon_as_it_is_there(schedule, tmp_path):
    scheduler = schedule(random_search(1), seeds=2)
    run = scheduler.take(0)
    scheduler.learn(run, result(run))
    (trial,) = trials_of(tmp_path / "search")
    assert (trial["status"], [row["score"] for row in trial["rows"]]) == ("RUNNING", [0.5])


def test_the_first_seed_without_a_score_ends_its_trial(schedule, tmp_path):
    scheduler = schedule(random_search(2), seeds=3)
    run = scheduler.take(0)
    scheduler.learn(run, Outcome(reason="its worker died", worker_died=True))
    assert scheduler.reported == [("0", "FAILED", None, 1)]
    (trial,) = trials_of(tmp_path / "search")
    assert (trial["status"], trial["message"]) == ("FAILED", "its worker died")
    assert scheduler.take(0).trial == "1"


def test_hyperband_waits_for_running_trials(schedule):
    oracle = keras_tuner.oracles.HyperbandOracle(GOAL, max_epochs=4, factor=4, seed=1)
    scheduler = schedule(oracle)
    running = []
    while (run := scheduler.take(len(running))) is not None:
        running.append(run)
    count = len(running)
    assert count == 4  # as many as there are levels; what follows depends on their scores
    assert scheduler.take(count) is None
    for run in running[:-1]:
        scheduler.learn(run, result(run, 1 / (1 + int(run.trial))))
    following = scheduler.take(count)
    if following is None:
        scheduler.learn(running[-1], result(running[-1], 0.0))
        following = scheduler.take(count)
    assert following.values["units"] == running[0].values["units"]
    assert following.values["tuner/epochs"] == 4


def test_finished_but_unreported_trial_is_not_trained_again(schedule, tmp_path):
    run = schedule(random_search(2)).take(0)
    row = result(run, 0.75).result.execution
    write_executions(tmp_path / "search" / "trial_0", [row])  # and then the process was killed
    resumed = schedule(random_search(2))
    assert resumed.take(0).trial == "1"
    assert resumed.reported == [("0", "COMPLETED", 0.75, 1)]


def test_a_trial_is_resumed_after_the_seeds_that_have_ended(schedule):
    killed = schedule(random_search(1), seeds=2)
    run = killed.take(0)
    killed.learn(run, result(run, 0.25))
    resumed = schedule(random_search(1), seeds=2)
    run = resumed.take(3)
    assert (run.trial, run.seed) == ("0", 1)
    resumed.learn(run, result(run, 0.75))
    assert resumed.reported == [("0", "COMPLETED", 0.5, 2)]
    assert resumed.take(3) is None


def test_workers_that_die_from_the_beginning_end_the_search(schedule, tmp_path):
    scheduler = schedule(random_search(9))
    died = Outcome(reason="its worker died 2 times", worker_died=True)
    for _ in range(module.MAX_DEATHS - 1):
        scheduler.learn(scheduler.take(0), died)
    with pytest.raises(cnnzoo.SearchError) as refused:
        scheduler.learn(scheduler.take(0), died)
    assert str(refused.value) == (
        "`workers`: the first 3 trials failed because their worker died, the last one because its "
        f"worker died 2 times. See {tmp_path / 'workers.log'} for the cause."
    )


def test_deaths_after_a_result_do_not_end_the_search(schedule):
    scheduler = schedule(random_search(9))
    run = scheduler.take(0)
    scheduler.learn(run, result(run))
    for _ in range(module.MAX_DEATHS):
        scheduler.learn(scheduler.take(0), Outcome(reason="its worker died", worker_died=True))
    assert len(scheduler.reported) == module.MAX_DEATHS + 1


def test_an_oracle_that_waits_for_something_else_is_asked_again(schedule, monkeypatch):
    scheduler = schedule(random_search(1))
    answers = ["IDLE", "IDLE", "STOPPED"]
    monkeypatch.setattr(
        scheduler._oracle,
        "create_trial",
        lambda _: SimpleNamespace(status=answers.pop(0)),
        raising=False,
    )
    slept = []
    monkeypatch.setattr(module.time, "sleep", slept.append)
    assert scheduler.take(0) is None
    assert slept == [module.IDLE] * 2
