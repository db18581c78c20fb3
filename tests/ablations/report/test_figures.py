"""The data of the figures and their captions."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.report.figure import file_spec, label_of, spec
from ablations.report.study.contents import EFFECTS
from ablations.report.study.costs import costs_table
from ablations.report.study.document import figures
from ablations.report.study.palette import palette
from ablations.report.table import DAGGER
from ablations.report.theme import LIGHT, PAGE


def by_name(shown):
    return {figure.name: figure for figure in figures(shown, PAGE)}


def test_names_of_all_figures(contents):
    assert [figure.name for figure in figures(contents, PAGE)] == [
        "forest-test_loss",
        "pairs-test_loss",
        "forest-test_accuracy",
        "pairs-test_accuracy",
        "curves-training-loss",
        "curves-validation-loss",
        "curves-training-accuracy",
        "curves-validation-accuracy",
        "interaction-pool_size-normalization",
        "cost-params-test_loss",
        "cost-params-test_accuracy",
    ]


def test_figures_follow_the_vega_lite_schema(contents):
    import altair

    drawn = figures(contents, PAGE)
    sections = {figure.section for figure in drawn}
    assert sections == {"deltas", "pairs", "curves", "interactions", "costs"}
    for figure, on_paper in zip(drawn, figures(contents, LIGHT), strict=True):
        for described in (spec(figure, PAGE), file_spec(on_paper, "A study")):
            altair.Root.validate(described)


def test_cost_caption_defines_the_pareto_front(contents):
    drawn = by_name(contents)
    assert drawn["cost-params-test_loss"].caption == (
        "Mean test loss of each variant against its cost, over the 9 seed blocks that all these "
        "variants finished. Ringed variants are Pareto-optimal by their means, where small "
        "differences may be chance: no other variant is at least as good in the metric, parameters "
        "and multiply-accumulates and better in one of them. Time does not count. Colours mark the "
        "baseline and the largest deltas."
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
    assert drawn.caption.startswith(
        "Mean over the 9 seeds that all these variants finished; the band is the interquartile "
        "range."
    )
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

    assert caption(contents).endswith(
        " The interaction was not tested: lines that are not quite parallel may be chance."
    )
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
