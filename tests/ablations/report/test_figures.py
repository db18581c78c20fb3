"""What the figures draw, and what their captions say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.report.figure import file_spec, label_of, spec
from ablations.report.study.contents import EFFECTS
from ablations.report.study.costs import costs_table
from ablations.report.study.document import SECTIONS, figures
from ablations.report.study.palette import palette
from ablations.report.table import DAGGER
from ablations.report.theme import LIGHT, PAGE


def by_name(shown):
    return {figure.name: figure for figure in figures(shown, PAGE)}


def test_every_figure_is_there(contents):
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


def test_all_that_is_drawn_is_vega_lite_by_its_schema(contents):
    import altair

    drawn = figures(contents, PAGE)
    assert {figure.section for figure in drawn} == {"deltas", *SECTIONS}
    for figure, on_paper in zip(drawn, figures(contents, LIGHT), strict=True):
        for described in (spec(figure, PAGE), file_spec(on_paper, "A study")):
            altair.Chart.from_dict(described, validate=True)


def test_what_is_ringed_names_the_counts_that_it_is_ranked_by(contents):
    drawn = by_name(contents)
    assert drawn["cost-params-test_loss"].caption == (
        "Mean test loss of each variant against what it costs, over the 9 seed blocks that all of "
        "these finished. Ringed: Pareto-optimal by the means, where small gaps may be chance: no "
        "other is at least as good in the metric, parameters and multiplications at once and "
        "better in one; time does not count. Coloured: the baseline and the largest deltas."
    )


def test_figures_are_capped_and_say_so(many):
    drawn = by_name(many)
    assert len(drawn["forest-test_loss"].rows) == 100
    assert len(drawn["pairs-test_loss"].rows) == 240
    pairs = drawn["pairs-test_loss"]
    assert pairs.caption.endswith("Drawn are the 24 largest deltas of 100.")
    sizes = many.deltas_of("test_loss").set_index("variant")["delta"].abs()
    assert {row["variant"] for row in pairs.rows} == set(sizes.nlargest(24).index)
    assert len(drawn["curves-training-loss"].rows) == 7 * 20
    assert "the 6 largest deltas" in drawn["curves-training-loss"].caption


def test_the_legend_of_curves_names_only_what_is_drawn(many):
    colours = palette(many)
    names = [[row["name"] for row in colours.legend(others=others)] for others in (False, True)]
    assert names[1] == [*names[0], "other variants"]
    drawn = by_name(many)
    assert {row["variant"] for row in drawn["curves-training-loss"].rows} == set(names[0])


def test_a_single_epoch_makes_no_curve(contents):
    one = replace(contents, history=contents.history[contents.history["epoch"] == 1])
    assert not [figure for figure in figures(one, PAGE) if figure.section == "curves"]


def test_curves_are_means_and_quartiles(contents):
    drawn = by_name(contents)
    history = contents.history
    known = history[(history["variant"] == "baseline") & (history["epoch"] == 3)]
    values = known.loc[known["seed"] != 4, "val_loss"]  # where another variant failed
    row = next(
        row
        for row in drawn["curves-validation-loss"].rows
        if row["variant"] == "baseline" and row["epoch"] == 3
    )
    assert row["mean"] == pytest.approx(values.mean(), rel=1e-12)
    assert row["low"] == pytest.approx(values.quantile(0.25), rel=1e-12)
    assert row["high"] == pytest.approx(values.quantile(0.75), rel=1e-12)


def test_curves_are_means_over_the_seeds_that_all_variants_finished(contents):
    drawn = by_name(contents)["curves-training-loss"]
    done = contents.trials.pivot_table(index="seed", columns="variant", values="test_loss")
    shared = done[list({row["variant"] for row in drawn.rows})].dropna().index
    assert {row["seeds"] for row in drawn.rows} == {len(shared)} == {9}
    assert drawn.caption.startswith(
        "Mean over the 9 seeds that all of these finished; the band holds the middle half of them."
    )
    hard = contents.trials["seed"].isin(shared[1:]) & (contents.trials["variant"] == "pool_size=4")
    lost = contents.trials.assign(status=contents.trials["status"].mask(hard, "failed"))
    caption = by_name(replace(contents, trials=lost))["curves-training-loss"].caption
    assert " Not drawn: pool_size=4 (left out: done in 2 of 10 seed blocks)." in caption


def test_curves_say_where_trials_stopped_early(contents):
    history = contents.history
    stopped = history[(history["seed"] > 0) | (history["epoch"] < 9)]
    caption = by_name(replace(contents, history=stopped))["curves-training-loss"].caption
    assert " Where trials stopped early, later epochs are of fewer seeds." in caption


def test_costs_say_the_seed_blocks_that_they_are_over(contents):
    hard = contents.trials["seed"].gt(1) & (contents.trials["variant"] == "skip=True")
    trials = contents.trials.assign(status=contents.trials["status"].mask(hard, "failed"))
    table = costs_table(replace(contents, trials=trials, costs=None))
    assert table.below == (
        "Means, and medians of costs, are over the 9 seed blocks that all variants here finished. "
        "skip=True is left out: done in 2 of 10 seed blocks."
    )
    assert "skip=True" not in [row[0].text for row in table.rows]
    trials.loc[trials["seed"] == 9, "test_accuracy"] = np.inf
    table = costs_table(replace(contents, trials=trials, costs=None))
    assert table.below.startswith(
        "Means, and medians of costs, are over the seed blocks that all variants here finished: "
        "9 in test loss and 8 in test accuracy."
    )


def test_costs_say_that_no_seed_block_is_shared(contents):
    one, other = contents.trials["variant"].eq("baseline"), contents.trials["seed"].gt(0)
    trials = contents.trials[one | other].copy()
    trials["status"] = trials["status"].mask(~one | other, "failed")
    table = costs_table(replace(contents, trials=trials, costs=None))
    assert table.rows == ()
    assert table.below == (
        "There are no means: no trial is done in a seed block that all variants have."
    )


def test_what_has_no_delta_is_named_at_the_forest_plot(contents):
    drawn = by_name(contents)
    caption = drawn["forest-test_loss"].caption
    assert caption.endswith(" Not drawn: filters=4096 (pending), filters=1 (infeasible).")


def test_a_variant_with_a_finding_has_a_dagger_in_the_forest_plot(contents):
    drawn = by_name(contents)
    marked = [row["variant"] for row in drawn["forest-test_loss"].rows if DAGGER in row["variant"]]
    assert marked == [f"normalization=batch {DAGGER}"]
    assert f"{DAGGER}: see its finding." in drawn["forest-test_loss"].caption
    clean = by_name(replace(contents, variant_findings={}))
    assert DAGGER not in clean["forest-test_loss"].caption


def test_one_seed_is_drawn_without_intervals_and_ranks_nothing(one_seed):
    drawn = by_name(one_seed)
    forest = drawn["forest-test_loss"]
    assert forest.caption.startswith("Delta of one seed, without interval.")
    assert [layer["mark"]["type"] for layer in forest.chart["layer"]] == ["rule", "point"]
    assert "Ringed" not in drawn["cost-params-test_loss"].caption
    assert not [name for name in costs_table(one_seed).headers if name.startswith("Pareto")]


def test_an_interaction_says_its_size_or_that_it_is_not_known(contents):
    def caption(shown):
        drawn = by_name(shown)
        return drawn["interaction-pool_size-normalization"].caption

    assert caption(contents).endswith("lines that are not quite parallel may be chance.")
    row = {"metric": "test_loss", "term": "pool_size x normalization", "kind": "interaction"}
    row |= {"p_adjusted": 0.0276, "delta": 0.147, "ci_low": 0.0186, "ci_high": 0.2749}
    tested = replace(contents, tables={EFFECTS: pd.DataFrame([row])})
    assert caption(tested).endswith("Here the interaction is +0.15 [0.02, 0.27], p 0.028 (Holm).")


@pytest.mark.parametrize("lost", ["failed", "diverged"])
def test_interactions_use_the_seeds_that_all_finished(contents, lost):
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


def far(contents):
    """Return the contents with a variant whose training has failed."""
    one = contents.deltas["variant"] == "pool_size=4"
    deltas = contents.deltas.copy()
    deltas.loc[one, ["delta", "ci_low", "ci_high"]] = [9.0, 8.0, 10.0]
    return replace(contents, deltas=deltas)


def test_a_delta_far_beyond_all_others_is_drawn_at_the_edge_and_said(contents):
    drawn = {figure.name: figure for figure in figures(far(contents), PAGE)}
    forest = drawn["forest-test_loss"]
    scale = forest.chart["layer"][2]["encoding"]["x"]["scale"]
    others = contents.deltas_of("test_loss").query("variant != 'pool_size=4'")
    assert scale["clamp"]
    assert scale["domain"] == [others["ci_low"].min(), others["ci_high"].max()]
    said = " drawn at the edge: pool_size=4"
    assert f"{said} (+9.0 [8.0, 10.0]). Not drawn" in forest.caption
    assert f"{said}." in drawn["pairs-test_loss"].caption
    plain = {figure.name: figure for figure in figures(contents, PAGE)}
    assert said not in plain["forest-test_loss"].caption + plain["pairs-test_loss"].caption
    assert "clamp" not in plain["forest-test_loss"].chart["layer"][2]["encoding"]["x"]["scale"]


def test_deltas_that_are_all_alike_are_not_called_those_of_one_seed(contents):
    alike = replace(contents, deltas=contents.deltas.assign(ci_low=np.nan, ci_high=np.nan))
    drawn = {figure.name: figure for figure in figures(alike, PAGE)}
    assert drawn["forest-test_loss"].caption.startswith(
        "Mean delta over paired seeds; of deltas that are all alike there is no interval."
    )


@settings(max_examples=50)
@given(st.text("ab_=-. é", min_size=1, max_size=90))
def test_a_label_is_its_name_in_lines_that_a_phone_has_room_for(name):
    lines = label_of(name).split("\n")
    assert "".join(lines) == name
    assert max(map(len, lines)) <= 26
