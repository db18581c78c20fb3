"""The document of a study's report: page, files and figures."""

from typing import Any

from ablations.report import table as tables
from ablations.report.figure import (
    Figure,
    Theme,
    distinct,
    file_spec,
    slug,
    spec,
    with_distinct_names,
)
from ablations.report.formats import (
    bullets,
    csv_of,
    fenced,
    headed,
    json_text,
    latex_table,
    latex_text,
    markdown_text,
)
from ablations.report.html import frame_of, json_of, template
from ablations.report.study import costs, curves, interactions
from ablations.report.study import forest as effects
from ablations.report.study import side_by_side as beside
from ablations.report.study import tables as study_tables
from ablations.report.study.conclusions import answers, card, headline
from ablations.report.study.contents import PATH_STEPS, ReportContents, ReportError
from ablations.report.study.costs import costs_table
from ablations.report.study.palette import palette
from ablations.report.study.rerun import snippet
from ablations.report.study.side_by_side import LOOKS, beside_metrics, beside_table
from ablations.report.study.summary import (
    SETTLED,
    Said,
    biggest,
    delta_words,
    how_likely,
    summary,
    warnings,
)
from ablations.report.study.tables import shaped_table
from ablations.report.theme import LIGHT, PAGE, VERDICTS
from ablations.report.wording import (
    SEE_FINDING,
    about_study,
    ends_words,
    level_words,
    metric_words,
    rows_of,
    seed_words,
    settings_words,
    short_digest,
)
from ablations.stats.caveats import unseen_skew
from ablations.stats.verdicts import Verdict
from ablations.study import Status
from ablations.study.checks import EXPLORATORY_BELOW

MOST_SENTENCES = 12

MOST_ANSWERS = 8

