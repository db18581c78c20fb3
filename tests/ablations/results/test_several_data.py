"""A study of several data sets: from the plan to the report."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import stub_trials
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

import ablations
from ablations import Study, StudyError
from ablations.report.study.document import study_page
from ablations.results.report_contents import contents_of
from ablations.stats.pooling import pool_data_sets
from ablations.store import Store
from ablations.study.toml_file import read_study

DATA = ("digits", "rotation", "mnist1d")
UNITS = (32, 64, 128)
STUDY = Study("mlp", list(DATA), factors={"units": list(UNITS)}, seeds=8, margins={"loss": 0.05})


def losses():
    """Return losses by data set, units and seed; 32 units are worse, most on the last data set."""
    values = np.random.default_rng(8).normal(0.5, 0.03, (3, 3, 8))
    values[:, 0] += np.array([0.1, 0.2, 0.4])[:, None]
    return values


def told(trial):
    units = UNITS.index(trial.settings.get("units", 128))
    loss = losses()[DATA.index(trial.data), units, trial.seed]
    return loss, 1 - loss / 2


@pytest.fixture
def results(outcome):
    return outcome(STUDY, told)


def test_plan_has_every_variant_on_every_data_set(stubbed):
    plan = ablations.plan(STUDY, engine="serial")
    assert len(plan) == 3 * 3 * 8
    assert plan["key"].is_unique
    assert plan.columns[4] == "data"
    assert len(stub_trials.MEASURED) == 9
    counts = plan.groupby(["variant", "data"])["seed"].nunique()
    assert len(counts) == 9
    assert (counts == 8).all()


def test_trial_on_one_of_several_data_sets_has_the_key_of_a_study_of_one():
    one, several = (
        ablations.designs.planner.Planner.of(study)
        for study in (Study("mlp", "rotation", factors={"units": UNITS}, seeds=2), STUDY)
    )
    keys = [{row.key for row, _ in p.rows(p.layout.variants, {}, {})} for p in (one, several)]
    assert keys[0] < keys[1]


def test_deltas_of_all_data_sets_are_those_of_the_means(results):
    values = losses()
    deltas = results.deltas("loss", full=True).set_index(["variant", "data"])
    assert sorted(deltas.index.get_level_values("data").unique()) == sorted([*DATA, "all"])
    means = values.mean(axis=0)
    theirs = scipy_stats.ttest_rel(means[0], means[2])
    overall = deltas.loc[("units=32", "all")]
    assert overall["delta"] == pytest.approx((means[0] - means[2]).mean())
    assert overall["p"] == pytest.approx(theirs.pvalue)
    assert overall["ci_low"] == pytest.approx(theirs.confidence_interval().low)
    assert overall["verdict"] == "worse"
    for place, data in enumerate(DATA):
        row = deltas.loc[("units=32", data)]
        assert row["delta"] == pytest.approx((values[place, 0] - values[place, 2]).mean())
        assert row["n_pairs"] == 8


def test_one_correction_is_over_variants_and_data_sets(results):
    each = results.deltas("accuracy").query("data != 'all'")
    assert len(each) == 6
    adjusted = multipletests(each["p"], method="holm")[1]
    assert each["p_adjusted"].tolist() == pytest.approx(adjusted.tolist())
    assert (each["verdict"] == "worse").tolist() == (adjusted < 0.05).tolist()


def test_heterogeneity_is_that_of_welch_and_cochran(results):
    values = losses()
    found = results.heterogeneity("loss").set_index("variant").loc["units=32"]
    deltas = values[:, 0] - values[:, 2]
    v = deltas.var(axis=1, ddof=1) / 8
    centre = (deltas.mean(axis=1) / v).sum() / (1 / v).sum()
    q = ((deltas.mean(axis=1) - centre) ** 2 / v).sum()
    assert found["q"] == pytest.approx(q)
    assert found["i2"] == pytest.approx(1 - 2 / q)
    welch = scipy_stats.f_oneway(*deltas, equal_var=False).pvalue
    assert found["p_heterogeneity"] == pytest.approx(welch)
    tau2 = found["tau"] ** 2  # Paule-Mandel: the generalized Q equals its degrees of freedom
    w = 1 / (v + tau2)
    centre = (w * deltas.mean(axis=1)).sum() / w.sum()
    assert (w * (deltas.mean(axis=1) - centre) ** 2).sum() == pytest.approx(2, rel=1e-3)
    assert found["new_low"] < 0 < found["new_mean"] < found["new_high"]
    assert 0.02 < found["p_better_new"] < 0.2


def test_equal_deltas_have_no_heterogeneity(outcome):
    found = outcome(STUDY, lambda trial: told(replace(trial, data="digits"))).heterogeneity("loss")
    assert found["i2"].tolist() == [0, 0]
    assert found["tau"].tolist() == pytest.approx([0, 0], abs=1e-9)
    assert found["p_heterogeneity"].tolist() == pytest.approx([1, 1])


def test_new_data_set_follows_brute_force_integration():
    deltas, v = np.array([0.1, 0.3, 0.2, 0.6]), 0.1**2
    n = 100_000
    scale = 0.1 * np.sqrt(n)
    tau = np.exp(np.linspace(np.log(1e-3), np.log(1e3), 6000))
    total = tau**2 + v
    centre = deltas.mean()
    # mu integrated out; new data is normal around the mean with tau^2 + (tau^2 + v) / 4
    weight = tau / (1 + (tau / scale) ** 2) * total**-1.5
    weight *= np.exp(-((deltas - centre) ** 2).sum() / (2 * total))
    below = scipy_stats.norm.cdf(-centre / np.sqrt(tau**2 + total / 4))
    found = pool_data_sets(deltas, [scale] * 4, [n] * 4)
    assert found.mean == pytest.approx(centre, rel=1e-3)
    assert found.below(0) == pytest.approx((weight * below).sum() / weight.sum(), abs=0.01)


def test_failed_trial_on_one_data_set_loses_the_pair_of_all(outcome):
    def failing(trial):
        failed = trial.data == "rotation" and trial.seed == 3 and "units" not in trial.settings
        return "ValueError: bad luck" if failed else told(trial)

    deltas = outcome(STUDY, failing).deltas("loss", full=True).set_index(["variant", "data"])
    assert deltas.loc[("units=32", "all"), "n_pairs"] == 7
    assert deltas.loc[("units=32", "rotation"), "n_pairs"] == 7
    assert deltas.loc[("units=32", "digits"), "n_pairs"] == 8


def test_study_is_resumed_and_opened_with_its_data_sets(results, outcome):
    trained = []

    def again(trial):
        trained.append(trial)
        return told(trial)

    assert outcome(STUDY, again).deltas().equals(results.deltas())
    assert not trained
    more = outcome(
        Study(**{**vars(STUDY), "seeds": 9}), lambda trial: (trained.append(trial), (0.5, 0.5))[1]
    )
    assert {(trial.data, trial.seed) for trial in trained} == {(data, 8) for data in DATA}
    opened = ablations.open_results(more.directory)
    assert opened.study.data_sets == DATA
    assert opened.trials["data"].value_counts().to_dict() == dict.fromkeys(DATA, 27)


def test_other_data_sets_are_another_study(results):
    with pytest.raises(StudyError) as refused:
        ablations.run(
            Study(**{**vars(STUDY), "data": "digits"}),
            results.directory,
            engine="serial",
            progress=False,
        )
    assert str(refused.value).startswith("`directory`: expected a study with data 'digits'; got ")


def test_tables_of_one_data_set_have_no_column_of_data(outcome):
    one = outcome(Study("mlp", ["digits"], factors={"units": UNITS}, seeds=8), told)
    assert one.study.data == "digits"
    assert "data" not in one.trials
    assert "data" not in one.deltas()
    assert one.overall_trials.equals(one.trials)
    with Store(one.directory) as store:
        columns = [row[1] for row in store._connection.execute("PRAGMA table_info(plan)")]
    assert columns[-3:] == ["seed", "key", "infeasible"]
    with pytest.raises(StudyError) as refused:
        one.heterogeneity()
    assert str(refused.value) == (
        "`heterogeneity`: expected a study with several data sets; mlp has one, digits. Give "
        "`data` a list."
    )


def test_other_results_are_of_the_means(results):
    means = losses().mean(axis=0)
    assert results.best_variant() == f"units={UNITS[means.mean(axis=1).argmin()]}".replace(
        "units=128", "baseline"
    )
    stability = results.stability("loss").set_index("variant")
    assert stability.loc["units=32", "sd"] == pytest.approx(means[0].std(ddof=1))
    sd = ablations.power(results)["sd"].iloc[0]
    deltas = means[:2] - means[2]
    assert sd == pytest.approx(np.sqrt(deltas.var(axis=1, ddof=1).mean()))
    assert results.posterior("loss")["delta"].tolist() == pytest.approx(deltas.mean(axis=1))


def test_report_has_deltas_by_data_set_and_for_a_new_one(results, tmp_path):
    contents = contents_of(results)
    page = study_page(contents)
    titles = [section.title for section in page.sections]
    assert {"Deltas by data set", "Differences between data sets"} <= {*titles}
    assert page.facts["Data"] == "digits, rotation and mnist1d"
    assert contents.findings[0] == (
        "All values are means over the data sets digits, rotation and mnist1d, with the same "
        "seeds on each; verdicts are about this mean and these data sets. Below are the deltas of "
        "each data set, and what to expect of a new one."
    )
    for suffix in ("html", "md", "tex", "csv", "json"):
        assert results.report(tmp_path / f"report.{suffix}").stat().st_size > 500
    assert 'data=["digits"' in (tmp_path / "report.md").read_text().replace("'", '"')


def test_terminal_shows_all_data_sets_and_each(results, capsys, monkeypatch):
    from ablations.cli import _show

    _show(results)
    shown = capsys.readouterr().out
    assert "test loss on digits, rotation and mnist1d: deltas" in shown
    assert "test loss on rotation alone: deltas" in shown


def test_file_of_a_study_lists_data_sets(tmp_path):
    path = tmp_path / "both.toml"
    path.write_text(
        'model = "mlp"\ndata = ["digits", "rotation"]\nseeds = 3\n[factors]\nunits = [64, 128]\n'
    )
    study = read_study(path)
    assert study.data_sets == ("digits", "rotation")
    assert Study.from_dict(study.to_dict()) == study


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"data": []},
            "`data`: expected at least one data set; got none.",
        ),
        (
            {"data": ["digits", 3]},
            "`data`: expected a name, a path, a tuple (x, y), a tuple of two of these for train "
            "and test, a stream of batches, or a mapping of splits to them; got int. A list of "
            "batches is a stream as iter(batches).",
        ),
        (
            {"data": ["digits"] * 2},
            "`data`: expected different data sets; got ['digits', 'digits'].",
        ),
        (
            {"seeds": "auto"},
            "`data`: expected one data set, because several need a fixed number of seeds and one "
            "of the designs one-at-a-time, leave-one-out, add-one-in, list; got one-at-a-time with "
            "seeds 'auto'.",
        ),
        (
            {"design": "path", "factors": {"units": [64, 128]}},
            "`data`: expected one data set, because several need a fixed number of seeds and one "
            "of the designs one-at-a-time, leave-one-out, add-one-in, list; got path with fixed "
            "seeds.",
        ),
    ],
)
def test_wrong_data_is_refused(options, message):
    with pytest.raises(StudyError) as refused:
        Study("mlp", **{"data": ["digits", "rotation"], "factors": {"units": [64, 128]}, **options})
    assert str(refused.value) == message


def test_infeasible_variant_names_its_data_set_only(stubbed, monkeypatch):
    from ablations.running import run as runner

    def measure(trial):
        result = stub_trials.measure_trial(trial)
        small = trial.data == "rotation" and trial.settings.get("units") == 32
        return replace(result, status="infeasible", reason="too small") if small else result

    monkeypatch.setattr(runner, "measure_trial", measure)
    plan = ablations.plan(STUDY, engine="serial")
    lost = plan[plan["infeasible"] != ""]
    assert set(zip(lost["variant"], lost["data"], strict=True)) == {("units=32", "rotation")}
