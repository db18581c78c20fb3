"""The command `ablations plan`, with stub trials."""

from helpers.tiny_study import TINY

from ablations import open_results


def test_plan_shows_trials_cost_and_time_and_runs_nothing(tell, tiny, serially, tmp_path):
    tiny.write_text(TINY.replace("[4, 8]", "[4, 8, 13]"))
    answer = tell("plan", tiny, "--workers", 2)
    assert answer.exit_code == 0, answer.output
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert ["variant", "trials", "parameters", "MACs", "seconds"] in lines
    assert ["baseline", "4", "100", "1,000", "1.0"] in lines
    assert ["units=4", "4", "100", "1,000", "1.0"] in lines
    assert ["units=13", "4"] in lines
    said = answer.stdout.splitlines()
    assert said[-3:] == [
        "units=13 cannot be built: ValueError: 13 is bad luck",
        "8 trials to run: about 0:04 with 2 workers, 0:08 of computing.",
        "The time is a rough estimate from multiply-accumulates and a typical core. To measure "
        "it, add --measure, which trains one trial.",
    ]
    assert not serially.CALLS
    assert not (tmp_path / "studies").exists()


def test_plan_takes_times_from_stored_and_measured_trials(tell, tiny, serially):
    measured = tell("plan", tiny, "--workers", 2, "--measure")
    assert measured.exit_code == 0, measured.output
    assert len(serially.CALLS) == 1
    assert measured.stdout.splitlines()[-2:] == [
        "8 trials to run: about 0:00 with 2 workers, 0:01 of computing.",  # stub: 0.1 s each
        "The time is from trials of some of the variants on this machine, scaled to the others by "
        "multiply-accumulates.",
    ]
    assert tell("run", tiny, "--seeds", 2).exit_code == 0
    answer = tell("plan", tiny, "--workers", 2)
    assert answer.stdout.splitlines()[-3:] == [
        "4 trials have stored results, if the code, the packages and the data are unchanged.",
        "4 trials to run: about 0:00 with 2 workers, 0:00 of computing.",
        "The time is from trials of these variants on this machine.",
    ]
    assert len(open_results("studies/tiny").trials) == 4  # the plan is not stored


def test_finished_study_has_no_trial_left(tell, tiny, serially):
    assert tell("run", tiny).exit_code == 0
    assert tell("plan", tiny).stdout.splitlines()[-1] == "No trial is left to run."


def test_claim_is_refused_with_the_command_that_shows_it(tell):
    answer = tell("plan", "C13")
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr == (
        "StudyError: Expected a study; got the claim C13. Its trials and their time are shown by: "
        "ablations list C13\n"
    )


def test_log_begins_before_tensorflow_is_loaded(tell, tiny, serially):
    first = tell("plan", tiny).stderr.splitlines()[0]
    assert first == "Study tiny: checking, and loading TensorFlow"
