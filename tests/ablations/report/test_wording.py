"""Sentences on the deltas, and the warnings before them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ablations.report.study.conclusions import opening
from ablations.report.study.summary import largest, sentence, summary, warnings
from ablations.report.study.tables import deltas_table
from ablations.report.study.terminal import missing_verdicts
from ablations.report.table import Table, text_cell
from ablations.report.wording import comparison
from ablations.stats.barring import FEW_PAIRS

ROW = {
    "factor": "pool_size",
    "level": 4,
    "baseline": 2,
    "metric": "test_loss",
    "delta": 0.1084,
    "ci_low": 0.0899,
    "ci_high": 0.1302,
    "p_adjusted": 0.001,
    "n_pairs": 10,
    "verdict": "worse",
    "seeds_needed": 10.0,
    "notes": "",
}


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (
            {},
            "pool_size=4 (baseline: 2) increases test loss by 0.108 (95% CI 0.090 to 0.130, "
            "10 seeds): worse",
        ),
        (
            {"delta": -0.1084, "ci_low": -0.1302, "ci_high": -0.0899, "verdict": "better"},
            "pool_size=4 (baseline: 2) decreases test loss by 0.108 (95% CI 0.090 to 0.130, "
            "10 seeds): better",
        ),
        (
            {"metric": "test_accuracy", "delta": -0.0231, "ci_low": -0.0288, "ci_high": -0.0174},
            "pool_size=4 (baseline: 2) decreases test accuracy by 0.023 (95% CI 0.017 to 0.029, "
            "10 seeds): worse",
        ),
        (
            {"n_pairs": 4, "verdict": "", "notes": FEW_PAIRS},
            "pool_size=4 (baseline: 2): difference in test loss +0.108 (95% CI 0.090 to 0.130, "
            "4 seeds), no verdict: fewer than 6 pairs",
        ),
        (
            {
                "factor": "pool_size + normalization",
                "level": "4 + batch",
                "baseline": "2 + none",
            },
            "pool_size=4, normalization=batch (baseline: 2, none) increases test loss by 0.108 "
            "(95% CI 0.090 to 0.130, 10 seeds): worse",
        ),
        (
            {"ci_low": np.nan, "ci_high": np.nan},
            "pool_size=4 (baseline: 2) increases test loss by 0.11 (10 seeds): worse",
        ),
        (
            {"verdict": "equivalent", "delta": -0.002, "ci_low": -0.006, "ci_high": 0.002},
            "pool_size=4 (baseline: 2) is equivalent to the baseline in test loss: the difference "
            "of \N{MINUS SIGN}0.0020 (95% CI \N{MINUS SIGN}0.0060 to 0.0020, 10 seeds) is shown to "
            "lie within the margin",
        ),
        (
            {
                "verdict": "inconclusive",
                "delta": 0.004,
                "ci_low": -0.01,
                "ci_high": 0.018,
                "seeds_needed": 23.2,
            },
            "pool_size=4 (baseline: 2) has an inconclusive effect on test loss: +0.004 (95% CI "
            "\N{MINUS SIGN}0.010 to 0.018, 10 seeds); the interval includes 0; about 14 more seeds "
            "might settle it",
        ),
        (
            {
                "verdict": "inconclusive",
                "delta": 0.004,
                "ci_low": -0.01,
                "ci_high": 0.018,
                "seeds_needed": np.inf,
            },
            "pool_size=4 (baseline: 2) has an inconclusive effect on test loss: +0.004 (95% CI "
            "\N{MINUS SIGN}0.010 to 0.018, 10 seeds); the interval includes 0",
        ),
        (
            {"delta": -0.0659, "ci_low": -0.1287, "ci_high": -0.0031, "verdict": "better"},
            "pool_size=4 (baseline: 2) decreases test loss by 0.066 (95% CI 0.003 to 0.129, "
            "10 seeds): better",
        ),
        (
            {
                "verdict": "inconclusive",
                "delta": 0.004,
                "ci_low": -0.01,
                "ci_high": 0.018,
                "seeds_needed": 803.0,
            },
            "pool_size=4 (baseline: 2) has an inconclusive effect on test loss: +0.004 (95% CI "
            "\N{MINUS SIGN}0.010 to 0.018, 10 seeds); the interval includes 0; more than 100 more "
            "seeds might settle it",
        ),
        (
            {"verdict": "inconclusive", "p_adjusted": 0.071, "seeds_needed": 11.0},
            "pool_size=4 (baseline: 2) has an inconclusive effect on test loss: +0.108 (95% CI "
            "0.090 to 0.130, 10 seeds); not significant after correction for multiple comparisons, "
            "p (Holm) = 0.071; about 1 more seed might settle it",
        ),
        (
            {"n_pairs": 1, "ci_low": np.nan, "ci_high": np.nan, "verdict": ""},
            "pool_size=4 (baseline: 2): difference in test loss +0.11 (1 seed), without interval "
            "or verdict",
        ),
        (
            {"n_pairs": 0, "delta": np.nan, "verdict": ""},
            "pool_size=4 (baseline: 2): no pairs, nothing to compare (test loss)",
        ),
        (
            {"n_pairs": 0, "delta": np.nan, "verdict": "", "notes": "infeasible: not trained"},
            "pool_size=4 (baseline: 2): infeasible: not trained (test loss)",
        ),
    ],
)
def test_delta_sentences(changed, text):
    assert sentence(ROW | changed) == text


@pytest.mark.parametrize(
    ("level", "baseline", "text"),
    [
        (True, False, "skip=True (baseline: False)"),
        (1, True, "skip=1 (baseline: True)"),
        ("1", 1, "skip='1' (baseline: 1)"),
        ("True", 1.0, "skip='True' (baseline: 1.0)"),
        ("a + b", "none", "skip=a + b (baseline: none)"),
    ],
)
def test_levels_of_different_types_differ_in_text(level, baseline, text):
    assert comparison({"factor": "skip", "level": level, "baseline": baseline}) == text


def test_summary_has_one_sentence_per_comparison(contents):
    sentences = summary(contents)
    assert list(sentences) == ["test_loss", "test_accuracy"]
    assert [len(many) for many in sentences.values()] == [9, 7]
    assert sentences["test_loss"][2].text.startswith(
        "pool_size=4 (baseline: 2) increases test loss by 0.1"
    )
    assert sentences["test_loss"][2].subject == "pool_size=4 (baseline: 2)"


def test_notes_belong_to_their_sentence(contents):
    sentences = summary(contents)["test_loss"]
    assert sentences[1].notes == ("1 of 10 pairs are missing",)


def test_unfinished_variant_gives_its_reason_once(contents):
    sentences = {one.subject: one for one in summary(contents)["test_loss"]}
    infeasible, pending = (
        sentences["filters=1 (baseline: 32)"],
        sentences["filters=4096 (baseline: 32)"],
    )
    assert (infeasible.verdict, infeasible.rest) == (
        "infeasible",
        ": cannot be built: `filters` of `downsampling` must be at least 2; got 1",
    )
    assert (pending.verdict, pending.rest) == ("pending", ": has not run yet")
    assert not [one for one in summary(contents)["test_accuracy"] if one.verdict == "pending"]


@pytest.mark.parametrize(
    ("reasons", "why"),
    [
        (["ValueError: no"] * 10, "all 10 trials failed: ValueError: no"),
        (["ValueError: no."] * 9 + ["late"], "all 10 trials failed, the first: ValueError: no"),
        (["ValueError: no"] * 4, "4 of 10 trials failed: ValueError: no"),
        (["x " * 300] * 10, f"all 10 trials failed: {'x ' * 98}..."),
    ],
)
def test_reason_of_an_unfinished_variant(contents, reasons, why):
    trials = contents.trials.copy()
    rows = trials.index[trials["variant"] == "filters=4096"]
    trials.loc[rows[: len(reasons)], "status"] = "failed"
    trials.loc[rows[: len(reasons)], "reason"] = reasons
    unfinished = replace(contents, trials=trials).unfinished["filters=4096"]
    assert (unfinished.status, unfinished.why) == ("failed", why)


def test_interval_end_is_not_rounded_to_0(contents):
    ends = {"delta": -0.0659, "ci_low": -0.1287, "ci_high": -0.0031, "verdict": "better"}
    first = contents.deltas_of("test_loss").head(1).assign(**ends)
    shown = replace(contents, deltas=first)
    table = deltas_table(shown, "test_loss")
    cells = dict(zip(table.headers, table.rows[0], strict=True))
    minus = "\N{MINUS SIGN}"
    assert cells["95% CI"].text == f"[{minus}0.129, {minus}0.003]"
    assert cells["Delta"].text == f"{minus}0.066"
    (only,) = summary(shown)["test_loss"]
    assert "by 0.066 (95% CI 0.003 to 0.129, 10 seeds)" in only.text


def test_sentence_and_table_have_the_same_digits(contents):
    for metric, sentences in summary(contents).items():
        table = deltas_table(contents, metric)
        at = table.headers.index("Delta")
        sizes = [row[at].text.strip("+\N{MINUS SIGN}") for row in table.rows if row[at].text]
        finished = [one.text for one in sentences if one.verdict not in ("pending", "infeasible")]
        assert len(sizes) == len(finished) == 7
        assert all(size in text for size, text in zip(sizes, finished, strict=True))


def test_verdict_points_to_the_finding(contents):
    sentences = summary(contents)["test_loss"]
    assert sentences[3].subject == "normalization=batch (baseline: none)"
    assert sentences[3].text.endswith(f", 10 seeds): {sentences[3].verdict}, but see its finding")
    assert [index for index, one in enumerate(sentences) if "finding" in one.text] == [3]
    none = contents.deltas.assign(verdict="")
    without = summary(replace(contents, deltas=none))["test_loss"]
    assert not any("see its finding" in one.text for one in without)


def test_finding_on_every_variant_is_one_warning(contents):
    everywhere = replace(
        contents, variant_findings={name: ["It is deaf."] for name in contents.variants[1:]}
    )
    assert not any("finding" in one.text for one in summary(everywhere)["test_loss"])
    assert "The doctor has a finding on every variant; see Findings below." in warnings(everywhere)


def test_warnings_count_unfinished_trials(contents):
    assert warnings(contents) == [
        "The data has 12 duplicates between training and test.",
        "1 of 90 trials failed. Missing pairs are shown and never filled in.",
        "10 of 90 trials have not run yet. The numbers may still change. 0 of 10 seed blocks are "
        "complete.",
    ]


def test_few_seeds_are_one_warning(contents):
    note = f"{FEW_PAIRS}; wide"
    few = contents.deltas.assign(n_pairs=4, notes=note, verdict="")
    exploratory = replace(contents, deltas=few, variant_findings={}, findings=())
    assert warnings(exploratory)[:2] == [
        "All comparisons are exploratory and have no verdict: they have fewer than 6 paired seeds.",
        "All comparisons: wide.",
    ]
    assert {one.notes for one in summary(exploratory)["test_loss"]} == {()}
    assert not any("fewer than" in one.text for one in summary(exploratory)["test_loss"])
    compared = [s for s in summary(exploratory)["test_loss"] if "difference in" in s.text]
    assert len(compared) == 7
    assert all(one.text.endswith(", 4 seeds)") for one in compared)
    some = contents.deltas.copy()
    some.loc[:1, ["n_pairs", "notes", "verdict"]] = [4, note, ""]
    sentences = summary(replace(contents, deltas=some))["test_loss"]
    assert [one.text.endswith("no verdict: fewer than 6 pairs") for one in sentences][:2] == [
        True,
        False,
    ]


def test_one_seed_note_is_not_repeated(one_seed):
    sentences = summary(one_seed)["test_loss"]
    assert sentences[0].text.endswith("(1 seed), without interval or verdict")
    assert {one.notes for one in sentences} == {()}


def test_largest_effect_has_a_verdict(contents):
    row = largest(contents)
    assert row["variant"] == "pool_size=4"
    assert largest(replace(contents, deltas=contents.deltas.assign(verdict="inconclusive"))) is None


def test_opening_does_not_call_a_smaller_delta_the_largest(contents):
    def of_comparisons(deltas):
        told = replace(contents, deltas=deltas)
        return next(one.text for one in opening(told) if "comparisons in" in one.text)

    assert "; the largest, pool_size=4 (baseline: 2), is +" in of_comparisons(contents.deltas)
    deltas = contents.deltas.copy()
    deltas.loc[deltas["variant"] == "pool_size=4", "verdict"] = "inconclusive"
    text = of_comparisons(deltas)
    assert "; the largest that is better or worse without a finding, pool_size=3 " in text
    assert "pool_size=4" not in text
    assert "as the largest" not in text


def test_deltas_of_the_statistics_can_be_reported(contents):
    from ablations.stats.deltas import deltas

    table = deltas(contents.trials, ["test_loss", "test_accuracy"], margins={"test_loss": 0.02})
    sentences = summary(replace(contents, deltas=table))
    assert sentences["test_loss"][2].text.endswith(", 10 seeds): worse")
    assert len(sentences["test_loss"]) == table["variant"].nunique()
    assert isinstance(table["level"][0], int | str)
    assert pd.api.types.is_object_dtype(table["level"])


def test_table_without_a_column_keeps_its_texts():
    cells = (text_cell("a"), text_cell("b"))
    table = Table("T", ("A", "B"), (cells,), ("noted",), daggers=True, lead="above", below="under")
    assert table.without("B") == replace(table, headers=("A",), rows=(cells[:1],))


@pytest.mark.parametrize(
    ("names", "listed"),
    [
        (
            ["part:block1=remove", "part:block1=remove, part:block2=remove"],
            "part:block1=remove; part:block1=remove, part:block2=remove",
        ),
        (["units=4", "units=8"], "units=4, units=8"),
    ],
)
def test_variants_of_two_changes_are_told_apart(names, listed):
    row = {"metric": "test_loss", "verdict": "", "notes": "no verdict: all at chance level"}
    deltas = pd.DataFrame([{"variant": name, **row} for name in names])
    trials = pd.DataFrame({"variant": names, "status": "done", "reason": ""})
    lines = missing_verdicts(deltas, trials, few=False)
    assert lines == [f"{listed}: no verdict: all at chance level."]
