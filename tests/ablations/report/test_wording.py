from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ablations.report.study.summary import biggest, delta_words, sentence, summary, warnings
from ablations.report.study.tables import deltas_table
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
    ("changed", "said"),
    [
        (
            {},
            "pool_size 4 instead of 2 raises test loss by 0.108 [0.090, 0.130] over 10 paired "
            "seeds: worse",
        ),
        (
            {"delta": -0.1084, "ci_low": -0.1302, "ci_high": -0.0899, "verdict": "better"},
            "pool_size 4 instead of 2 lowers test loss by 0.108 [0.090, 0.130] over 10 paired "
            "seeds: better",
        ),
        (
            {"metric": "test_accuracy", "delta": -0.0231, "ci_low": -0.0288, "ci_high": -0.0174},
            "pool_size 4 instead of 2 lowers test accuracy by 0.023 [0.017, 0.029] over "
            "10 paired seeds: worse",
        ),
        (
            {"n_pairs": 4, "verdict": "", "notes": FEW_PAIRS},
            "pool_size 4 instead of 2: test loss +0.108 [0.090, 0.130] over 4 paired seeds, no "
            "verdict: fewer than 6 pairs",
        ),
        (
            {
                "factor": "pool_size + normalization",
                "level": "4 + batch",
                "baseline": "2 + none",
            },
            "pool_size 4 and normalization batch instead of 2 and none raise test loss by 0.108 "
            "[0.090, 0.130] over 10 paired seeds: worse",
        ),
        (
            {"ci_low": np.nan, "ci_high": np.nan},
            "pool_size 4 instead of 2 raises test loss by 0.11 over 10 paired seeds: worse",
        ),
        (
            {"verdict": "equivalent", "delta": -0.002, "ci_low": -0.006, "ci_high": 0.002},
            "pool_size 4 instead of 2: test loss \N{MINUS SIGN}0.0020 [\N{MINUS SIGN}0.0060, "
            "0.0020] over 10 paired seeds, equivalent: the difference is shown to be within "
            "the margin",
        ),
        (
            {
                "verdict": "inconclusive",
                "delta": 0.004,
                "ci_low": -0.01,
                "ci_high": 0.018,
                "seeds_needed": 23.2,
            },
            "pool_size 4 instead of 2: test loss +0.004 [\N{MINUS SIGN}0.010, 0.018] over 10 "
            "paired seeds, inconclusive: the interval includes no difference; about 14 more seeds "
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
            "pool_size 4 instead of 2: test loss +0.004 [\N{MINUS SIGN}0.010, 0.018] over 10 "
            "paired seeds, inconclusive: the interval includes no difference",
        ),
        (
            {"delta": -0.0659, "ci_low": -0.1287, "ci_high": -0.0031, "verdict": "better"},
            "pool_size 4 instead of 2 lowers test loss by 0.066 [0.003, 0.129] over 10 paired "
            "seeds: better",
        ),
        (
            {
                "verdict": "inconclusive",
                "delta": 0.004,
                "ci_low": -0.01,
                "ci_high": 0.018,
                "seeds_needed": 803.0,
            },
            "pool_size 4 instead of 2: test loss +0.004 [\N{MINUS SIGN}0.010, 0.018] over 10 "
            "paired seeds, inconclusive: the interval includes no difference; more than 100 more "
            "seeds might settle it",
        ),
        (
            {"verdict": "inconclusive", "p_adjusted": 0.071, "seeds_needed": 11.0},
            "pool_size 4 instead of 2: test loss +0.108 [0.090, 0.130] over 10 paired seeds, "
            "inconclusive: not shown once corrected for the other comparisons (adjusted p 0.071); "
            "about 1 more seed might settle it",
        ),
        (
            {"n_pairs": 1, "ci_low": np.nan, "ci_high": np.nan, "verdict": ""},
            "pool_size 4 instead of 2: test loss +0.11 with one seed, which gives neither interval "
            "nor verdict",
        ),
        (
            {"n_pairs": 0, "delta": np.nan, "verdict": ""},
            "pool_size 4 instead of 2: no pairs, nothing to compare (test loss)",
        ),
        (
            {"n_pairs": 0, "delta": np.nan, "verdict": "", "notes": "infeasible: not trained"},
            "pool_size 4 instead of 2: infeasible: not trained (test loss)",
        ),
    ],
)
def test_a_sentence_says_what_was_found(changed, said):
    assert sentence(ROW | changed) == said


@pytest.mark.parametrize(
    ("level", "baseline", "said"),
    [
        (True, False, "skip True instead of False"),
        (1, True, "skip 1 instead of True"),
        ("1", 1, "skip '1' instead of 1"),
        ("True", 1.0, "skip 'True' instead of 1.0"),
        ("a + b", "none", "skip a + b instead of none"),
    ],
)
def test_levels_of_different_types_read_differently(level, baseline, said):
    assert comparison({"factor": "skip", "level": level, "baseline": baseline}) == said


def test_the_summary_has_a_sentence_for_each_comparison(contents):
    said = summary(contents)
    assert list(said) == ["test_loss", "test_accuracy"]
    assert [len(sentences) for sentences in said.values()] == [9, 7]
    assert said["test_loss"][2].text.startswith("pool_size 4 instead of 2 raises test loss by 0.1")
    assert said["test_loss"][2].subject == "pool_size 4 instead of 2"


def test_notes_stand_beside_their_delta(contents):
    said = summary(contents)["test_loss"]
    assert said[1].notes == ("1 of 10 pairs are missing",)