ORDER = (Verdict.WORSE, Verdict.BETTER, Verdict.EQUIVALENT)
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
        counts.get(status, 0) for status in (Status.FAILED, Status.PENDING, Status.INFEASIBLE)
    )
    planned = len(contents.trials) - infeasible
    seeds = contents.with_status(Status.DONE)["seed"].nunique()
    compared = contents.deltas[contents.deltas["n_pairs"] > 0]
    settled = int(compared["verdict"].isin(SETTLED).sum())
    lost = (("failed", failed), ("pending", pending), ("infeasible besides", infeasible))
    rest = [f"{count:,} {word}" for word, count in lost if count or word == "failed"]
    said = [
        card(
            "Trials done",
            f"{counts.get(Status.DONE, 0):,}",
            f"of {planned:,} planned, {', '.join(rest)}",
            Verdict.WORSE if failed else "",
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
    return sorted(said, key=lambda one: one.verdict == Verdict.INCONCLUSIVE)


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


def csv_report(contents: ReportContents) -> str:
    """Return the deltas, all columns, every digit."""
    return csv_of(contents.deltas)


def json_report(contents: ReportContents) -> str:
    """Return everything, every digit; what is missing or infinite is null."""
    unseen = unseen_skew(contents.deltas["n_pairs"], looks="look" in contents.deltas)
    sentences = summary(contents)
    everything = {
        "ends": ends_words(contents.study),
        "study": contents.study,
        "directory": str(contents.directory),
        "made": contents.made,
        "answers": [said.text for said in answers(contents)],
        "summary": {metric: [said.text for said in own] for metric, own in sentences.items()},
        "warnings": warnings(contents),
        "findings": {name: list(said) for name, said in contents.variant_findings.items()},
        "deltas": rows_of(contents.deltas),
        "notes": [note for note in (unseen, how_likely(sentences)) if note],
        "trials": rows_of(contents.trials),
        "history": rows_of(contents.history),
        "changes": contents.changes,
        "aliases": rows_of(contents.aliases),
        "costs": None if contents.costs is None else rows_of(contents.costs),
        "beside": None if contents.beside is None else rows_of(contents.beside),
        "tables": {title: rows_of(frame) for title, frame in contents.tables.items()},
        "versions": contents.versions,
        "machine": contents.machine,
    }
    return json_text(everything)


def markdown_report(contents: ReportContents) -> str:
    """Return the summary and the tables in Markdown."""
    parts = [f"# {markdown_text(contents.name)}\n"]
    if ends := ends_words(contents.study):
        parts.append(f"{markdown_text(ends)}\n")
    parts.append(bullets(f"{word}: {value}" for word, value in facts(contents).items()))
    parts.append("## Summary\n")
    if told := warnings(contents):
        parts.append("".join(f"> {markdown_text(text)}\n>\n" for text in told))
    parts.append(bullets(f"{said.text}." for said in answers(contents)))
    told_of = summary(contents)
    for metric, sentences in told_of.items():
        parts.append(f"### {markdown_text(metric_words(metric).capitalize())}\n")
        parts.append(bullets(f"{said.text}." for said in sentences))
    if likely := how_likely(told_of):
        parts.append(f"{likely}\n")
    if contents.variant_findings:
        parts.append("### Findings\n")
        findings = contents.variant_findings.items()
        parts.append(bullets(f"{name}: {said}" for name, texts in findings for said in texts))
    parts.append("## Deltas\n")
    deltas = (study_tables.deltas_table(contents, metric) for metric in contents.metrics)
    parts += map(headed, deltas)
    parts += [headed(table) for table in _further_tables(contents) if table.rows]
    parts += ["## Run it again\n", fenced(contents.rerun, "sh")]
    parts.append(fenced(snippet(contents), "python"))
    known = {**contents.versions, **contents.machine}
    parts.append(
        bullets(
            f"{metric_words(str(word))}: {short_digest(value)}" for word, value in known.items()
        )
    )
    return "\n".join(part for part in parts if part)


def _further_tables(contents: ReportContents) -> list[tables.Table]:
    """Return what the page shows besides the deltas, table by table."""
    further = [study_tables.statistics_table(contents, metric) for metric in contents.metrics]
    return [
        *(table for table in further if len(table.headers) > 1),
        costs_table(contents),
        *(shaped_table(contents, title, frame) for title, frame in contents.tables.items()),
        *(beside_table(contents, metric) for metric in beside_metrics(contents)),
        study_tables.failures_table(contents),
        study_tables.infeasible_table(contents),
        study_tables.pending_table(contents),
    ]


def latex_report(contents: ReportContents) -> str:
    """Return the deltas as LaTeX tables, for a paper that loads booktabs."""
    lines = ["% \\usepackage{booktabs} in the preamble.\n"]
    told: set[str] = set()
    for metric in contents.metrics:
        table = study_tables.deltas_table(contents, metric).without(tables.NOTES)
        notes = []
        for row in rows_of(contents.deltas_of(metric)):
            variant = str(row["variant"])
            undone = contents.undone.get(variant)
            own = [undone.why] if undone else contents.notes_of(row)
            findings = contents.variant_findings.get(variant, ())
            # in full below the first table only
            own += ["it has a finding, above"] if variant in told and findings else findings
            told.add(variant)
            noted = [note.removesuffix(".") for note in own]
            if noted:
                notes.append(f"{variant}: {'; '.join(noted)}.")
        kind = "allow for all looks" if "look" in contents.deltas else "are of paired t"
        baseline = settings_words(contents.study.get("baseline", {})) or "the defaults"
        ends = ends_words(contents.study)
        caption = (
            f"{table.title}. {about_study(contents.study)}; baseline: {baseline}. "
            f"{ends}{' ' * bool(ends)}The intervals "
            f"({contents.confidence:.0%}) {kind}, each its own variant's; p is corrected by Holm "
            "over the table."
        )
        label = f"{slug(contents.name)}-{slug(metric)}"  # of which a paper may hold several
        lines.append(latex_table(table, label, [*notes, *filter(None, [table.below])], caption))
    lines += [f"% {line}\n" for line in map(latex_text, warnings(contents))]
    return "\n".join(lines)


def figures(contents: ReportContents, theme: Theme) -> list[Figure]:
    """Draw all that the contents allow."""
    colours = palette(contents)
    drawn: list[Figure | None] = []
    for metric in contents.metrics:
        drawn += [effects.forest(contents, metric, theme), effects.pairs(contents, metric, theme)]
    drawn += curves.curves(contents, colours, theme)
    drawn += interactions.interactions(contents, theme)
    drawn += costs.costs(contents, colours, theme)
    metrics = beside.beside_metrics(contents)
    drawn += [beside.beside_figure(contents, metric, theme) for metric in metrics]
    return with_distinct_names(figure for figure in drawn if figure is not None)


def forest_chart(contents: ReportContents, metric: str) -> Any:
    """Draw the deltas of a metric as a chart for a notebook.

    Returns
    -------
    altair.Chart

    Raises
    ------
    ReportError
        If the contents have no delta of the metric.
    """
    import altair as alt

    figure = effects.forest(contents, metric, LIGHT)
    if figure is None:
        raise ReportError(f"There is no delta of {metric} to draw.")
    return alt.Chart.from_dict(file_spec(figure, about_study(contents.study)))
