"""Sentences that answer the question of a design, their tables, and the card at the top."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ablations.report import write_report
from ablations.report.formats import markdown_text
from ablations.report.study.conclusions import answers, opening
from ablations.report.study.contents import EFFECTS, EPOCHS, PATH_STEPS, STABILITY, TRENDS
from ablations.report.study.tables import deltas_table, shaped_table
from ablations.report.table import DAGGER, with_footnotes
from ablations.stats import convergence, effects, stability, trend
from ablations.stats.barring import FEW_PAIRS
from ablations.stats.trends import SLOPE_OPEN, SLOPE_OPPOSED, SLOPE_SHOWN, TREND

MINUS = "\N{MINUS SIGN}"

TREND_ROW = {
    **dict.fromkeys(TREND, np.nan),
    "factor": "pool_size",
    "metric": "test_loss",
    "levels": "1, 2, 3, 4",
    "n_levels": 4,
    "n_blocks": 6,
    "p": 0.002,
    "p_adjusted": 0.004,
    "rho": 0.667,
    "slope": 0.0163,
    "slope_low": 0.0068,
    "slope_high": 0.0259,
    "trend": "rises",
    "notes": "",
}


def with_table(contents, title, rows, **study):
    return replace(contents, tables={title: pd.DataFrame(rows)}, study={**contents.study, **study})


@pytest.mark.parametrize(
    ("changed", "verdict", "text"),
    [
        (
            {},
            "worse",
            "Raising pool_size increases test loss: slope +0.016 per unit (95% CI 0.007 to 0.026, "
            "6 seeds), levels 1, 2, 3 and 4, Page's trend test p (Holm) = 0.004: worse",
        ),
        (
            {"n_blocks": 5},
            "",
            "pool_size: slope of test loss +0.016 per unit (95% CI 0.007 to 0.026, 5 seeds), "
            "levels 1, 2, 3 and 4, Page's trend test p (Holm) = 0.004, no verdict with fewer than "
            "6 seed blocks",
        ),
        (
            {"metric": "test_accuracy"},
            "better",
            "Raising pool_size increases test accuracy: slope +0.016 per unit (95% CI 0.007 to "
            "0.026, 6 seeds), levels 1, 2, 3 and 4, Page's trend test p (Holm) = 0.004: better",
        ),
        (
            {
                "trend": "",
                "p": 0.058,
                "p_adjusted": 0.058,
                "slope": -0.02,
                "slope_low": -0.05,
                "slope_high": 0.01,
            },
            "inconclusive",
            f"pool_size: no significant trend of test loss, slope {MINUS}0.020 per unit (95% CI "
            f"{MINUS}0.050 to 0.010, 6 seeds), levels 1, 2, 3 and 4, Page's trend test p (Holm) = "
            "0.058",
        ),
        (
            {"trend": "", "slope_low": -0.0044, "notes": SLOPE_OPEN},
            "inconclusive",
            "pool_size: test loss increases in the order of the levels, slope uncertain: +0.016 "
            f"per unit (95% CI {MINUS}0.004 to 0.026, 6 seeds), levels 1, 2, 3 and 4, Page's trend "
            "test p (Holm) = 0.004; the trend is significant, but the slope's interval includes 0",
        ),
        (
            {"trend": "", "p": 0.21, "p_adjusted": 0.42, "notes": SLOPE_SHOWN},
            "inconclusive",
            "pool_size: no significant trend of test loss, slope +0.016 per unit (95% CI 0.007 to "
            "0.026, 6 seeds), levels 1, 2, 3 and 4, Page's trend test p (Holm) = 0.42; "
            + SLOPE_SHOWN,
        ),
        (
            {"trend": "", "p": 0.031, "p_adjusted": 0.062},
            "inconclusive",
            "pool_size: no significant trend of test loss after correction for the other factors, "
            "slope +0.016 per unit (95% CI 0.007 to 0.026, 6 seeds), levels 1, 2, 3 and 4, Page's "
            "trend test p (Holm) = 0.062",
        ),
        (
            {"levels": ", ".join(map(str, range(1, 21)))},
            "worse",
            "Raising pool_size increases test loss: slope +0.016 per unit (95% CI 0.007 to 0.026, "
            "6 seeds), 20 levels from 1 to 20, Page's trend test p (Holm) = 0.004: worse",
        ),
    ],
)
def test_trend_sentences(contents, changed, verdict, text):
    (one,) = answers(with_table(contents, TRENDS, [TREND_ROW | changed]))
    assert (one.verdict, one.text) == (verdict, text)


def effect(term, kind, metric="test_loss", **changed):
    row = {"metric": metric, "term": term, "kind": kind, "df": 1, "F": 9.0, "p_adjusted": 0.004}
    row |= {"df_error": 9.0, "epsilon": np.nan, "n_blocks": 10}
    row |= {"share": 0.489, "delta": -0.189, "ci_low": -0.253, "ci_high": -0.125, "notes": ""}
    return row | changed


TWO = {"factors": {"filters": [4, 8], "skip": [True, False]}, "baseline": {"filters": 4}}


@pytest.mark.parametrize(
    ("row", "verdict", "text"),
    [
        (
            effect("filters", "main"),
            "better",
            "filters=8 (baseline: 4) decreases test loss by 0.19 (95% CI 0.12 to 0.25, 10 seeds, "
            "p (Holm) = 0.004, 49% of the variance) on average over the levels of the other "
            "factors: better",
        ),
        (
            effect("skip", "main", delta=0.01, ci_low=-0.09, ci_high=0.1, p_adjusted=0.86),
            "inconclusive",
            "skip=False (baseline: True) has no significant effect on test loss: +0.01 (95% CI "
            f"{MINUS}0.09 to 0.10, 10 seeds, p (Holm) = 0.86, 49% of the variance) on average over "
            "the levels of the other factors",
        ),
        (
            effect("filters", "main", df=2, delta=np.nan, ci_low=np.nan, ci_high=np.nan),
            "",
            "filters (4, 8) has an effect on test loss (10 seeds, p (Holm) = 0.004, 49% of the "
            "variance)",
        ),
        (
            effect("filters x skip", "interaction", delta=0.147, ci_low=0.0186, ci_high=0.275),
            "",
            "filters x skip interact in test loss: skip=False changes the delta of filters=8 "
            "(baseline: 4) by +0.15 (95% CI 0.02 to 0.28, 10 seeds, p (Holm) = 0.004, 49% of the "
            "variance); each main effect is only the average of its deltas at both levels of the "
            "other factor",
        ),
        (
            effect("filters x skip", "interaction", p_adjusted=0.5, ci_high=0.1),
            "inconclusive",
            f"filters x skip have no significant interaction in test loss: {MINUS}0.19 (95% CI "
            f"{MINUS}0.25 to 0.10, 10 seeds, p (Holm) = 0.50, 49% of the variance)",
        ),
        (
            effect("filters", "main", n_blocks=5),
            "",
            f"filters=8 (baseline: 4): difference in test loss {MINUS}0.19 (95% CI {MINUS}0.25 to "
            f"{MINUS}0.12, 5 seeds, p (Holm) = 0.004, 49% of the variance) on average over the "
            "levels of the other factors, no verdict with fewer than 6 seed blocks",
        ),
        (
            effect("filters", "main", n_blocks=5, delta=np.nan, ci_low=np.nan, ci_high=np.nan),
            "",
            "filters (4, 8): effect on test loss, no verdict with fewer than 6 seed blocks "
            "(5 seeds, p (Holm) = 0.004, 49% of the variance)",
        ),
        (
            effect("filters x skip", "interaction", n_blocks=5),
            "",
            f"filters x skip: interaction in test loss {MINUS}0.19 (95% CI {MINUS}0.25 to "
            f"{MINUS}0.12, 5 seeds, p (Holm) = 0.004, 49% of the variance), no verdict with fewer "
            "than 6 seed blocks",
        ),
    ],
)
def test_effect_sentences(contents, row, verdict, text):
    (one,) = answers(with_table(contents, EFFECTS, [row], **TWO))
    assert (one.verdict, one.text) == (verdict, text)


def test_many_insignificant_effects_share_a_sentence(contents):
    factors = {f"f{at}": [0, 1] for at in range(6)}
    rows = [effect(name, "main", p_adjusted=0.9) for name in factors] + [effect("filters", "main")]
    shown = with_table(
        contents, EFFECTS, rows, factors={**factors, **TWO["factors"]}, baseline={"filters": 4}
    )
    texts = [one.text for one in answers(shown)]
    assert len(texts) == 2
    assert texts[0].startswith("filters=8 (baseline: 4) decreases ")
    assert texts[1] == "Main effects without significance in test loss: f0, f1, f2, f3, f4, f5"


def test_many_effects_of_few_seeds_share_a_sentence(contents):
    factors = {f"f{at}": [0, 1] for at in range(6)}
    rows = [effect(name, "main", n_blocks=5) for name in factors]
    shown = with_table(contents, EFFECTS, rows, factors=factors)
    (one,) = answers(shown)
    assert (one.verdict, one.text) == (
        "",
        "Main effects without verdict (fewer than 6 seed blocks) in test loss: f0, f1, f2, f3, "
        "f4, f5",
    )
    table = shaped_table(shown, EFFECTS, shown.tables[EFFECTS])
    at = table.headers.index("Significant")
    assert {row[at].text for row in table.rows} == {"no verdict"}
    assert "95% CI" in table.headers


def test_error_degrees_of_freedom_are_a_column(contents):
    rows = [effect("filters", "main"), effect("skip", "main", df_error=8.6543)]
    rows.append(effect("filters x skip", "interaction", df=4, df_error=36.0, epsilon=0.7312))
    shown = with_table(contents, EFFECTS, rows, **TWO)
    table = shaped_table(shown, EFFECTS, shown.tables[EFFECTS])
    at = table.headers.index("Error degrees of freedom")
    assert [row[at].text for row in table.rows] == ["9", "8.7", "36"]
    at = table.headers.index("Epsilon")
    assert [row[at].text for row in table.rows] == ["", "", "0.73"]


STEPS = pd.DataFrame(
    {
        "step": [0, 1, 2],
        "factor": ["", "pool_size", "skip"],
        "from_level": ["", 2, False],
        "to_level": ["", 1, True],
        "metric": "test_loss",
        "mean": [2.271, 2.068, 2.253],
        "delta": [np.nan, -0.203, 0.184],
        "ci_low": [np.nan, -0.274, 0.1],
        "ci_high": [np.nan, -0.132, 0.269],
        "p_adjusted": [np.nan, 0.004, 0.012],
        "n_pairs": [0, 6, 6],
        "share": [np.nan, 0.72, -0.66],
        "runner_up": ["", "filters", ""],
        "runner_up_mean": [np.nan, 2.205, np.nan],
        "variant": ["baseline", "pool_size=1", "pool_size=1, skip=True"],
        "chosen_by": "validation_loss",
    }
).astype({"from_level": object, "to_level": object})


@pytest.fixture
def path(contents):
    return with_table(
        contents, PATH_STEPS, STEPS, factors={"pool_size": [2, 1], "skip": [False, True]}
    )


def test_path_sentences(path):
    assert [(one.verdict, one.text) for one in answers(path)] == [
        (
            "",
            "The whole path changes test loss from 2.27 to 2.25; its steps are chosen by "
            "validation loss and their deltas are corrected for this choice; the intervals hold "
            "for all steps at once",
        ),
        (
            "better",
            "Step 1, pool_size=1 (before: 2), decreases test loss by 0.20 (95% CI 0.13 to 0.27, "
            "6 seeds): better, 72% of the whole change",
        ),
        (
            "worse",
            "Step 2, skip=True (before: False), increases test loss by 0.18 (95% CI 0.10 to 0.27, "
            f"6 seeds): worse, {MINUS}66% of the whole change; the last step is no choice, so its "
            "delta may be pessimistic",
        ),
    ]


def test_harmful_step_says_that_no_other_change_was_better(path):
    steps = STEPS.assign(delta=[np.nan, 0.203, 0.184], ci_low=[np.nan, 0.132, 0.1])
    steps = steps.assign(ci_high=[np.nan, 0.274, 0.269])
    step = answers(replace(path, tables={PATH_STEPS: steps}))[1]
    assert step.text == (
        "Step 1, pool_size=1 (before: 2), increases test loss by 0.20 (95% CI 0.13 to 0.27, "
        "6 seeds): worse, although no other remaining change did less harm"
    )


def test_path_step_is_inconclusive_by_its_corrected_p(path):
    rows = STEPS.assign(p_adjusted=[np.nan, 0.08, 0.012])
    shown = replace(path, tables={PATH_STEPS: rows})
    step = answers(shown)[1]
    assert (step.verdict, step.text) == (
        "inconclusive",
        "Step 1, pool_size=1 (before: 2), decreases test loss by 0.20 (95% CI 0.13 to 0.27, "
        "6 seeds): not significant after correction for all changes tried, p (corrected) = 0.080, "
        "72% of the whole change",
    )
    table = shaped_table(shown, PATH_STEPS, rows)
    assert [row[4].text for row in table.rows] == ["", "inconclusive", "worse"]


def test_path_step_without_verdict_gives_the_reason(path):
    noted = STEPS.assign(notes=["", FEW_PAIRS, ""])
    (_, first, second) = answers(replace(path, tables={PATH_STEPS: noted}))
    assert (first.verdict, first.text) == (
        "",
        "Step 1, pool_size=1 (before: 2), decreases test loss by 0.20 (95% CI 0.13 to 0.27, "
        "6 seeds), no verdict: fewer than 6 pairs, 72% of the whole change",
    )
    assert second.verdict == "worse"


def test_trends_of_few_seed_blocks_have_no_verdict(contents):
    rows = pd.DataFrame([{**TREND_ROW, "n_blocks": n} for n in (5, 6)])
    table = shaped_table(contents, TRENDS, rows)
    column = table.headers.index("Trend")
    assert [row[column].text for row in table.rows] == ["no verdict", "rises"]
    assert opening(with_table(contents, TRENDS, rows[:1]))[0].verdict == ""


def test_effects_of_few_seed_blocks_are_not_significant(contents):
    rows = pd.DataFrame([effect("filters", "main", n_blocks=n) for n in (5, 6)])
    table = shaped_table(contents, EFFECTS, rows)
    column = table.headers.index("Significant")
    assert [row[column].text for row in table.rows] == ["no verdict", "yes"]


def test_path_table_has_verdicts(path):
    table = shaped_table(path, PATH_STEPS, path.tables[PATH_STEPS])
    assert table.lead.startswith(
        "Each step is the change that helped most by validation loss among those left. Deltas and "
        "means are corrected for this choice by seeds that did not make it; the last step, which "
        "has no choice, can still look too bad. The intervals hold for all steps at once"
    )
    assert table.headers == (
        *("Step", "Factor", "From", "To", "Verdict", "Delta", "95% CI"),
        *("p (corrected)", "Share", "Mean after step", "Pairs", "Next best", "Mean of next best"),
    )
    texts = [[cell.text for cell in row] for row in table.rows]
    assert texts[0] == ["0", "the start", *[""] * 7, "2.271", "0", "", ""]
    assert texts[2][:9] == [
        *("2", "skip", "False", "True", "worse", "+0.18", "[0.10, 0.27]", "0.012", f"{MINUS}66%"),
    ]
    assert table.rows[2][4].verdict


@pytest.mark.parametrize(
    ("title", "rows", "subject"),
    [
        (TRENDS, [TREND_ROW], "Raising pool_size"),
        (EFFECTS, [effect("skip", "main", share=0.1), effect("filters", "main")], "skip=False"),
        (PATH_STEPS, STEPS, "The whole path"),
    ],
)
def test_page_and_markdown_begin_with_the_answer(contents, tmp_path, title, rows, subject):
    shown = with_table(contents, title, rows, **TWO)
    sentences = opening(shown)
    assert sentences[0].subject.startswith(subject)
    assert sentences[1].text == (
        "7 comparisons in test loss: 2 better, 3 worse, 1 equivalent and 1 inconclusive; the "
        "largest, pool_size=4 (baseline: 2), is +0.111 (95% CI 0.104 to 0.117, 10 seeds)"
    )
    assert len(sentences) == 3
    page = write_report(shown, tmp_path / "report.html").read_text(encoding="utf-8")
    header = page.split("</header>")[0]
    assert [header.index(f"<b>{one.subject}</b>") for one in sentences]
    written = write_report(shown, tmp_path / "report.md").read_text(encoding="utf-8")
    assert written.index(markdown_text(sentences[0].text)) < written.index("- Model: ")


def test_incomplete_path_is_called_the_path_so_far(contents):
    short = with_table(contents, PATH_STEPS, STEPS.head(2).assign(share=1.0), **TWO)
    whole, step = answers(short)
    assert opening(short)[0] == whole
    assert whole.subject == "The path so far"
    assert step.text.endswith("100% of the change so far")


def test_path_step_of_unknown_direction_has_no_verdict(path):
    rows = STEPS.assign(metric="test_wonder")
    shown = replace(path, tables={PATH_STEPS: rows})
    table = shaped_table(shown, PATH_STEPS, rows)
    assert "Verdict" not in table.headers
    assert [one.verdict for one in answers(shown)] == ["", "", ""]
    assert answers(shown)[1].text.endswith(
        "by 0.20 (95% CI 0.13 to 0.27, 6 seeds), 72% of the whole change"
    )


@pytest.mark.parametrize("at", [0, -1])
def test_path_without_a_mean_at_its_end_is_not_summed_up(contents, at):
    rows = STEPS.to_dict("records")
    rows[at] |= {"mean": np.nan}
    shown = with_table(contents, PATH_STEPS, rows, **TWO)
    assert all("path" not in one.subject for one in answers(shown))


@pytest.mark.parametrize("note", [SLOPE_OPEN, SLOPE_OPPOSED])
def test_uncertain_slope_has_no_verdict(contents, note):
    uncertain = TREND_ROW | {"trend": "", "slope_low": -0.0044, "notes": note}
    alone = with_table(contents, TRENDS, [uncertain])
    assert opening(alone)[0].verdict == answers(alone)[0].verdict == "inconclusive"
    table = shaped_table(alone, TRENDS, alone.tables[TRENDS])
    assert table.rows[0][table.headers.index("Trend")].text == "slope uncertain"
    both = with_table(contents, TRENDS, [uncertain, TREND_ROW | {"factor": "filters"}])
    assert opening(both)[0].subject == "Raising filters"  # what is decided comes first


def test_trends_and_effects_of_secondary_metrics_are_marked(contents):
    """As the verdicts of their deltas are; what is missing has no mark."""
    shown = replace(contents, secondary=("test_accuracy",))
    rises = TREND_ROW | {"metric": "test_accuracy"}
    trends = [TREND_ROW, rises, rises | {"trend": ""}, rises | {"n_blocks": 5}]
    table = shaped_table(shown, TRENDS, pd.DataFrame(trends))
    assert [row[table.headers.index("Trend")].text for row in table.rows] == [
        "rises",
        "rises (secondary)",
        "not significant (secondary)",
        "no verdict",
    ]
    effects = [effect("skip", "main", metric="test_accuracy", p_adjusted=p) for p in (0.004, 0.4)]
    table = shaped_table(shown, EFFECTS, pd.DataFrame(effects))
    assert [row[table.headers.index("Significant")].text for row in table.rows] == [
        "yes (secondary)",
        "no (secondary)",
    ]


BEST = {
    "variant": "pool_size=1",
    "metric": "test_loss",
    "chosen_by": "validation_loss",
    "n_variants": 11,
    "n_seeds": 10,
    "uncorrected": -0.08,
    "delta": -0.052,
    "ci_low": -0.094,
    "ci_high": 0.013,
    "chosen_again": 0.42,
    "notes": "",
}


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (
            {},
            "pool_size=1 is the best of 11 variants by validation loss: difference in test loss "
            f"{MINUS}0.05 (95% CI {MINUS}0.09 to 0.01, 10 seeds), corrected for this choice "
            f"(uncorrected {MINUS}0.08; 42% of resamples choose it again)",
        ),
        (
            {"variant": "baseline", "delta": 0.01},
            "The baseline has the best mean of 11 variants by validation loss",
        ),
    ],
)
def test_best_variant_is_reported_without_verdict(contents, changed, text):
    (one,) = answers(replace(contents, best=pd.DataFrame([BEST | changed])))
    assert (one.verdict, one.text) == ("", text)


def test_significant_effect_opens_the_report(contents):
    rows = [effect(f"f{at}", "main", p_adjusted=0.9) for at in range(3)]
    factors = {f"f{at}": [0, 1] for at in range(3)} | TWO["factors"]
    shown = with_table(contents, EFFECTS, [*rows, effect("skip", "main")], factors=factors)
    assert opening(shown)[0].subject == "skip=False (baseline: True)"


def test_report_without_tables_has_no_answers(contents):
    assert answers(replace(contents, tables={})) == []


def test_infinite_epochs_read_never(contents):
    late = contents.history["variant"] == "pool_size=4"
    history = contents.history.assign(loss=contents.history["loss"].mask(late, np.inf))
    table = convergence(history, "loss")
    shown = shaped_table(contents, EPOCHS, table)
    names = [row[0].text for row in shown.rows]
    at = shown.headers.index("Median delta")
    assert shown.rows[names.index("pool_size=4")][at].text == "never"
    texts = " ".join(cell.text for row in shown.rows for cell in row)
    assert not {"inf", "nan", "None"} & set(texts.split())


def test_further_tables_have_readable_headers(contents):
    trials = contents.trials.copy()
    held = {"pool_size": 2, "normalization": "none"}
    for name, start in held.items():
        levels = [contents.changes[variant].get(name, start) for variant in trials["variant"]]
        trials[f"factor:{name}"] = pd.Series(levels, dtype=object)
    four = ["baseline", "pool_size=4", "normalization=batch", "pool_size=4, normalization=batch"]
    crossed = trials[trials["variant"].isin(four)]
    tables = {
        TRENDS: trend(trials, "pool_size", "test_loss"),
        STABILITY: stability(trials, ["test_loss"]),
        EFFECTS: effects(crossed, list(held), ["test_loss"]),
        EPOCHS: convergence(contents.history, "val_loss"),
    }
    for title, frame in tables.items():
        table = shaped_table(contents, title, frame)
        assert table.lead
        assert len(table.headers) >= 5
        assert not [
            header for header in table.headers if "_" in header or header in set(frame) - {"F"}
        ]
        assert "test_loss" not in {cell.text for row in table.rows for cell in row}
    assert shaped_table(contents, "Mine", tables[STABILITY]).headers[0] == "variant"


def test_footnote_marks_and_statuses_stand_in_the_verdict_column(contents):
    table = with_footnotes(deltas_table(contents, "test_loss"))
    marks = {row[0].text: [cell.mark for cell in row] for row in table.rows}
    at = table.headers.index("Verdict")
    assert marks["pool_size=3"][at] == "1"
    assert marks["normalization=batch"][at] == DAGGER
    assert {mark for row in marks.values() for place, mark in enumerate(row) if place != at} == {""}
    assert table.notes == ("1 of 10 pairs are missing",)
    assert table.daggers
    verdicts = {row[0].text: row[at].text for row in table.rows}
    assert (verdicts["filters=1"], verdicts["filters=4096"]) == ("infeasible", "pending")


def test_opening_begins_with_the_significant_interaction(contents):
    rows = [
        effect("filters", "main", p_adjusted=0.5, ci_high=0.1),
        effect("filters x skip", "interaction"),
    ]
    several = with_table(contents, EFFECTS, rows, **TWO, design="full-factorial")
    assert opening(several)[0].subject == "filters x skip"
