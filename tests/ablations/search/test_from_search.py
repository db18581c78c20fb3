"""Studies of a search."""

import math
import signal

import pandas as pd
import pytest
import scipy.stats

import ablations
import cnnzoo
from ablations import Settings
from ablations.running import run as runner
from ablations.search.studies import optimism
from ablations.study import TrialResult
from cnnzoo import Recipe
from cnnzoo.runtime.seeding import stream
from cnnzoo.tuning.records import Objective


def level(trial, name):
    return trial.settings.get(name, cnnzoo.toggles("downsampling")[name].default)


def formula(trial, report_to=None):
    """Return a score without training: learning_rate matters most, then normalization."""
    score = 0.9 - 0.03 * (math.log10(level(trial, "learning_rate")) + 2) ** 2
    score += 0.03 * (level(trial, "normalization") == "batch") + 0.0005 * level(trial, "filters")
    score += 0.004 * ((stream(trial.seed, trial.key) % 1000) / 500 - 1)
    metrics = {"validation_accuracy": score, "test_accuracy": score - 0.01, "test_loss": 1 - score}
    return TrialResult(trial, "done", metrics={**metrics, "test_nll": 2.0})


def measured(trial):
    about = {"examples": 100, "classes": 10}
    return TrialResult(trial, "done", params=1, macs=1, metrics=about, fingerprint="f")


@pytest.fixture
def ablation(search, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "run_trial", formula)
    monkeypatch.setattr(runner, "measure_trial", measured)
    studies = ablations.from_search(search, seeds=8, rivals=4)
    return studies.run(tmp_path / "studies", engine="serial", progress=False)


def test_winner_is_the_baseline_and_rivals_are_variants(search):
    results = cnnzoo.open_search(search)
    studies = ablations.from_search(results, seeds=6, rivals=2)
    assert studies.rivals.design == "list"
    assert studies.rivals.seeds == (2, 3, 4, 5, 6, 7)  # the search used 0 and 1
    assert studies.rivals.recipe == Recipe(epochs=3)
    assert studies.rivals.metrics == ("accuracy", "loss")
    assert dict(studies.rivals.baseline) == results.levels_of(results.winner)
    assert studies.rivals.baseline["kernel_size"] == 3
    for trial, changes in zip(results.ranked(3)[1:], studies.rivals.variants, strict=True):
        tried = {**studies.rivals.baseline, **changes}
        for name, chosen in trial.levels.items():
            assert tried[name] == chosen
            assert type(tried[name]) is type(chosen)


def test_factors_are_choices_that_differ_from_the_defaults(search):
    studies = ablations.from_search(search)
    winner = cnnzoo.open_search(search).winner.levels
    factors = studies.one_at_a_time.factors
    defaults = {n: t.default for n, t in cnnzoo.toggles("downsampling").items()}
    defaults["batch_size"] = 32
    assert {n: tuple(levels) for n, levels in factors.items()} == {
        name: (defaults[name], chosen)
        for name, chosen in winner.items()
        if chosen != defaults[name]
    }
    assert studies.path.factors == factors
    assert (studies.one_at_a_time.design, studies.path.design) == ("one-at-a-time", "path")
    assert studies.path.baseline["kernel_size"] == 3
    assert not set(factors) & set(studies.path.baseline)
    # the winner is the baseline whichever of its choices are off by their meaning
    assert studies.one_at_a_time.baseline == studies.rivals.baseline


def test_best_score_of_a_search_is_optimistic(ablation):
    table = ablation.optimism()
    trials = ablation.rivals.trials
    assert table["rank"].tolist() == [1, 2, 3, 4, 5]
    assert table["seeds"].tolist() == [8] * 5
    search = ablation.studies.search.configurations
    for row in table.itertuples():
        own = trials.loc[trials["variant"] == row.variant, "validation_accuracy"]
        score = search.set_index("trial").loc[row.trial, "score"]
        interval = scipy.stats.ttest_1samp(own, score).confidence_interval(0.95)
        assert row.search_score == score
        assert row.fresh_mean == pytest.approx(own.mean(), rel=1e-12)
        assert row.optimism == pytest.approx(score - own.mean(), abs=1e-12)
        assert row.ci_low == pytest.approx(score - interval.high, abs=1e-12)
        assert row.ci_high == pytest.approx(score - interval.low, abs=1e-12)