def test_what_did_not_run_says_why_once(contents):
    said = {one.subject: one for one in summary(contents)["test_loss"]}
    infeasible, pending = said["filters 1 instead of 32"], said["filters 4096 instead of 32"]
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
def test_a_variant_of_which_nothing_is_done_says_what_became_of_it(contents, reasons, why):
    trials = contents.trials.copy()
    rows = trials.index[trials["variant"] == "filters=4096"]
    trials.loc[rows[: len(reasons)], "status"] = "failed"
    trials.loc[rows[: len(reasons)], "reason"] = reasons
    found = replace(contents, trials=trials).undone["filters=4096"]
    assert (found.status, found.why) == ("failed", why)


def test_no_interval_that_leaves_out_0_reads_as_if_it_touched_it(contents):
    ends = {"delta": -0.0659, "ci_low": -0.1287, "ci_high": -0.0031, "verdict": "better"}
    own = contents.deltas_of("test_loss").head(1).assign(**ends)
    shown = replace(contents, deltas=own)
    table = deltas_table(shown, "test_loss")
    cells = dict(zip(table.headers, table.rows[0], strict=True))
    minus = "\N{MINUS SIGN}"
    assert cells["95% interval"].text == f"[{minus}0.129, {minus}0.003]"
    assert cells["Delta"].text == f"{minus}0.066"
    (said,) = summary(shown)["test_loss"]
    assert "by 0.066 [0.003, 0.129]" in said.text


def test_a_sentence_and_its_row_have_the_same_digits(contents):
    for metric, said in summary(contents).items():
        table = deltas_table(contents, metric)
        at = table.headers.index("Delta")
        sizes = [row[at].text.strip("+\N{MINUS SIGN}") for row in table.rows if row[at].text]
        ran = [one.text for one in said if one.verdict not in ("pending", "infeasible")]
        assert len(sizes) == len(ran) == 7
        assert all(size in text for size, text in zip(sizes, ran, strict=True))


def test_a_verdict_on_a_variant_with_a_finding_points_to_it(contents):
    said = summary(contents)["test_loss"]
    assert said[3].subject == "normalization batch instead of none"
    assert said[3].text.endswith(f" over 10 paired seeds: {said[3].verdict}, but see its finding")
    assert [index for index, one in enumerate(said) if "finding" in one.text] == [3]
    none = contents.deltas.assign(verdict="")
    without = summary(replace(contents, deltas=none))["test_loss"]
    assert not any("see its finding" in one.text for one in without)


def test_a_finding_on_every_variant_is_said_once(contents):
    everywhere = replace(
        contents, variant_findings={name: ["It is deaf."] for name in contents.variants[1:]}
    )
    assert not any("finding" in one.text for one in summary(everywhere)["test_loss"])
    assert "On every variant that was compared the doctor has a finding, below." in warnings(
        everywhere
    )


def test_warnings_name_what_is_lacking(contents):
    assert warnings(contents) == [
        "The data has 12 duplicates between training and test.",
        "1 of 90 trials failed; what they lack is shown, never filled in.",
        "10 of 90 trials have not run yet; the numbers may still change.",
    ]


def test_few_seeds_are_said_once(contents):
    note = f"{FEW_PAIRS}; wide"
    few = contents.deltas.assign(n_pairs=4, notes=note, verdict="")
    exploratory = replace(contents, deltas=few, variant_findings={}, findings=())
    assert warnings(exploratory)[:2] == [
        "All comparisons are exploratory, without a verdict: they have fewer than 6 paired seeds.",
        "Of every comparison: wide.",
    ]
    assert {said.notes for said in summary(exploratory)["test_loss"]} == {()}
    assert not any("fewer than" in said.text for said in summary(exploratory)["test_loss"])
    compared = [s for s in summary(exploratory)["test_loss"] if "paired seeds" in s.text]
    assert all(said.text.endswith("over 4 paired seeds, no verdict") for said in compared)
    some = contents.deltas.copy()
    some.loc[:1, ["n_pairs", "notes", "verdict"]] = [4, note, ""]
    said = summary(replace(contents, deltas=some))["test_loss"]
    assert [one.text.endswith("no verdict: fewer than 6 pairs") for one in said][:2] == [
        True,
        False,
    ]


def test_with_one_seed_a_note_does_not_repeat_the_sentence(one_seed):
    said = summary(one_seed)["test_loss"]
    assert "with one seed, which gives neither interval nor verdict" in said[0].text
    assert {one.notes for one in said} == {()}


def test_the_biggest_effect_has_a_verdict(contents):
    found = biggest(contents)
    assert found["variant"] == "pool_size=4"
    assert delta_words(found).startswith("+0.1")
    assert biggest(replace(contents, deltas=contents.deltas.assign(verdict="inconclusive"))) is None


def test_the_statistics_of_this_project_can_be_reported(contents):
    from ablations.stats.deltas import deltas

    table = deltas(contents.trials, ["test_loss", "test_accuracy"], margins={"test_loss": 0.02})
    said = summary(replace(contents, deltas=table))
    assert said["test_loss"][2].text.endswith("over 10 paired seeds: worse")
    assert len(said["test_loss"]) == table["variant"].nunique()
    assert isinstance(table["level"][0], int | str)
    assert pd.api.types.is_object_dtype(table["level"])


def test_a_table_without_a_column_keeps_what_is_said_above_and_below_it():
    cells = (text_cell("a"), text_cell("b"))
    table = Table("T", ("A", "B"), (cells,), ("noted",), daggers=True, lead="above", below="under")
    assert table.without("B") == replace(table, headers=("A",), rows=(cells[:1],))
