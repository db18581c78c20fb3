"""The HTML page: one file, which asks the network for nothing."""

from typing import Any

from ablations.report import tables
from ablations.report.contents import ReportContents
from ablations.report.costs import costs_table
from ablations.report.drawing import Figure, palette, slug
from ablations.report.figures import figures, spec
from ablations.report.rendering import frame_of, json_of, template
from ablations.report.rerun import snippet
from ablations.report.theme import PAGE, VERDICTS
from ablations.report.words import (
    biggest,
    delta_words,
    level_words,
    metric_words,
    summary,
    warnings,
)
from ablations.stats.notes import UNSEEN_SKEW

MOST_SENTENCES = 12

ORDER = ("worse", "better", "equivalent", "inconclusive", "")

SECTIONS = {
    "pairs": "Paired seeds",
    "curves": "Training curves",
    "interactions": "Interactions",
    "costs": "Cost beside effect",
}


def page(contents: ReportContents) -> str:
    """Return a study's page."""
    drawn = figures(contents, PAGE)
    rendered: str = template("page.html.jinja").render(
        **frame_of(),
        contents=contents,
        facts=facts(contents),
        cards=_cards(contents),
        warnings=warnings(contents),
        summary=_summaries(contents),
        metrics=[_metric(contents, metric, drawn) for metric in contents.metrics],
        sections=[
            {"id": key, "title": title, "figures": found}
            for key, title in SECTIONS.items()
            if (found := [figure for figure in drawn if figure.section == key])
        ],
        specs=[(figure.name, json_of(spec(figure, PAGE))) for figure in drawn],
        costs=tables.any_table("Cost and mean outcome of each variant", costs_table(contents)),
        extra=[
            tables.with_footnotes(tables.any_table(title, frame))
            for title, frame in contents.tables.items()
        ],
        failures=[
            table
            for table in (
                tables.failures_table(contents),
                tables.infeasible_table(contents),
                tables.pending_table(contents),
            )
            if table.rows
        ],
        snippet=snippet(contents),
        looked="look" in contents.deltas,
        unseen_skew=UNSEEN_SKEW,
        legend=palette(contents).legend,
        with_legend=("curves", "costs"),
        with_verdicts=("deltas", "pairs"),
        verdicts=tuple(VERDICTS),
        slug=slug,
        words=metric_words,
    )
    return rendered


def facts(contents: ReportContents) -> dict[str, str]:
    """Return what the study is, by word."""
    study = contents.study
    recipe, baseline = study.get("recipe", {}), study.get("baseline", {})
    found = {
        "Model": study.get("model"),
        "Data": study.get("data"),
        "Design": study.get("design"),
        "Seeds": tables.seed_words(study),
        "Factors": "; ".join(
            f"{name} ({', '.join(map(level_words, levels))})"
            for name, levels in study.get("factors", {}).items()
        ),
        "Baseline": _settings(baseline) or "the defaults",
        "Margins": _settings(study.get("margins", {})),
        "Recipe of the baseline": _settings(
            {name: baseline.get(name, level) for name, level in recipe.items()}
        ),
    }
    return {word: str(value) for word, value in found.items() if value}


def _cards(contents: ReportContents) -> list[dict[str, str]]:
    """Return the numbers at the top: a word, a number, what it means."""
    counts = contents.trials["status"].value_counts()
    done, failed = int(counts.get("done", 0)), int(counts.get("failed", 0))
    rest = [f"{counts[name]:,} {name}" for name in ("infeasible", "pending") if name in counts]
    seeds = contents.with_status("done")["seed"].nunique()
    most = biggest(contents)
    verdicts = contents.deltas["verdict"].value_counts()
    said = [
        {
            "word": "Trials done",
            "number": f"{done:,}",
            "more": f"of {len(contents.trials):,} planned",
            "kind": "",
        },
        {
            "word": "Failed",
            "number": f"{failed:,}",
            "more": ", ".join(rest) or "none pending",
            "kind": "worse" if failed else "",
        },
        {
            "word": "Seed blocks",
            "number": f"{seeds:,}",
            "more": "deltas are paired in them",
            "kind": "",
        },
        {
            "word": "Verdicts",
            "number": f"{sum(verdicts.get(word, 0) for word in ORDER[:3]):,}",
            "more": f"of {len(contents.deltas):,} comparisons are settled",
            "kind": "",
        },
    ]
    if most is None:
        return [
            *said,
            {"word": "Biggest effect", "number": "none", "more": "none was shown", "kind": ""},
        ]
    of = f"{metric_words(most['metric'])}, {most['variant']}"
    verdict = str(most["verdict"])
    return [
        *said,
        {
            "word": f"Biggest effect: {verdict}",
            "number": delta_words(most),
            "more": of,
            "kind": verdict,
        },
    ]


def _summaries(contents: ReportContents) -> list[dict[str, Any]]:
    """Return the sentences by metric: all where they are few, else the settled ones first."""
    found = []
    for metric, said in summary(contents).items():
        if len(said) > MOST_SENTENCES:
            said = sorted(said, key=lambda one: ORDER.index(one.verdict))
        found.append(
            {
                "metric": metric_words(metric),
                "first": said[:MOST_SENTENCES],
                "rest": said[MOST_SENTENCES:],
            }
        )
    return found


def _metric(contents: ReportContents, metric: str, drawn: list[Figure]) -> dict[str, Any]:
    further = tables.statistics_table(contents, metric)
    # A phone shows the first columns: the verdict is among them.
    table = tables.deltas_table(contents, metric).led_by("Factor", "Level", "Verdict", "Delta")
    return {
        "name": metric_words(metric),
        "figures": [fig for fig in drawn if fig.section == "deltas" and fig.metric == metric],
        "table": tables.with_footnotes(table),
        "further": further if len(further.headers) > 1 else None,
    }


def _settings(settings: Any) -> str:
    return ", ".join(f"{name} {level_words(level)}" for name, level in settings.items())