def test_low_score_is_optimistic_if_lower_is_better():
    trials = pd.DataFrame(
        {
            "variant": "baseline",
            "seed": [0, 1, 2],
            "status": "done",
            "validation_loss": [0.5, 0.6, 0.7],
        }
    )
    scores = pd.Series({"3": 0.4})
    row = optimism(trials, scores, Objective("val_loss", "min")).iloc[0]
    half = 4.302652729911275 * 0.1 / math.sqrt(3)  # t of 2 degrees of freedom
    assert row["optimism"] == pytest.approx(0.2)
    assert row["ci_high"] - row["ci_low"] == pytest.approx(2 * half)
    trials["status"] = "failed"
    row = optimism(trials, scores, Objective("val_loss", "min")).iloc[0]
    assert row["seeds"] == 0
    assert math.isnan(row["optimism"])


def test_fresh_means_are_over_shared_seeds():
    trials = pd.DataFrame(
        {
            "variant": ["baseline"] * 3 + ["second"] * 3,
            "seed": [0, 1, 2] * 2,
            "status": ["done"] * 5 + ["failed"],
            "validation_accuracy": [0.9, 0.8, 0.1, 0.8, 0.7, None],
        }
    )
    scores = pd.Series({"3": 0.9, "1": 0.85})
    table = optimism(trials, scores, Objective("val_accuracy", "max"))
    assert table["fresh_mean"].tolist() == pytest.approx([0.85, 0.75])
    assert table["seeds"].tolist() == [2, 2]


def test_equal_fresh_scores_have_no_interval():
    trials = pd.DataFrame(
        {
            "variant": "baseline",
            "seed": [0, 1],
            "status": "done",
            "validation_accuracy": [0.5, 0.5 + 1e-9],
        }
    )
    row = optimism(trials, pd.Series({"3": 0.75}), Objective("val_accuracy", "max")).iloc[0]
    assert row["optimism"] == pytest.approx(0.25)
    assert math.isnan(row["ci_low"])
    assert math.isnan(row["ci_high"])


def test_scores_are_not_compared_with_another_metric():
    trials = pd.DataFrame(
        {
            "variant": "baseline",
            "seed": 0,
            "status": "done",
            "validation_loss": [0.5],
            "test_loss": [0.5],
        }
    )
    row = optimism(trials, pd.Series({"3": 0.9}), Objective("val_precision", "max")).iloc[0]
    assert row["seeds"] == 0
    assert math.isnan(row["fresh_mean"])


def test_winner_is_ablated_and_the_path_leads_to_it(ablation):
    deltas = ablation.one_at_a_time.deltas(["accuracy"]).set_index("factor")
    assert deltas.loc["learning_rate", "verdict"] == "worse"
    assert set(deltas.index) == set(ablation.studies.one_at_a_time.factors)
    path = ablation.path.trials
    last = path["variant"].iloc[-1]
    assert ablation.path.changes[last] == {
        name: levels[-1] for name, levels in ablation.studies.path.factors.items()
    }
    done = path[path["status"] == "done"].groupby("variant")["test_accuracy"].mean()
    assert done[last] > done["baseline"]
    assert set(ablation.one_at_a_time.trials["seed"]) == set(range(2, 10))


def test_run_again_nothing_is_trained_again(ablation, tmp_path, monkeypatch):
    def refuse(trial, report_to=None):
        raise AssertionError("trained again")

    monkeypatch.setattr(runner, "run_trial", refuse)
    again = ablation.studies.run(tmp_path / "studies", engine="serial", progress=False)
    assert again.optimism().equals(ablation.optimism())


def test_interruption_skips_the_remaining_studies(search, tmp_path, monkeypatch):
    def interrupt(trial, report_to=None):
        signal.raise_signal(signal.SIGINT)
        return formula(trial)

    monkeypatch.setattr(runner, "run_trial", interrupt)
    monkeypatch.setattr(runner, "measure_trial", measured)
    studies = ablations.from_search(search, seeds=8, rivals=4)
    found = studies.run(tmp_path / "studies", engine="serial", progress=False)
    assert (found.rivals.trials["status"] == "done").sum() == 1
    assert found.one_at_a_time is None
    assert found.path is None
    monkeypatch.setattr(runner, "run_trial", formula)
    on = studies.run(tmp_path / "studies", engine="serial", progress=False)
    assert (on.rivals.trials["status"] == "done").all()
    assert on.path is not None


