"""Verdicts on claims: contrasts, intervals, missing and diverged trials, explanations."""

import numpy as np
import pytest
from scipy import stats

from ablations import Study
from ablations.claims.claim import Claim, Comparison, Hypothesis, Verdict, higher, increases, lower
from ablations.claims.verdict import decide, simultaneous, verdicts_of
from cnnzoo.doctor.finding import Finding
from cnnzoo.levels import Settings

SEEDS = 8
STUDY = Study("mlp", "digits", factors={"units": [16, 32, 64, 128]}, seeds=SEEDS, name="sizes")
LOSSES = {
    units: np.array(losses)
    for units, losses in {
        16: [0.91, 0.85, 0.97, 0.88, 0.90, 0.95, 0.86, 0.92],
        32: [0.71, 0.69, 0.74, 0.66, 0.72, 0.70, 0.65, 0.73],
        64: [0.52, 0.60, 0.55, 0.49, 0.51, 0.57, 0.54, 0.50],
        128: [0.50, 0.48, 0.51, 0.48, 0.53, 0.50, 0.47, 0.52],
    }.items()
}


def units_of(trial):
    return trial.settings.get("units", 128)


def told(trial):
    loss = float(LOSSES[units_of(trial)][trial.seed])
    return {"metrics": {"test_loss": loss, "test_accuracy": 1 - loss / 2}}


def claim_of(*hypotheses, studies=(STUDY,), **more):
    return Claim("C99", "sizes", ("000",), "Size matters", studies, hypotheses, **more)


def one(hypothesis, results, **more):
    (row,) = decide(claim_of(hypothesis, **more), {"sizes": results}).hypotheses
    return row


def finding(code, evidence="the loss is 99"):
    return Finding(code, code.capitalize(), evidence, "Change it")


def test_two_cells_agree_with_scipy_and_with_deltas(stored):
    results = stored(STUDY, told)
    row = one(higher("16 units are worse", "test_loss", {"units": 16}, margin=0.1), results)
    expected = stats.ttest_rel(LOSSES[16], LOSSES[128])
    low, high = expected.confidence_interval(0.95)
    assert row.effect == pytest.approx((LOSSES[16] - LOSSES[128]).mean())
    assert row.sd == pytest.approx((LOSSES[16] - LOSSES[128]).std(ddof=1))
    assert (row.low, row.high) == pytest.approx((low, high))
    assert row.p == pytest.approx(expected.pvalue)
    assert (row.n, row.verdict, row.note) == (SEEDS, Verdict.SUPPORTED, "")
    deltas = results.deltas("loss", full=True).set_index("level").loc[16]
    same = deltas[["delta", "sd", "ci_low", "ci_high", "p"]]
    assert (row.effect, row.sd, row.low, row.high, row.p) == pytest.approx(tuple(same))


def test_slope_is_that_of_least_squares(stored):
    cells = [{"units": 16}, {"units": 32}, {"units": 64}, {"units": 128}]
    row = one(increases("the accuracy rises", "test_accuracy", cells), stored(STUDY, told))
    accuracies = 1 - np.array([LOSSES[units] for units in (16, 32, 64, 128)]) / 2
    slopes = [stats.linregress([1, 2, 3, 4], each).slope for each in accuracies.T]
    assert row.effect == pytest.approx(np.mean(slopes))
    assert row.sd == pytest.approx(np.std(slopes, ddof=1))


def test_intervals_are_simultaneous_over_the_hypotheses(stored):
    results = stored(STUDY, told)
    hypotheses = [lower("better", "test_loss", {"units": units}) for units in (16, 32, 64)]
    row = decide(claim_of(*hypotheses), {"sizes": results}).hypotheses[2]
    expected = stats.ttest_rel(LOSSES[128], LOSSES[64])
    assert (row.low, row.high) == pytest.approx(tuple(expected.confidence_interval(1 - 0.05 / 3)))
    assert row.p == pytest.approx(3 * expected.pvalue)


def test_claim_is_contradicted_if_one_hypothesis_is(stored):
    results = stored(STUDY, told)
    good = higher("16 units are worse", "test_loss", {"units": 16}, margin=0.1)
    bad = lower("16 units are better", "test_loss", {"units": 16}, margin=0.1)
    assert decide(claim_of(good), {"sizes": results}).verdict == "supported"
    both = decide(claim_of(good, bad), {"sizes": results})
    assert [row.verdict for row in both.hypotheses] == ["supported", "contradicted"]
    assert both.verdict == "contradicted"


@pytest.mark.parametrize(
    ("values", "margin", "verdict"),
    [
        ([1.0, 2.0, 3.0, 2.0, 1.0, 3.0], 10.0, "supported"),  # above 0 comes first
        ([-1.0, 1.0, -1.0, 1.0, 0.5, -0.5], 2.0, "contradicted"),
        ([-1.0, 1.0, -1.0, 1.0, 0.5, -0.5], 0.5, "inconclusive"),
        ([-1.0, -2.0, -3.0, -2.0, -1.0, -3.0], 0.0, "contradicted"),
        ([1.0, 2.0, 3.0, 2.0, 1.0], 1.0, "inconclusive"),  # five blocks
        ([2.0] * 6, 1.0, "supported"),  # sign flips: p = 2 / 2^6 = 0.031
        ([0.0] * 6, 1.0, "contradicted"),
        ([0.0] * 6, 0.0, "inconclusive"),
    ],
)
def test_verdict_by_the_ends_of_the_interval(values, margin, verdict):
    assert str(verdicts_of(values, margin, 1)) == verdict


