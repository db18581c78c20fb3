"""`ablations.power`: from a pilot or a standard deviation."""

import numpy as np
import pytest

import ablations
from ablations import StudyError, power
from ablations.report.study.sample_size import enough_words


@pytest.fixture
def pilot(outcome):
    """Return a pilot with two variants and four seeds, and its losses by seed and variant."""
    values = np.random.default_rng(4).normal(0.5, 0.1, (4, 3))
    place = {8: 0, 16: 1, 32: 2}

    def told(trial):
        loss = values[trial.seed, place[trial.settings.get("units", 32)]]
        return loss, loss / 10

    study = ablations.Study(
        "mlp", "digits", factors={"units": [8, 16, 32]}, baseline={"units": 32}, seeds=4
    )
    return outcome(study, told), values


def test_pilot_gives_spread_and_number_of_comparisons(pilot):
    results, values = pilot
    deltas = values[:, :2] - values[:, 2:]
    found = power(results, effect=0.2)
    assert found["sd"].iloc[0] == pytest.approx(np.sqrt(deltas.var(axis=0, ddof=1).mean()))
    assert found["level"].iloc[0] == pytest.approx(0.025)
    assert power(results.directory, effect=0.2).equals(found)
    accuracy = power(results, metric="accuracy", comparisons=5, effect=0.2)
    assert accuracy["sd"].iloc[0] == pytest.approx(found["sd"].iloc[0] / 10)
    assert accuracy["level"].iloc[0] == pytest.approx(0.01)


def test_spread_by_hand_is_known_unless_its_seeds_are_given():
    known = power(sd=1.0, effect=1.0, seeds=np.arange(9, 12))
    assert known["seeds"].tolist() == [9, 10, 11]
    assert known["power"].tolist() == known["power_low"].tolist()
    guessed = power(sd=1.0, sd_seeds=5, effect=1.0, seeds=[10])
    assert guessed["power_low"].iloc[0] < guessed["power"].iloc[0] == known["power"].iloc[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {},
            "`pilot`: expected either a pilot study or `sd`, the standard deviation of the deltas; "
            "got neither.",
        ),
        (
            {"pilot": 3},
            "`pilot`: expected the results of a study or their directory; got 3.",
        ),
        ({"sd": 0.0}, "`sd`: expected a finite number above 0; got 0.0."),
        ({"sd": 1, "effect": -1}, "`effect`: expected a finite number above 0; got -1."),
        ({"sd": 1, "margin": "x"}, "`margin`: expected a finite number above 0; got 'x'."),
        ({"sd": 1, "confidence": 95}, "`confidence`: expected 0.5 <= confidence < 1; got 95."),
        ({"sd": 1, "comparisons": 0}, "`comparisons`: expected a whole number from 1; got 0."),
        ({"sd": 1, "sd_seeds": 1}, "`sd_seeds`: expected a whole number from 2; got 1."),
        ({"sd": 1, "metric": "loss"}, "`metric`: expected none with `sd`, which is of any metric."),
        (
            {"sd": 1, "seeds": [1]},
            "`seeds`: expected whole numbers of seeds from 2 to 1,000,000; got [1].",
        ),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(StudyError) as refused:
        power(**options)
    assert str(refused.value) == message


def test_pilot_without_spread_is_refused(outcome):
    study = ablations.Study("mlp", "digits", factors={"units": [8, 128]}, seeds=3)
    results = outcome(study, lambda trial: (0.5, 0.5))
    with pytest.raises(StudyError) as refused:
        power(results)
    assert str(refused.value) == (
        "`pilot`: expected a study in which the baseline and a variant have at least two seeds "
        f"with different deltas of test_loss; {results.directory} has none. Run more seeds, or "
        "give `sd`."
    )
    with pytest.raises(StudyError, match="got both"):
        power(results, sd=1.0)


def test_words_for_unreachable_power():
    found = power(sd=1.0, sd_seeds=4, effect=0.001, margin=0.002)
    assert enough_words(found, effect=0.001, margin=0.002) == [
        "more than 200 seeds show a delta of 0.001 with 80% power; more than 200 seeds if the "
        "standard deviation is at its upper limit.",
        "more than 200 seeds show that a delta of 0 lies within 0.002 with 80% power; more than "
        "200 seeds if the standard deviation is at its upper limit.",
        "The deltas have a standard deviation of 1, with an upper 80% limit of 1.73 (cautious). "
        "Tests are at 0.05, the first step of Holm's correction.",
    ]


def test_command_tells_the_number_of_seeds(pilot, monkeypatch):
    from typer.testing import CliRunner

    from ablations.cli import app

    results, _ = pilot
    answer = CliRunner().invoke(app, ["power", str(results.directory), "--effect", "0.2"])
    assert answer.exit_code == 0
    found = power(results, effect=0.2)
    assert enough_words(found, effect=0.2)[0] in answer.output
    assert "power (cautious)" in answer.output
    assert "equivalence" not in answer.output


def test_report_draws_what_seeds_would_show(pilot, tmp_path):
    from ablations.report.figure import spec
    from ablations.report.study.document import figures
    from ablations.report.theme import PAGE
    from ablations.results.report_contents import contents_of

    results, _ = pilot
    drawn = {each.name: each for each in figures(contents_of(results), PAGE)}
    rows = drawn["seeds-test_loss"].rows
    found = power(results)
    lines = {row["line"] for row in rows}
    assert lines == {"delta shown with 80% power", "half the width of the 95% CI"}
    shown = [row for row in rows if row["line"] == "delta shown with 80% power"]
    assert [row["delta"] for row in shown] == pytest.approx(found["detectable"].tolist())
    assert [row["high"] for row in shown] == pytest.approx(found["detectable_high"].tolist())
    import altair

    altair.Chart.from_dict(spec(drawn["seeds-test_loss"], PAGE), validate=True)
    assert "seeds-test_accuracy" not in drawn  # it has no verdict to plan for