def test_default_winner_has_nothing_to_ablate(written, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "run_trial", formula)
    monkeypatch.setattr(runner, "measure_trial", measured)
    defaults = {"normalization": "none", "filters": 32, "learning_rate": 1e-3, "logits": False}
    said = {"model": "downsampling", "data": "digits", "seeds": [0]}
    place = written(tmp_path / "one", {"0": (defaults, 0.9, None)}, search=said)
    studies = ablations.from_search(place, rivals=0, seeds=[4, 5])
    assert studies.one_at_a_time is None
    assert list(studies.studies) == ["rivals"]
    assert studies.rivals.seeds == (4, 5)
    found = studies.run(tmp_path / "studies", engine="serial", progress=False)
    assert found.optimism()[["variant", "seeds"]].to_numpy().tolist() == [["baseline", 2]]
    assert found.report(tmp_path / "one.html").exists()


def test_seeds_of_the_search_are_refused(search):
    with pytest.raises(ablations.StudyError) as refused:
        ablations.from_search(search, seeds=[5, 1, 0])
    assert str(refused.value) == (
        "`seeds`: expected seeds that the search has not used; got 0, 1, which it has used."
    )


def test_search_made_elsewhere_needs_model_and_data(written, tmp_path):
    space = [
        ("Int", {"name": "units", "min_value": 4, "max_value": 16, "step": 4, "default": 8}),
        ("Boolean", {"name": "wide", "default": False}),
    ]
    trials = {"0": ({"units": 16, "wide": True}, 0.9, None), "1": ({"units": 8}, 0.8, None)}
    place = written(tmp_path / "elsewhere", trials, space=space)
    with pytest.raises(ablations.StudyError) as refused:
        ablations.from_search(place)
    assert str(refused.value) == (
        f"The search in {place} does not store `model` and `data`; give them."
    )
    studies = ablations.from_search(
        place, model="helpers.stub_builders:tuned", data="digits", rivals=1
    )
    assert studies.rivals.seeds == tuple(range(1, 11))  # 0 is what `load_data` splits by
    assert studies.one_at_a_time.factors == {"units": (8, 16), "wide": (False, True)}


def test_search_without_results_has_no_winner(written, tmp_path):
    place = written(tmp_path / "none", {"0": ({"filters": 8}, "FAILED", None)})
    with pytest.raises(cnnzoo.SearchError) as refused:
        ablations.from_search(place)
    assert str(refused.value) == f"No trial of the search in {place} is done."


def test_inactive_hyperparameters_make_no_rival(written, tmp_path):
    number = {"min_value": 4, "max_value": 16, "step": 4, "default": 4}
    space = [
        ("Int", {"name": "num_layers", "min_value": 1, "max_value": 3, "default": 1}),
        *(("Int", {**number, "name": f"units_{place}"}) for place in range(3)),
        ("Boolean", {"name": "dropout", "default": False}),
    ]
    one = {"num_layers": 1, "units_0": 8, "units_1": 4, "units_2": 4, "dropout": False}
    trials = {
        "0": (one, 0.9, None),
        "1": ({**one, "units_1": 16}, 0.8, None),  # the same model
        "2": ({**one, "units_2": 16}, 0.7, None),  # again
        "3": ({**one, "num_layers": 2, "units_1": 16, "units_2": 12}, 0.6, None),
        "4": ({**one, "num_layers": 2, "units_1": 16, "units_2": 8}, 0.5, None),  # that of 3
        "5": ({**one, "units_0": 16}, 0.4, None),
        "6": ({**one, "units_0": 12}, 0.3, None),
    }
    place = written(tmp_path / "plain", trials, space=space)
    studies = ablations.from_search(
        place, model="helpers.stub_builders:tutorial", data="digits", rivals=2
    )
    assert studies.rivals.baseline == Settings(num_layers=1, units_0=8, dropout=False)
    assert [dict(changes) for changes in studies.rivals.variants] == [
        {"num_layers": 2, "units_1": 16},
        {"units_0": 16},
    ]
    assert [trial.name for trial in studies.contenders] == ["0", "3", "5"]
    assert studies.path.factors == {"units_0": (4, 8)}
    assert repr(studies) == (
        "<SearchStudies of helpers.stub_builders:tutorial: the best 3 configurations on seeds "
        "10 (1 to 10); 1 choice of the winner to ablate. The seeds of the search are unknown, so "
        "it may have used some of these.>"
    )


