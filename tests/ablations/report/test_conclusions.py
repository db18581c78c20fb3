"""What a design was made to answer comes first, in sentences, and at the top in one number."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ablations.report import write_report
from ablations.report.formats import markdown_text
from ablations.report.study.conclusions import answers, headline
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
    ("changed", "verdict", "said"),
    [
        (
            {},
            "worse",
            "The larger pool_size, the higher the test loss: +0.016 [0.007, 0.026] a unit, over "
            "1, 2, 3 and 4 in 6 seed blocks (Page's trend test, p 0.004): worse",
        ),
        (
            {"n_blocks": 5},
            "",
            "pool_size: test loss +0.016 [0.007, 0.026] a unit, over 1, 2, 3 and 4 in 5 seed "
            "blocks, no verdict with fewer than 6 seed blocks (Page's trend test, p 0.004)",
        ),
        (
            {"metric": "test_accuracy"},
            "better",
            "The larger pool_size, the higher the test accuracy: +0.016 [0.007, 0.026] a unit, "
            "over 1, 2, 3 and 4 in 6 seed blocks (Page's trend test, p 0.004): better",
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
            f"pool_size: no trend of test loss is shown, {MINUS}0.020 [{MINUS}0.050, 0.010] a "
            "unit, over 1, 2, 3 and 4 in 6 seed blocks (Page's trend test, p 0.058)",
        ),
        (
            {"slope_low": -0.0044, "notes": SLOPE_OPEN},
            "worse",
            f"The larger pool_size, the higher the test loss: +0.016 [{MINUS}0.004, 0.026] a unit, "
            "over 1, 2, 3 and 4 in 6 seed blocks (Page's trend test, p 0.004): worse; the "
            "trend is significant, but the slope's interval includes 0",
        ),
        (
            {"trend": "", "p": 0.21, "p_adjusted": 0.42, "notes": SLOPE_SHOWN},
            "inconclusive",
            "pool_size: no trend of test loss is shown, +0.016 [0.007, 0.026] a unit, over 1, 2, 3 "
            "and 4 in 6 seed blocks (Page's trend test, p 0.42); the trend is not significant, "
            "although the slope's interval excludes 0",
        ),
        (
            {"trend": "", "p": 0.031, "p_adjusted": 0.062},
            "inconclusive",
            "pool_size: no trend of test loss is shown once corrected for the other factors' "
            "trends, +0.016 [0.007, 0.026] a unit, over 1, 2, 3 and 4 in 6 seed blocks (Page's "
            "trend test, p 0.062)",
        ),
        (
            {"levels": ", ".join(map(str, range(1, 21)))},
            "worse",
            "The larger pool_size, the higher the test loss: +0.016 [0.007, 0.026] a unit, over "
            "20 levels from 1 to 20 in 6 seed blocks (Page's trend test, p 0.004): worse",
        ),
    ],
)
def test_a_trend_is_a_sentence(contents, changed, verdict, said):
    (one,) = answers(with_table(contents, TRENDS, [TREND_ROW | changed]))
    assert (one.verdict, one.text) == (verdict, said)


def effect(term, kind, metric="test_loss", **changed):
    row = {"metric": metric, "term": term, "kind": kind, "df": 1, "F": 9.0, "p_adjusted": 0.004}
    row |= {"df_error": 9.0, "epsilon": np.nan, "n_blocks": 10}
    row |= {"share": 0.489, "delta": -0.189, "ci_low": -0.253, "ci_high": -0.125, "notes": ""}
    return row | changed


TWO = {"factors": {"filters": [4, 8], "skip": [True, False]}, "baseline": {"filters": 4}}


@pytest.mark.parametrize(
    ("row", "verdict", "said"),
    [
        (
            effect("filters", "main"),
            "better",
            "filters 8 instead of 4, over the levels of the other factors, lowers test loss by "
            "0.19 [0.12, 0.25]: better (p 0.004, 49% of the variance)",
        ),
        (
            effect("skip", "main", delta=0.01, ci_low=-0.09, ci_high=0.1, p_adjusted=0.86),
            "inconclusive",
            "skip False instead of True, over the levels of the other factors: test loss +0.01 "
            f"[{MINUS}0.09, 0.10], not shown (p 0.86, 49% of the variance)",
        ),
        (
            effect("filters", "main", df=2, delta=np.nan, ci_low=np.nan, ci_high=np.nan),
            "",
            "filters (4, 8) changes test loss: p 0.004, 49% of the variance",
        ),
        (
            effect("filters x skip", "interaction", delta=0.147, ci_low=0.0186, ci_high=0.275),
            "",
            "filters x skip interact: skip False moves the delta of filters 8 instead of 4 in "
            "test loss by +0.15 [0.02, 0.28] (p 0.004, 49% of the variance); a main effect is "
            "only the mean of what it is with either level",
        ),
        (
            effect("filters x skip", "interaction", p_adjusted=0.5, ci_high=0.1),
            "inconclusive",
            f"filters x skip: in test loss no interaction is shown ({MINUS}0.19 [{MINUS}0.25, "
            "0.10]), p 0.50, 49% of the variance",
        ),
        (
            effect("filters", "main", n_blocks=5),
            "",
            "filters 8 instead of 4, over the levels of the other factors: test loss "
            f"{MINUS}0.19 [{MINUS}0.25, {MINUS}0.12], no verdict with fewer than 6 seed blocks "
            "(p 0.004, 49% of the variance)",
        ),
        (
            effect("filters", "main", n_blocks=5, delta=np.nan, ci_low=np.nan, ci_high=np.nan),
            "",
            "filters (4, 8): test loss, no verdict with fewer than 6 seed blocks (p 0.004, 49% of "
            "the variance)",
        ),
        (
            effect("filters x skip", "interaction", n_blocks=5),
            "",
            f"filters x skip: interaction in test loss {MINUS}0.19 [{MINUS}0.25, {MINUS}0.12], no "
            "verdict with fewer than 6 seed blocks (p 0.004, 49% of the variance)",
        ),
    ],
)
def test_an_effect_is_a_sentence(contents, row, verdict, said):
    (one,) = answers(with_table(contents, EFFECTS, [row], **TWO))
    assert (one.verdict, one.text) == (verdict, said)


def test_effects_that_are_not_shown_share_a_sentence_where_they_are_many(contents):
    factors = {f"f{at}": [0, 1] for at in range(6)}
    rows = [effect(name, "main", p_adjusted=0.9) for name in factors] + [effect("filters", "main")]
    shown = with_table(
        contents, EFFECTS, rows, factors={**factors, **TWO["factors"]}, baseline={"filters": 4}
    )
    texts = [one.text for one in answers(shown)]
    assert len(texts) == 2
    assert texts[0].startswith("filters 8 instead of 4, ")
    assert texts[1] == "Main effects that are not shown in test loss: f0, f1, f2, f3, f4, f5"


def test_effects_of_few_seeds_have_no_verdict(contents):
    factors = {f"f{at}": [0, 1] for at in range(6)}
    rows = [effect(name, "main", n_blocks=5) for name in factors]
    shown = with_table(contents, EFFECTS, rows, factors=factors)
    (one,) = answers(shown)
    assert (one.verdict, one.text) == (
        "",
        "Main effects without verdict (fewer than 6 seed blocks) in test loss: f0, f1, f2, f3, "
        "f4, f5",
    )
    assert headline(shown) is None
    table = shaped_table(shown, EFFECTS, shown.tables[EFFECTS])
    at = table.headers.index("Shown")
    assert {row[at].text for row in table.rows} == {"no verdict"}
    assert "95% interval" in table.headers


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
    }
).astype({"from_level": object, "to_level": object})


@pytest.fixture
def path(contents):
    return with_table(
        contents, PATH_STEPS, STEPS, factors={"pool_size": [2, 1], "skip": [False, True]}
    )


def test_the_steps_of_a_path_are_sentences_that_say_what_they_are_worth(path):
    assert [(one.verdict, one.text) for one in answers(path)] == [
        (
            "",
            "The whole path takes test loss from 2.27 to 2.25; the deltas of its steps are "
            "optimistic, for the trials that measure them also chose them",
        ),
        (
            "better",
            "Step 1, pool_size 1 instead of 2, lowers test loss by 0.20 [0.13, 0.27]: better, 72% "
            "of the whole change",
        ),
        (
            "worse",
            "Step 2, skip True instead of False, raises test loss by 0.18 [0.10, 0.27]: worse, "
            f"{MINUS}66% of the whole change",
        ),
    ]


def test_a_step_is_worth_nothing_that_its_choice_may_explain(path):
    rows = STEPS.assign(p_adjusted=[np.nan, 0.08, 0.012])
    shown = replace(path, tables={PATH_STEPS: rows})
    step = answers(shown)[1]
    assert (step.verdict, step.text) == (
        "inconclusive",
        "Step 1, pool_size 1 instead of 2, lowers test loss by 0.20 [0.13, 0.27]: not shown once "
        "corrected for all the changes tried (p 0.080), 72% of the whole change",
    )
    table = shaped_table(shown, PATH_STEPS, rows)
    assert [row[4].text for row in table.rows] == ["", "inconclusive", "worse"]


def test_a_step_without_a_verdict_says_why(path):
    noted = STEPS.assign(notes=["", FEW_PAIRS, ""])
    (_, first, second) = answers(replace(path, tables={PATH_STEPS: noted}))
    assert (first.verdict, first.text) == (
        "",
        "Step 1, pool_size 1 instead of 2, lowers test loss by 0.20 [0.13, 0.27], no verdict: "
        "fewer than 6 pairs, 72% of the whole change",
    )
    assert second.verdict == "worse"


def test_trends_of_few_seed_blocks_have_no_verdict(contents):
    rows = pd.DataFrame([{**TREND_ROW, "n_blocks": n} for n in (5, 6)])
    table = shaped_table(contents, TRENDS, rows)
    column = table.headers.index("Trend")
    assert [row[column].text for row in table.rows] == ["no verdict", "rises"]
    assert headline(with_table(contents, TRENDS, rows[:1])) is None


def test_effects_of_few_seed_blocks_are_not_shown(contents):
    rows = pd.DataFrame([effect("filters", "main", n_blocks=n) for n in (5, 6)])
    table = shaped_table(contents, EFFECTS, rows)
    column = table.headers.index("Shown")
    assert [row[column].text for row in table.rows] == ["no verdict", "yes"]


def test_a_path_is_a_table_that_says_which_step_makes_it_worse(path):
    table = shaped_table(path, PATH_STEPS, path.tables[PATH_STEPS])
    assert "optimistic" in table.lead
    assert table.headers == (
        *("Step", "Factor", "From", "To", "It gets", "Delta", "95% interval"),
        *("p (corrected)", "Share", "Mean after it", "Pairs", "Next best", "Its mean"),
    )
    texts = [[cell.text for cell in row] for row in table.rows]
    assert texts[0] == ["0", "the start", *[""] * 7, "2.271", "0", "", ""]
    assert texts[2][:9] == [
        *("2", "skip", "False", "True", "worse", "+0.18", "[0.10, 0.27]", "0.012", f"{MINUS}66%"),
    ]
    assert table.rows[2][4].verdict


@pytest.mark.parametrize(
    ("title", "rows", "card"),
    [
        (TRENDS, [TREND_ROW], ("Trend: rises", "+0.016", "test loss per unit of pool_size")),
        (
            EFFECTS,
            [effect("skip", "main", share=0.1), effect("filters", "main")],
            ("Main effect: better", f"{MINUS}0.19", "test loss, filters 8 instead of 4"),
        ),
        (
            PATH_STEPS,
            STEPS,
            ("The whole path", f"{MINUS}0.02", "test loss, from 2.27 to 2.25, 2 steps"),
        ),
    ],
)
def test_the_answer_stands_at_the_top(contents, tmp_path, title, rows, card):
    shown = with_table(contents, title, rows, **TWO)
    found = headline(shown)
    assert (found["word"], found["number"], found["more"]) == card
    page = write_report(shown, tmp_path / "report.html").read_text(encoding="utf-8")
    cards, rest = page.split('<section id="summary">')
    assert found["more"] in cards
    summary = rest.split("</section>")[0]
    assert summary.index(answers(shown)[0].subject) < summary.index("<h3>Test loss</h3>")
    written = write_report(shown, tmp_path / "report.md").read_text(encoding="utf-8")
    first = markdown_text(answers(shown)[0].text)
    assert written.index("## Summary") < written.index(first) < written.index("### Test loss")


def test_a_path_that_is_not_at_its_end_is_not_called_whole(contents):
    short = with_table(contents, PATH_STEPS, STEPS.head(2).assign(share=1.0), **TWO)
    whole, step = answers(short)
    assert headline(short)["word"] == whole.subject == "The path so far"
    assert step.text.endswith("100% of the change so far")


def test_a_step_in_a_metric_whose_direction_nothing_tells_is_neither_better_nor_worse(path):
    rows = STEPS.assign(metric="test_wonder")
    shown = replace(path, tables={PATH_STEPS: rows})
    table = shaped_table(shown, PATH_STEPS, rows)
    assert "It gets" not in table.headers
    assert [said.verdict for said in answers(shown)] == ["", "", ""]
    assert answers(shown)[1].text.endswith("by 0.20 [0.13, 0.27], 72% of the whole change")


@pytest.mark.parametrize("at", [0, -1])
def test_a_path_whose_end_has_no_mean_has_no_card_without_a_number(contents, at):
    rows = STEPS.to_dict("records")
    rows[at] |= {"mean": np.nan}
    shown = with_table(contents, PATH_STEPS, rows, **TWO)
    assert headline(shown) is None
    assert all("path" not in said.subject for said in answers(shown))


def test_a_slope_that_may_be_none_stands_at_the_top_only_where_no_other_does(contents):
    open_one = TREND_ROW | {"slope_low": -0.0044, "notes": SLOPE_OPEN}
    alone = headline(with_table(contents, TRENDS, [open_one]))
    assert alone["more"] == "test loss per unit of pool_size (its interval includes 0)"
    both = headline(with_table(contents, TRENDS, [open_one, TREND_ROW | {"factor": "filters"}]))
    assert both["more"] == "test loss per unit of filters"


def test_a_slope_against_the_order_does_not_stand_at_the_top(contents):
    opposed = TREND_ROW | {"slope": -0.02, "slope_high": -0.01, "notes": SLOPE_OPPOSED}
    card = headline(with_table(contents, TRENDS, [opposed]))
    assert (card["number"], card["more"]) == (
        "+0.67",
        "rank correlation of test loss with pool_size",
    )


def test_what_is_shown_comes_first_where_some_effects_are_folded_away(contents, tmp_path):
    factors = {f"f{at}": [0, 1] for at in range(3)}
    rows = [
        effect(name, "main", metric=metric, p_adjusted=0.9)
        for metric in ("test_loss", "test_accuracy", "test_nll")
        for name in factors
    ]
    shown = with_table(
        contents, EFFECTS, [*rows, effect("skip", "main")], factors=factors | TWO["factors"]
    )
    page = write_report(shown, tmp_path / "report.html").read_text(encoding="utf-8")
    subjects = re.findall(r"<b>(.*?)</b>", page.split('aria-label="What the design answers"')[1])
    assert subjects[0] == "skip False instead of True"


def test_a_trend_that_is_not_shown_is_not_at_the_top(contents):
    assert headline(with_table(contents, TRENDS, [TREND_ROW | {"trend": "", "p": 0.3}])) is None
    assert answers(replace(contents, tables={})) == []


def test_what_the_statistics_call_infinite_reads_as_never(contents):
    late = contents.history["variant"] == "pool_size=4"
    history = contents.history.assign(loss=contents.history["loss"].mask(late, np.inf))
    table = convergence(history, "loss")
    shown = shaped_table(contents, EPOCHS, table)
    names = [row[0].text for row in shown.rows]
    at = shown.headers.index("Median delta")
    assert shown.rows[names.index("pool_size=4")][at].text == "never"
    texts = " ".join(cell.text for row in shown.rows for cell in row)
    assert not {"inf", "nan", "None"} & set(texts.split())


def test_every_further_table_has_names_of_its_own_for_its_columns(contents):
    trials = contents.trials.copy()
    held = {"pool_size": 2, "normalization": "none"}
    for name, own in held.items():
        levels = [contents.changes[variant].get(name, own) for variant in trials["variant"]]
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


def test_marks_stand_on_the_verdict_and_what_did_not_run_says_so_there(contents):
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
