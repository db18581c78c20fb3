"""The data of the figures and their captions."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.report.figure import file_spec, label_of, spec
from ablations.report.study.contents import EFFECTS, PATH_STEPS, STABILITY, TRENDS
from ablations.report.study.costs import costs_table
from ablations.report.study.document import figures
from ablations.report.study.palette import palette
from ablations.report.table import DAGGER
from ablations.report.theme import LIGHT, PAGE
from ablations.stats import stability, trend


def by_name(shown):
    return {figure.name: figure for figure in figures(shown, PAGE)}


def designed(contents):
    """Return the contents with a table of each design that has a figure, of other levels."""
    trials = contents.trials
    three = trials[trials["factor"].isna() | (trials["factor"] == "pool_size")]
    steps = [
        {"step": 0, "factor": "", "mean": 0.25, "delta": np.nan},
        {"step": 1, "factor": "skip", "mean": 0.22, "delta": -0.03, "ci_low": -0.04},
    ]
    path = pd.DataFrame(steps).assign(
        ci_high=-0.02, to_level=True, metric="test_loss", p_adjusted=0.01, notes=""
    )
    terms = pd.DataFrame(
        {"term": ["skip", "skip x pool"], "kind": ["main", "interaction"], "metric": "test_loss"}
    ).assign(delta=-0.03, ci_low=-0.04, ci_high=-0.02, p_adjusted=0.01, share=0.4, n_blocks=10)
    tables = {
        PATH_STEPS: path,
        EFFECTS: terms,
        TRENDS: trend(three, "pool_size", "test_loss"),
        STABILITY: stability(trials, ["test_loss"]),
    }
    study = contents.study | {"margins": {"loss": 0.005}}
    return replace(contents, study=study, tables=tables, load=2.0)


def test_trend_figure_has_means_intervals_and_seeds(contents):
    figure = by_name(designed(contents))["trend-pool_size-test_loss"]
    means = {row["level"]: row for row in figure.rows if row["seed"] == "mean"}
    table = contents.trials.pivot_table(index="seed", columns="variant", values="test_loss")
    names = {"1": "pool_size=1", "2": "baseline", "3": "pool_size=3", "4": "pool_size=4"}
    shared = table[list(names.values())].dropna()
    assert list(means) == list(names)  # in the order of the levels
    for level, name in names.items():
        assert means[level]["value"] == pytest.approx(shared[name].mean(), rel=1e-12)
    assert means["2"]["low"] is None
    row = contents.deltas_of("test_loss").set_index("variant").loc["pool_size=4"]
    assert means["4"]["high"] - means["4"]["low"] == pytest.approx(row["ci_high"] - row["ci_low"])
    assert len([row for row in figure.rows if row["seed"] == "0"]) == 4
    assert figure.caption == (
        "Means with the 95% CI of the difference from pool_size=2; thin lines are the 9 seeds."
    )


def test_trend_axis_marks_every_level(contents):
    chart = by_name(designed(contents))["trend-pool_size-test_loss"].chart
    axes = [each["encoding"]["x"]["axis"] for each in chart["layer"]]
    assert [axis["values"] for axis in axes] == [[1.0, 2.0, 3.0, 4.0]] * len(axes)
    assert {axis["tickCount"] for axis in axes} == {4}  # not the 3 of a phone


def test_margin_is_a_band_in_the_forest_plot(contents):
    figure = by_name(designed(contents))["forest-test_loss"]
    assert figure.chart["layer"][0]["data"]["values"] == [{"from": -0.005, "to": 0.005}]
    assert " The band is the margin of equivalence, 0.005." in figure.caption
    assert by_name(contents)["forest-test_loss"].chart["layer"][0]["mark"]["type"] == "rule"


def test_cost_axes_start_at_0(contents):
    figure = by_name(contents)["cost-params-test_loss"]
    scales = [figure.chart["layer"][-1]["encoding"][end]["scale"] for end in "xy"]
    assert [scale["domainMin"] for scale in scales] == [0, 0]


def test_time_has_every_seed_and_the_load(contents):
    figure = by_name(designed(contents))["time"]
    done = contents.trials[contents.trials["status"] == "done"]
    assert [row["seconds"] for row in figure.rows] == done["fit_seconds"].tolist()
    assert " The machine was shared: 2.0 processes per core at a median" in figure.caption
    assert "shared" not in by_name(contents)["time"].caption


def test_stability_figure_has_deviations_of_sd(contents):
    figure = by_name(designed(contents))["stability-test_loss"]
    rows = pd.DataFrame(figure.rows)
    dots = rows.dropna(subset="deviation")
    assert dots.groupby("variant")["deviation"].mean().abs().max() < 1e-12
    sd = rows.dropna(subset="high").set_index("variant")["high"]
    spread = dots.groupby("variant")["deviation"].std()
    assert spread[sd.index].to_numpy() == pytest.approx(sd.to_numpy(), rel=1e-9)


def test_names_of_all_figures(contents):
    assert [figure.name for figure in figures(contents, PAGE)] == [
        "forest-test_loss",
        "forest-test_accuracy",
        "pairs-test_loss",
        "pairs-test_accuracy",
        "interaction-pool_size-normalization",
        "curves-training-loss",
        "curves-validation-loss",
        "curves-training-accuracy",
        "curves-validation-accuracy",
        "cost-params-test_loss",
        "cost-params-test_accuracy",
        "time",
    ]


def test_figures_follow_the_vega_lite_schema(contents):
    import altair

    shown = designed(contents)
    drawn = figures(shown, PAGE)
    sections = {figure.section for figure in drawn}
    assert sections == {
        *("path", "effects", "trends", "deltas", "pairs", "curves", "interactions", "costs"),
        *("time", "stability"),
    }
    for figure, on_paper in zip(drawn, figures(shown, LIGHT), strict=True):
        for described in (spec(figure, PAGE), file_spec(on_paper, "A study")):
            altair.Root.validate(described)


def test_cost_caption_defines_the_pareto_front(contents):
    drawn = by_name(contents)
    assert drawn["cost-params-test_loss"].caption == (
        "Mean test loss over 9 seed blocks. Ringed: no other variant has a mean as good for as few "
        "parameters and multiply-accumulates."
    )


def test_captions_say_what_is_not_drawn(many):
    drawn = by_name(many)
    assert len(drawn["forest-test_loss"].rows) == 100
    assert len(drawn["pairs-test_loss"].rows) == 240
    pairs = drawn["pairs-test_loss"]
    assert pairs.caption.endswith(" Only the 24 largest deltas of 100 are drawn.")
    sizes = many.deltas_of("test_loss").set_index("variant")["delta"].abs()
    assert {row["variant"] for row in pairs.rows} == set(sizes.nlargest(24).index)
    assert len(drawn["curves-training-loss"].rows) == 7 * 20
    assert drawn["curves-training-loss"].caption.endswith(
        " Only the baseline and the 6 largest deltas are drawn."
    )


def test_curve_legend_names_only_drawn_variants(many):
    colours = palette(many)
    names = [[key.name for key in colours.legend(points=points)] for points in (False, True)]
    assert names[1] == [*names[0], "other variants"]
    drawn = by_name(many)
    assert {row["variant"] for row in drawn["curves-training-loss"].rows} == set(names[0])


def test_single_epoch_has_no_curve(contents):
    one = replace(contents, history=contents.history[contents.history["epoch"] == 1])
    assert not [figure for figure in figures(one, PAGE) if figure.section == "curves"]


def test_curves_are_means_and_quartiles(contents):
    drawn = by_name(contents)
    history = contents.history
    third_epoch = history[(history["variant"] == "baseline") & (history["epoch"] == 3)]
    values = third_epoch.loc[third_epoch["seed"] != 4, "val_loss"]  # where another variant failed
    row = next(
        row
        for row in drawn["curves-validation-loss"].rows
        if row["variant"] == "baseline" and row["epoch"] == 3
    )
    assert row["mean"] == pytest.approx(values.mean(), rel=1e-12)
    assert row["low"] == pytest.approx(values.quantile(0.25), rel=1e-12)
    assert row["high"] == pytest.approx(values.quantile(0.75), rel=1e-12)


def test_curves_use_seeds_that_all_variants_finished(contents):
    drawn = by_name(contents)["curves-training-loss"]
    done = contents.trials.pivot_table(index="seed", columns="variant", values="test_loss")
    shared = done[list({row["variant"] for row in drawn.rows})].dropna().index
    assert {row["seeds"] for row in drawn.rows} == {len(shared)} == {9}
    assert drawn.caption.startswith("Means and interquartile ranges of 9 shared seeds.")
    hard = contents.trials["seed"].isin(shared[1:]) & (contents.trials["variant"] == "pool_size=4")
    lost = contents.trials.assign(status=contents.trials["status"].mask(hard, "failed"))
    caption = by_name(replace(contents, trials=lost))["curves-training-loss"].caption
    assert " Not drawn: pool_size=4 (left out: done in 2 of 10 seed blocks)." in caption


def test_curve_caption_mentions_early_stopping(contents):
    history = contents.history
    stopped = history[(history["seed"] > 0) | (history["epoch"] < 9)]
    caption = by_name(replace(contents, history=stopped))["curves-training-loss"].caption
    assert " Later epochs have fewer seeds because some trials stopped early." in caption


def test_costs_name_their_seed_blocks(contents):
    hard = contents.trials["seed"].gt(1) & (contents.trials["variant"] == "skip=True")
    trials = contents.trials.assign(status=contents.trials["status"].mask(hard, "failed"))
    table = costs_table(replace(contents, trials=trials, costs=None))
    assert table.below == (
        "Means, and medians of costs, are over the 9 seed blocks that all these variants finished. "
        "skip=True is left out: done in 2 of 10 seed blocks."
    )
    assert "skip=True" not in [row[0].text for row in table.rows]
    trials.loc[trials["seed"] == 9, "test_accuracy"] = np.inf
    table = costs_table(replace(contents, trials=trials, costs=None))
    assert table.below.startswith(
        "Means, and medians of costs, are over the seed blocks that all these variants finished: "
        "9 in test loss and 8 in test accuracy."
    )


def test_costs_without_shared_seed_blocks(contents):
    one, other = contents.trials["variant"].eq("baseline"), contents.trials["seed"].gt(0)
    trials = contents.trials[one | other].copy()
    trials["status"] = trials["status"].mask(~one | other, "failed")
    table = costs_table(replace(contents, trials=trials, costs=None))
    assert table.rows == ()
    assert table.below == (
        "There are no means: no trial is done in a seed block that all variants have."
    )


def test_forest_caption_names_variants_without_a_delta(contents):
    drawn = by_name(contents)
    caption = drawn["forest-test_loss"].caption
    assert caption.endswith(" Not drawn: filters=4096 (pending), filters=1 (infeasible).")


def test_forest_plot_marks_variants_with_findings(contents):
    drawn = by_name(contents)
    marked = [row["variant"] for row in drawn["forest-test_loss"].rows if DAGGER in row["variant"]]
    assert marked == [f"normalization=batch {DAGGER}"]
    assert f"{DAGGER}: see its finding." in drawn["forest-test_loss"].caption
    clean = by_name(replace(contents, variant_findings={}))
    assert DAGGER not in clean["forest-test_loss"].caption


def test_one_seed_has_no_intervals_and_no_ranking(one_seed):
    drawn = by_name(one_seed)
    forest = drawn["forest-test_loss"]
    assert forest.caption.startswith("Delta of one seed, without interval.")
    assert [layer["mark"]["type"] for layer in forest.chart["layer"]] == ["rule", "point"]
    assert "Ringed" not in drawn["cost-params-test_loss"].caption
    assert not [name for name in costs_table(one_seed).headers if name.startswith("Pareto")]


def test_interaction_caption_gives_size_or_says_untested(contents):
    def caption(shown):
        drawn = by_name(shown)
        return drawn["interaction-pool_size-normalization"].caption

    assert caption(contents).endswith(" The interaction was not tested.")
    row = {"metric": "test_loss", "term": "pool_size x normalization", "kind": "interaction"}
    row |= {"p_adjusted": 0.0276, "delta": 0.147, "ci_low": 0.0186, "ci_high": 0.2749}
    tested = replace(contents, tables={EFFECTS: pd.DataFrame([row])})
    assert caption(tested).endswith(
        " The interaction is +0.15 (95% CI 0.02 to 0.27, p (Holm) = 0.028)."
    )


@pytest.mark.parametrize("lost", ["failed", "diverged"])
def test_interactions_use_seeds_that_all_variants_finished(contents, lost):
    trials = contents.trials.copy()
    hard = trials["variant"].eq("pool_size=4") & trials["seed"].ge(5)
    status = "done" if lost == "diverged" else lost
    trials.loc[hard, ["status", "test_loss"]] = [status, np.inf]
    rows = by_name(replace(contents, trials=trials))["interaction-pool_size-normalization"].rows
    means = trials[trials["seed"] < 5].groupby("variant")["test_loss"].mean()
    assert [(row["across"], row["along"]) for row in rows] == [
        ("2", "none"),
        ("2", "batch"),
        ("4", "none"),
        ("4", "batch"),
    ]
    names = ["baseline", "normalization=batch", "pool_size=4", "pool_size=4, normalization=batch"]
    assert [row["mean"] for row in rows] == pytest.approx(means[names].tolist(), rel=1e-12)


def with_outlier(contents):
    """Return the contents with a variant whose training has diverged."""
    one = contents.deltas["variant"] == "pool_size=4"
    deltas = contents.deltas.copy()
    deltas.loc[one, ["delta", "ci_low", "ci_high"]] = [9.0, 8.0, 10.0]
    return replace(contents, deltas=deltas)


def test_outlier_is_drawn_at_the_edge_and_named(contents):
    drawn = {figure.name: figure for figure in figures(with_outlier(contents), PAGE)}
    forest = drawn["forest-test_loss"]
    scale = forest.chart["layer"][2]["encoding"]["x"]["scale"]
    others = contents.deltas_of("test_loss").query("variant != 'pool_size=4'")
    assert scale["clamp"]
    assert scale["domain"] == [others["ci_low"].min(), others["ci_high"].max()]
    text = " Outliers drawn at the edge: pool_size=4"
    assert f"{text} (+9.0 [8.0, 10.0]). Not drawn" in forest.caption
    assert f"{text}." in drawn["pairs-test_loss"].caption
    plain = {figure.name: figure for figure in figures(contents, PAGE)}
    assert text not in plain["forest-test_loss"].caption + plain["pairs-test_loss"].caption
    assert "clamp" not in plain["forest-test_loss"].chart["layer"][2]["encoding"]["x"]["scale"]


def test_deltas_without_variation_have_no_interval(contents):
    alike = replace(contents, deltas=contents.deltas.assign(ci_low=np.nan, ci_high=np.nan))
    drawn = {figure.name: figure for figure in figures(alike, PAGE)}
    assert drawn["forest-test_loss"].caption.startswith(
        "Mean delta over paired seeds, without interval because the deltas do not vary."
    )


@settings(max_examples=50)
@given(st.text("ab_=-. é", min_size=1, max_size=90))
def test_label_is_its_name_in_short_lines(name):
    lines = label_of(name).split("\n")
    assert "".join(lines) == name
    assert max(map(len, lines)) <= 26
