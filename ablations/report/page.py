"""The HTML page: one file, which asks the network for nothing."""

from typing import Any

from ablations.report import study_tables, tables
from ablations.report.answers import answers, card, headline
from ablations.report.beside import LOOKS, beside_metrics, beside_table
from ablations.report.columns import shaped_table
from ablations.report.contents import PATH_STEPS, ReportContents
from ablations.report.costs import costs_table
from ablations.report.drawing import Figure, distinct, palette, slug
from ablations.report.figures import figures, spec
from ablations.report.rendering import frame_of, json_of, template
from ablations.report.rerun import snippet
from ablations.report.sentences import (
    SETTLED,
    Said,
    biggest,
    delta_words,
    how_likely,
    summary,
    warnings,
)
from ablations.report.theme import PAGE, VERDICTS
from ablations.report.words import (
    SEE_FINDING,
    ends_words,
    level_words,
    metric_words,
    seed_words,
    settings_words,
    short_digest,
)
from ablations.study.declared import EXPLORATORY_BELOW

MOST_SENTENCES = 12

MOST_ANSWERS = 8

ORDER = ("worse", "better", "equivalent")
"""Of the sentences where they are many: what is settled first."""

SECTIONS = {
    "pairs": "Paired seeds",
    "curves": "Training curves",
    "interactions": "Interactions",
    "costs": "Cost beside effect",
}


def page(contents: ReportContents) -> str:
    """Return a study's page."""
    drawn = figures(contents, PAGE)
    said = summary(contents)
    rendered: str = template("page.html.jinja").render(
        **frame_of(),
        contents=contents,
        facts=facts(contents),
        ends=ends_words(contents.study),
        cards=_cards(contents),
        warnings=warnings(contents),
        answers=_answers(contents),
        findings=[
            (variant, text) for variant, said in contents.variant_findings.items() for text in said
        ],
        most_answers=MOST_ANSWERS,
        summary=_summaries(said),
        how_likely=how_likely(said),
        metrics=[_metric(contents, metric, drawn) for metric in contents.metrics],
        sections=[
            {"id": key, "title": title, "figures": found}
            for key, title in SECTIONS.items()
            if (found := [figure for figure in drawn if figure.section == key])
        ],
        specs=[(figure.name, json_of(spec(figure, PAGE))) for figure in drawn],
        costs=costs_table(contents),
        extra=[
            tables.with_footnotes(shaped_table(contents, title, frame))
            for title, frame in contents.tables.items()
        ],
        beside={
            "studies": list(zip(contents.beside_names or (), LOOKS, strict=False)),
            "figures": [figure for figure in drawn if figure.section == "beside"],
            "tables": [beside_table(contents, metric) for metric in beside_metrics(contents)],
        },
        failures=[
            table
            for table in (
                study_tables.failures_table(contents),
                study_tables.infeasible_table(contents),
                study_tables.pending_table(contents),
            )
            if table.rows
        ],
        snippet=snippet(contents),
        least_pairs=EXPLORATORY_BELOW,
        looked="look" in contents.deltas,
        ranged=bool(contents.deltas["ci_low"].notna().any()),
        legends={
            "curves": palette(contents).legend(others=False),
            "costs": palette(contents).legend(others=True),
        },
        with_verdicts=("deltas", "pairs"),
        verdicts=tuple(VERDICTS),
        anchors=dict(zip(contents.tables, distinct(map(slug, contents.tables)), strict=True)),
        words=metric_words,
        short=short_digest,
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
        "Seeds": seed_words(study),
        "Factors": "; ".join(
            f"{name} ({', '.join(map(level_words, levels))})"
            for name, levels in study.get("factors", {}).items()
        ),
        "Baseline": settings_words(baseline) or "the defaults",
        "Margins": settings_words(study.get("margins", {})),
        "Recipe of the baseline": settings_words(
            {name: baseline.get(name, level) for name, level in recipe.items()}
        ),
    }
    return {word: str(value) for word, value in found.items() if value}


def _cards(contents: ReportContents) -> list[dict[str, str]]:
    """Return the numbers at the top: a word, a number, what it means."""
    counts = contents.trials["status"].value_counts().to_dict()
    failed, pending, infeasible = (
        counts.get(status, 0) for status in ("failed", "pending", "infeasible")
    )
    planned = len(contents.trials) - infeasible
    seeds = contents.with_status("done")["seed"].nunique()
    compared = contents.deltas[contents.deltas["n_pairs"] > 0]
    settled = int(compared["verdict"].isin(SETTLED).sum())
    lost = (("failed", failed), ("pending", pending), ("infeasible besides", infeasible))
    rest = [f"{count:,} {word}" for word, count in lost if count or word == "failed"]
    said = [
        card(
            "Trials done",
            f"{counts.get('done', 0):,}",
            f"of {planned:,} planned, {', '.join(rest)}",
            "worse" if failed else "",
        ),
        card("Seed blocks", f"{seeds:,}", "trials are paired by seed"),
        card("Verdicts", f"{settled:,}", f"of {len(compared):,} comparisons are settled"),
    ]
    answer = headline(contents)
    return [*said, *([answer] if answer else []), _biggest_card(contents)]


def _biggest_card(contents: ReportContents) -> dict[str, str]:
    most = biggest(contents)
    if most is None:
        return card("Biggest effect", "none", "none was shown")
    of = f"{metric_words(most['metric'])}, {most['variant']}"
    of += f", but {SEE_FINDING}" if contents.has_finding(most) else ""
    verdict = str(most["verdict"])
    return card(f"Biggest effect: {verdict}", delta_words(most), of, verdict)


def _summaries(sentences: dict[str, list[Said]]) -> list[dict[str, Any]]:
    """Return the sentences by metric: all where they are few, else the settled ones first."""
    found = []
    for metric, said in sentences.items():
        if len(said) > MOST_SENTENCES:
            said = sorted(said, key=_place)
        found.append(
            {
                "metric": metric_words(metric),
                "first": said[:MOST_SENTENCES],
                "rest": said[MOST_SENTENCES:],
            }
        )
    return found


def _answers(contents: ReportContents) -> list[Said]:
    """Return what the design answers; where some are folded away, what is shown comes first."""
    said = answers(contents)
    if len(said) <= MOST_ANSWERS or PATH_STEPS in contents.tables:  # steps keep their order
        return said
    return sorted(said, key=lambda one: one.verdict == "inconclusive")


def _place(said: Said) -> tuple[int, float]:
    order = ORDER.index(said.verdict) if said.verdict in ORDER else len(ORDER)
    return order, -said.size


def _metric(contents: ReportContents, metric: str, drawn: list[Figure]) -> dict[str, Any]:
    further = study_tables.statistics_table(contents, metric)
    table = study_tables.deltas_table(contents, metric)
    return {
        "name": metric_words(metric),
        "figures": [fig for fig in drawn if fig.section == "deltas" and fig.metric == metric],
        "table": tables.with_footnotes(table),
        "further": further if further.rows and len(further.headers) > 1 else None,
    }
