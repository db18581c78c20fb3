"""The page of a search: one file, which asks the network for nothing."""

from typing import Any

from ablations.report.figures import spec
from ablations.report.rendering import frame_of, json_of, template
from ablations.report.rounding import brief
from ablations.report.tables import with_footnotes
from ablations.report.theme import PAGE
from ablations.report.words import metric_words
from ablations.search import tables
from ablations.search.contents import SearchContents
from ablations.search.figures import draw_figures


def page(contents: SearchContents) -> str:
    """Return a search's page."""
    drawn = draw_figures(contents, PAGE)
    by_section: dict[str, list[Any]] = {}
    for figure in drawn:
        by_section.setdefault(figure.section, []).append(figure)
    rendered: str = template("search.html.jinja").render(
        **frame_of(),
        contents=contents,
        cards=_cards(contents),
        figures=by_section,
        best=tables.best_table(contents),
        importance=with_footnotes(tables.importance_table(contents)),
        optimism=tables.optimism_table(contents),
        extra=[with_footnotes(table) for table in tables.study_tables(contents)],
        trials=tables.trials_table(contents),
        failures=tables.failures_table(contents),
        specs=[(figure.name, json_of(spec(figure, PAGE))) for figure in drawn],
        with_verdicts=(),
        verdicts=(),
        words=metric_words,
    )
    return rendered


def _cards(contents: SearchContents) -> list[dict[str, str]]:
    """Return the numbers at the top: a word, a number, what it means."""
    by_trial = contents.trials.groupby("trial", sort=False)["status"]
    done = int(by_trial.agg(lambda statuses: set(statuses) == {"done"}).sum())
    count = int(contents.trials["trial"].nunique())
    lost = contents.not_done.groupby("status", sort=False)["trial"].nunique()
    failed = int(lost.get("failed", 0)) + int(lost.get("unreadable", 0))
    said_lost = ", ".join(f"{number:,} {status}" for status, number in lost.items())
    best = brief(contents.best["score"].iloc[0]) if len(contents.best) else "none"
    better = f"{contents.objective}, {contents.hint}"
    known = contents.importance[contents.importance["ci_low"] > 0]
    known = known.iloc[: 0 if contents.too_few else 1]
    said = [
        ("Trials done", f"{done:,}", f"of {count:,} begun", ""),
        ("Not done", f"{count - done:,}", said_lost, "worse" if failed else ""),
        ("Compared", f"{len(contents.compared):,}", "trials with whole scores", ""),
        ("Best score", best, better if len(contents.best) else "no trial is done", ""),
        (
            "Matters most",
            known["toggle"].iloc[0] if len(known) else "unknown",
            f"{known['importance'].iloc[0]:.0%} of the variance" if len(known) else _why(contents),
            "",
        ),
    ]
    return [dict(zip(("word", "number", "more", "kind"), card, strict=True)) for card in said]


def _why(contents: SearchContents) -> str:
    if not contents.hyperparameters:
        return "nothing was varied"
    return "too few trials" if contents.too_few else "no choice stands out"