def test_hyperparameters_of_a_later_rival_are_discovered(written, tmp_path):
    space = [
        *(("Boolean", {"name": name, "default": False}) for name in ("wide", "deep")),
        ("Int", {"name": "units", "min_value": 4, "max_value": 16, "step": 4, "default": 4}),
    ]
    trials = {
        "0": ({"wide": False, "deep": False}, 0.9, None),
        "1": ({"wide": False, "deep": False, "units": 16}, 0.8, None),  # the same model
        "2": ({"wide": True, "deep": True, "units": 12}, 0.7, None),
    }
    place = written(tmp_path / "paired", trials, space=space)
    studies = ablations.from_search(
        place, model="helpers.stub_builders:paired", data="digits", rivals=1
    )
    assert [dict(changes) for changes in studies.rivals.variants] == [
        {"wide": True, "deep": True, "units": 12}
    ]


def test_unused_hyperparameter_is_ignored_unless_fit_uses_it(written, tmp_path):
    space = [
        ("Float", {"name": "rate", "min_value": 0.0, "max_value": 0.5, "default": 0.0}),
        ("Boolean", {"name": "shuffled", "default": False}),
    ]
    trials = {"0": ({"rate": 0.25, "shuffled": True}, 0.9, None)}
    place = written(tmp_path / "fitted", trials, space=space)
    studies = ablations.from_search(place, model="helpers.stub_builders:sized", data="digits")
    assert studies.rivals.baseline == Settings(rate=0.25)
    with pytest.raises(ablations.StudyError) as refused:
        ablations.from_search(place, model="helpers.stub_builders:fitting", data="digits")
    assert str(refused.value) == (
        "The search chose `shuffled`, which 'helpers.stub_builders:fitting' asks for in "
        "its own `fit` "
        "only, where a study cannot set it. Search again with `shuffled` in `build`."
    )


def test_input_shape_and_classes_of_a_search_are_ignored(written, tmp_path):
    said = {"model": "mlp", "data": "digits", "fixed": {"input_shape": [8, 8, 1], "classes": 10}}
    space = [("Int", {"name": "units", "min_value": 4, "max_value": 16, "default": 4})]
    place = written(tmp_path / "a", {"0": ({"units": 8}, 0.9, None)}, search=said, space=space)
    assert ablations.from_search(place).rivals.baseline == Settings(units=8)


def test_search_of_loaded_data_needs_data(written, tmp_path):
    said = {"model": "mlp", "data": "", "about_data": "arrays: 6x6x1 images"}
    space = [("Int", {"name": "units", "min_value": 4, "max_value": 16, "default": 4})]
    place = written(tmp_path / "a", {"0": ({"units": 8}, 0.9, None)}, search=said, space=space)
    with pytest.raises(ablations.StudyError) as refused:
        ablations.from_search(place)
    assert str(refused.value) == (
        f"`data`: expected the data of the search in {place}, which used arrays or loaded data "
        "(arrays: 6x6x1 images) and does not store them; got none."
    )
    assert ablations.from_search(place, data="digits").rivals.data == "digits"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"rivals": -1}, "`rivals` of `from_search`: expected a whole number from 0 up; got -1."),
        ({"rivals": "a"}, "`rivals` of `from_search`: expected a whole number from 0 up; got 'a'."),
        ({"seeds": 0}, "`seeds` of `from_search`: expected a whole number from 1 up; got 0."),
        ({"seeds": True}, "`seeds` of `from_search`: expected a whole number from 1 up; got True."),
        (
            {"seeds": "auto"},
            "`seeds`: expected a number of seeds (at least 1), or different whole numbers from 0; "
            "got 'auto'.",
        ),
        (
            {"seeds": [7, -1]},
            "`seeds`: expected a number of seeds (at least 1), or different whole numbers from 0; "
            "got [7, -1].",
        ),
    ],
)
def test_invalid_arguments_are_refused(search, given, sentence):
    with pytest.raises(ablations.StudyError) as refused:
        ablations.from_search(search, **given)
    assert str(refused.value) == sentence


def test_repr_of_an_ablation_counts_trials(ablation):
    tried = len(ablation.studies.path.factors)
    # without normalization its momentum has no effect: a variant of the path's first step
    assert repr(ablation) == (
        f"<SearchAblation of downsampling: rivals 40 done; one-at-a-time {8 * (tried + 1)} done; "
        f"path {4 * tried * (tried + 1)} done, 8 infeasible>"
    )