def test_more_hypotheses_need_more_seed_blocks():
    clear = np.resize([1.0, 1.1, 0.9], 20)
    for hypotheses, least in ((1, 6), (2, 6), (3, 8), (4, 10)):
        words = [str(verdicts_of(clear[:n], 1.0, hypotheses)) for n in (least - 1, least)]
        assert words == ["inconclusive", "supported"], hypotheses


def test_equal_contrasts_need_more_blocks_for_more_hypotheses():
    # two hypotheses: p = 2 * 2 / 2^6 = 0.0625, and 0.031 with one more block
    assert [str(verdicts_of([2.0] * n, 1.0, 2)) for n in (6, 7)] == ["inconclusive", "supported"]
    assert float(simultaneous([2.0] * 7, 2).p) == 4 / 2**7


def test_exact_comparisons_count_as_hypotheses_do(stored):
    right, wrong = Comparison("is 4", 4, 4), Comparison("is 5", 5, 4)
    exact = claim_of(studies=(), check="some_check")
    assert decide(exact, comparisons=[right]).verdict == "supported"
    assert decide(exact, comparisons=[right, wrong]).verdict == "contradicted"
    assert decide(exact).verdict == "inconclusive"


def test_study_without_results_leaves_its_hypothesis_inconclusive():
    row = decide(claim_of(higher("worse", "test_loss", {"units": 16}))).hypotheses[0]
    assert (row.n, row.verdict) == (0, "inconclusive")
    assert row.note == "no verdict: the study sizes has not run"


# Trials that are missing, diverged or do not learn


def test_block_counts_only_if_all_cells_have_a_value(stored):
    def failing(trial):
        failed = (units_of(trial), trial.seed) in {(16, 3), (64, 5)}
        return {"status": "failed", "reason": "killed"} if failed else told(trial)

    cells = [{"units": 16}, {"units": 64}, {"units": 128}]
    results = stored(STUDY, failing)
    row = one(increases("the loss rises", "test_loss", cells), results)
    kept = [seed for seed in range(SEEDS) if seed not in (3, 5)]
    # The middle of three levels has the weight 0, so its failure costs no block.
    assert row.n == SEEDS - 1
    cells.insert(1, {"units": 32})
    row = one(increases("the loss rises", "test_loss", cells), results)
    weights = np.array([-1.5, -0.5, 0.5, 1.5]) / 5
    expected = weights @ [LOSSES[units][kept] for units in (16, 32, 64, 128)]
    assert (row.n, row.effect) == (6, pytest.approx(expected.mean()))
    assert row.note == "2 of 8 seed blocks are incomplete"


def test_failures_in_hard_seeds_bar_the_verdict(stored):
    hard = (2, 5)  # the seeds with the highest loss of 16 units

    def failing(trial):
        failed = units_of(trial) == 128 and trial.seed in hard
        return {"status": "failed", "reason": "killed"} if failed else told(trial)

    row = one(higher("worse", "test_loss", {"units": 16}, margin=0.1), stored(STUDY, failing))
    lost, kept = LOSSES[16][list(hard)], np.delete(LOSSES[16], hard)
    p = stats.mannwhitneyu(lost, kept, method="exact").pvalue
    assert row.verdict == "inconclusive"
    assert row.note == (
        "2 of 8 seed blocks are incomplete; no verdict: trials failed in seeds that are not like "
        f"the others: there units=16 has a mean of {lost.mean():.4g}, in the 6 complete seed "
        f"blocks {kept.mean():.4g} (rank-sum p = {p:.2g})"
    )


def test_unfinished_study_has_no_verdict(stored):
    def partly(trial):
        if units_of(trial) == 16 and trial.seed == 7:
            return None
        return {**told(trial), "findings": (finding("modes-differ"),)}

    row = one(higher("worse", "test_loss", {"units": 16}, margin=0.1), stored(STUDY, partly))
    assert (row.n, row.verdict, row.low > 0) == (7, "inconclusive", True)
    # In the complete blocks both trials have the finding, so that it explains no difference.
    assert row.note == "1 of 8 seed blocks are incomplete; no verdict: the study is not finished"


def test_fewer_than_six_blocks_have_no_verdict(stored):
    def failing(trial):
        failed = units_of(trial) == 16 and trial.seed in (0, 1, 7)
        return {"status": "failed", "reason": "killed"} if failed else told(trial)

    row = one(higher("worse", "test_loss", {"units": 16}), stored(STUDY, failing))
    assert (row.n, row.verdict) == (5, "inconclusive")
    assert row.note == (
        "3 of 8 seed blocks are incomplete; no verdict: fewer than 6 complete seed blocks"
    )


def diverging(trial):
    """16 units diverge in three seeds; in one of them the loss is not finite."""
    if units_of(trial) != 16 or trial.seed > 2:
        return told(trial)
    if trial.seed == 0:
        return {
            "status": "failed",
            "reason": "test_loss is not a finite number",
            "metrics": {"test_loss": float("nan"), "test_accuracy": float("nan")},
            "findings": (finding("loss-nonfinite"),),
        }
    metrics = {"test_loss": 1e9, "test_accuracy": 0.1}
    return {"metrics": metrics, "findings": (finding("diverged"),)}


def test_diverged_trials_count_as_the_worst_other_trial(stored):
    results = stored(STUDY, diverging)
    row = one(higher("worse", "test_loss", {"units": 16}, margin=0.1), results)
    bounded = np.r_[[0.95] * 3, LOSSES[16][3:]]  # 0.95 is the highest loss of the other trials
    assert row.effect == pytest.approx((bounded - LOSSES[128]).mean())
    assert (row.n, row.verdict) == (SEEDS, "supported")
    assert row.note == (
        "training diverged in 3 of 8 seed blocks (units=16); these trials count as no worse than "
        "the worst other trial, so that the effect is at least the stated one"
    )


def test_effect_below_the_margin_is_supported_with_a_note(stored):
    row = one(higher("worse", "test_loss", {"units": 16}, margin=9.0), stored(STUDY, told))
    assert (row.high < 9, row.verdict) == (True, "supported")
    assert row.note == "the effect is smaller than the margin: it is there, but does not matter"


def test_bound_in_favour_of_a_claim_does_not_support_it(stored):
    results = stored(STUDY, diverging)
    # 1 - accuracy would support it without divergence; the accuracy 0.1 may only lower it
    row = one(higher("better", "test_accuracy", {"units": 16}, margin=0.1), results)
    assert row.effect < 0
    assert row.verdict == "contradicted"
    row = one(lower("lower", "test_accuracy", {"units": 16}, margin=9.0), results)
    assert row.verdict == "supported"
    cells = (({"units": 16}, -1.0), ({"units": 32}, 2.0), ({"units": 64}, -1.0))
    weights = tuple((Settings(cell), weight) for cell, weight in cells)
    row = one(Hypothesis("curved", "test_loss", weights, constant=-1.0), results)
    assert row.note.endswith("so that the effect is at most the stated one")
    assert (row.low > 0, row.verdict) == (True, "inconclusive")


def test_measure_without_direction_has_no_bound(stored):
    def gap(trial):
        fields = diverging(trial)
        fields["metrics"] = {**fields["metrics"], "gap": 0.1 * units_of(trial)}
        return fields

    results = stored(STUDY, gap)
    row = one(lower("narrower", "gap", {"units": 16}, margin=0.1), results)
    assert row.verdict == "inconclusive"
    assert "no verdict: training diverged in 3 of 8 seed blocks (units=16)" in row.note


def test_divergence_says_nothing_about_other_measures(stored):
    def dead(trial):
        fields = diverging(trial) if trial.seed else told(trial)
        share = 0.9 if units_of(trial) == 16 else 0.1
        fields["metrics"] = {**fields["metrics"], "dead_units": share + 0.01 * (trial.seed % 3)}
        return fields

    row = one(higher("dead", "dead_units", {"units": 16}, margin=0.1), stored(STUDY, dead))
    assert (row.verdict, row.effect) == ("supported", pytest.approx(0.8))


def test_chance_level_on_both_sides_has_no_verdict(stored):
    def idle(trial):
        return {**told(trial), "findings": (finding("at-chance"),)}

    row = one(higher("worse", "test_loss", {"units": 16}), stored(STUDY, idle))
    assert row.verdict == "inconclusive"
    assert row.note == (
        "no verdict: in every seed block all trials are at chance level or diverged"
    )


# Explanations


def test_moving_averages_are_named_beside_the_verdict(stored):
    def artefact(trial):
        found = (finding("modes-differ", "3.1 in inference"), finding("overfit"))
        rare = (finding("overfit"),) if trial.seed == 0 else ()
        return {**told(trial), "findings": found if units_of(trial) == 16 else rare}

    results = stored(STUDY, artefact)
    decided = decide(claim_of(higher("worse", "test_loss", {"units": 16})), {"sizes": results})
    assert decided.hypotheses[0].note == (
        "in 8 of 8 seed blocks the effect may be an artefact of BatchNormalization: the loss "
        "differs between training and inference with its moving averages (units=16)"
    )
    found = [(row.variant, row.code, row.trials, row.of) for row in decided.explanation]
    assert found == [
        ("units=16", "modes-differ", 8, 8),
        ("units=16", "overfit", 8, 8),
        ("baseline", "overfit", 1, 8),
    ]
    assert decided.explanation[0].evidence == "3.1 in inference"
    assert [row.artefact for row in decided.explanation] == [True, False, False]
