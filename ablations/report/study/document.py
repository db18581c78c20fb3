"""The document of a study's report: what stands on its page and in its files."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ablations.report.figure import Figure, Theme, distinct, file_spec, slug, with_distinct_names
from ablations.report.numbers import CI, CONFIDENCE
from ablations.report.page import (
    Code,
    Document,
    Facts,
    Folded,
    Heading,
    Key,
    Page,
    PaperTable,
    Part,
    Pictures,
    ReportError,
    Row,
    Section,
    Sentence,
    Sentences,
    Text,
    Warnings,
    drawn_in,
    filled,
)
from ablations.report.study.conclusions import answers, opening
from ablations.report.study.contents import (
    BY_DATA,
    EFFECTS,
    EPOCHS,
    NEW_DATA,
    PATH_STEPS,
    POSTERIOR,
    SO_FAR,
    STABILITY,
    TRENDS,
    ReportContents,
)
from ablations.report.study.costs import costs, costs_table, time_figure
from ablations.report.study.curves import curves
from ablations.report.study.effects import effects
from ablations.report.study.forest import forest, pairs
from ablations.report.study.interactions import interactions
from ablations.report.study.network import network_layout, networks
from ablations.report.study.new_data import about
from ablations.report.study.palette import palette
from ablations.report.study.path import path_figure
from ablations.report.study.rerun import snippet
from ablations.report.study.sample_size import sample_size_figures, sample_size_legend
from ablations.report.study.side_by_side import LOOKS, beside_figure, beside_metrics, beside_table
from ablations.report.study.stability import stability_figure
from ablations.report.study.summary import how_likely, summary, warnings
from ablations.report.study.tables import (
    deltas_table,
    failures_table,
    infeasible_table,
    lead_of,
    paper_deltas,
    pending_table,
    shaped_table,
    statistics_table,
)
from ablations.report.study.trends import trends
from ablations.report.table import Table, rows_of
from ablations.report.theme import LIGHT, PAGE
from ablations.report.wording import (
    about_study,
    data_words,
    ends_words,
    level_words,
    metric_words,
    seed_words,
    settings_words,
    short_digest,
)
from ablations.stats.caveats import unseen_skew
from ablations.stats.deltas import MODIFIED_T
from ablations.study import Status
from ablations.study.checks import EXPLORATORY_BELOW
from cnnzoo.data.description import DataDescription

if TYPE_CHECKING:
    from altair import Chart

MOST_FINDINGS = 8
"""Number of findings that are not folded away."""

MOST_NAMED = 10
"""Number of classes up to which all are named."""

LAST_LOOK = (
    "p (sign flips), p (Wilcoxon), the share of pairs better, the SD and the BCa interval are "
    "those of the last look alone. They do not account for the looks before."
)

LAID_OUT = {
    PATH_STEPS: ("path", "Path"),
    EFFECTS: ("effects", "Effects"),
    TRENDS: ("trends", "Trends"),
    SO_FAR: ("so-far", SO_FAR),
    BY_DATA: ("by-data", BY_DATA),
    NEW_DATA: ("new-data", NEW_DATA),
    STABILITY: ("stability", STABILITY),
}
"""Section and heading of each table with a known layout that is not folded away."""

FOLDED = (POSTERIOR, EPOCHS)
"""Tables that the page shows only on request."""


def study_document(contents: ReportContents) -> Document:
    """Return the report of a study."""
    return Document(
        contents.name,
        about_study(contents.study),
        warnings(contents),
        partial(study_page, contents),
        partial(figures, contents),
        contents.deltas,
        partial(_paper_tables, contents),
        partial(_values, contents),
    )


def study_page(contents: ReportContents) -> Page:
    """Return the page of a study."""
    drawn, colours = figures(contents, PAGE), palette(contents)
    curves_legend, costs_legend = colours.legend(points=False), colours.legend(points=True)
    known = {title: _with_table(contents, drawn, title) for title in LAID_OUT}
    further = [title for title in contents.tables if title not in (*LAID_OUT, *FOLDED)]
    named = zip(distinct(map(slug, further)), further, strict=True)
    by_kind = {title: Section(*LAID_OUT[title], parts) for title, parts in known.items()}
    return Page(
        "Ablation study",
        contents.name,
        facts(contents),
        [],
        [
            Section("summary", "Before the numbers", _before(contents)),
            *(by_kind[title] for title in (SO_FAR, PATH_STEPS, EFFECTS, TRENDS)),
            Section("network", "Network", drawn_in(drawn, "network", network_layout(drawn))),
            Section("deltas", "Deltas", _deltas(contents, drawn)),
            Section("pairs", "Paired seeds", drawn_in(drawn, "pairs", "columns")),
            Section("interactions", "Interactions", drawn_in(drawn, "interactions", "columns")),
            *(by_kind[title] for title in (BY_DATA, NEW_DATA)),
            Section(
                "curves", "Training curves", drawn_in(drawn, "curves", "columns", curves_legend)
            ),
            Section("costs", "Costs", _costs(contents, drawn, costs_legend)),
            by_kind[STABILITY],
            *(
                Section(f"table-{anchor}", title, [_table_of(contents, title)])
                for anchor, title in named
            ),
            Section(
                "seeds",
                "Number of seeds",
                drawn_in(drawn, "seeds", "columns", sample_size_legend()),
            ),
            Section("data", "Data", _data(contents)),
            Section("beside", "Side by side", _beside(contents, drawn)),
            Section("failures", "Unfinished trials", _unfinished(contents)),
            Section("notes", "How to read the numbers", _notes(contents)),
            Section("rerun", "Run it again", _rerun(contents)),
        ],
        answers=opening(contents),
        made=contents.made,
    )


def _table_of(contents: ReportContents, title: str) -> Table:
    """Return a further table without the text above it, which the notes have."""
    frame = contents.tables[title]
    if title == STABILITY:
        frame = frame[~frame["metric"].isin(contents.secondary)]
    return replace(shaped_table(contents, title, frame), lead="")


def _with_table(contents: ReportContents, drawn: list[Figure], title: str) -> list[Part]:
    """Return the figures of a section and its table."""
    if title not in contents.tables:
        return []
    section, table = LAID_OUT[title][0], _table_of(contents, title)
    shown = drawn_in(drawn, section, "columns")
    return [Row([*shown, table])] if shown and title == STABILITY else [*shown, table]


def _paper_tables(contents: ReportContents) -> list[PaperTable]:
    """Return the deltas, each table with its notes and findings."""
    kind = "account for all looks" if contents.looked else "are from paired t tests"
    baseline = settings_words(contents.study.get("baseline", {})) or "the defaults"
    about, ends = about_study(contents.study), ends_words(contents.study)
    tables: list[PaperTable] = []
    for metric in contents.metrics:
        notes = []
        for row in rows_of(contents.deltas_of(metric)):
            variant = str(row["variant"])
            unfinished = contents.unfinished.get(variant)
            texts = [unfinished.why] if unfinished else contents.notes_of(row)
            findings = contents.variant_findings.get(variant, ())
            # the findings stand in full below the first table only
            texts += ["see its finding above"] if tables and findings else findings
            if texts:
                notes.append(f"{variant}: {'; '.join(it.removesuffix('.') for it in texts)}.")
        table, shared, marks = paper_deltas(contents, metric)
        modified = (contents.deltas_of(metric)["ci_method"] == MODIFIED_T).any()
        tests = f"{kind}{' (modified where the deltas are skewed)' * bool(modified)}"
        whole = contents.error_rate and metric not in contents.secondary
        caption = (
            f"{table.title}{', a secondary metric' * (metric in contents.secondary)}. {about}; "
            f"baseline{f' ({shared})' * bool(shared)}: {baseline}. {ends}{' ' * bool(ends)}"
            f"The {CI}s {tests} and are not corrected for multiple comparisons; p is "
            f"Holm-corrected over the {'claims of the report' if whole else 'table'}. {marks}"
        )
        tables.append(PaperTable(table, notes, caption.rstrip()))
    return tables


def _values(contents: ReportContents) -> dict[str, Any]:
    """Return everything that the report shows, with all digits."""
    unseen = unseen_skew(contents.deltas["n_pairs"], looks=contents.looked)
    sentences = summary(contents)
    return {
        "ends": ends_words(contents.study),
        "study": contents.study,
        "directory": str(contents.directory),
        "made": contents.made,
        "opening": [it.text for it in opening(contents)],
        "answers": [it.text for it in answers(contents)],
        "summary": {metric: [it.text for it in many] for metric, many in sentences.items()},
        "warnings": warnings(contents),
        "findings": {name: list(texts) for name, texts in contents.variant_findings.items()},
        "deltas": rows_of(contents.deltas),
        "notes": [
            note
            for note in (
                unseen,
                how_likely(sentences),
                contents.error_rate,
                about(contents.held_out),
            )
            if note
        ],
        "trials": rows_of(contents.trials),
        "history": rows_of(contents.history),
        "changes": contents.changes,
        "aliases": rows_of(contents.aliases),
        "best": rows_of(contents.best),
        "data": {name: it.to_dict() for name, it in contents.data.items()},
        "network": contents.network and contents.network.to_dict(),
        "load": contents.load,
        "time": contents.time,
        "posterior": rows_of(contents.posterior),
        "sample_size": rows_of(contents.sample_size),
        "costs": None if contents.costs is None else rows_of(contents.costs),
        "beside": None if contents.beside is None else rows_of(contents.beside),
        "tables": {title: rows_of(frame) for title, frame in contents.tables.items()},
        "versions": contents.versions,
        "machine": contents.machine,
    }


def figures(contents: ReportContents, theme: Theme) -> list[Figure]:
    """Draw all figures that the contents allow."""
    colours = palette(contents)
    drawn: list[Figure | None] = [path_figure(contents, theme)]
    drawn += effects(contents, theme)
    drawn += trends(contents, theme)
    drawn += [forest(contents, metric, theme) for metric in contents.metrics]
    primary = [name for name in contents.metrics if name not in contents.secondary]
    drawn += [pairs(contents, metric, theme) for metric in primary]
    drawn += networks(contents, theme)
    drawn += interactions(contents, theme)
    drawn += curves(contents, colours, theme)
    drawn += costs(contents, colours, theme)
    drawn += [time_figure(contents, theme), stability_figure(contents, theme)]
    drawn += sample_size_figures(contents, theme)
    drawn += [beside_figure(contents, metric, theme) for metric in beside_metrics(contents)]
    return with_distinct_names(figure for figure in drawn if figure is not None)


def forest_chart(contents: ReportContents, metric: str) -> "Chart":
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

    figure = forest(contents, metric, LIGHT)
    if figure is None:
        raise ReportError(
            f"`metric`: expected a metric with deltas; got {metric}, which has none yet."
        )
    return alt.Chart.from_dict(file_spec(figure, about_study(contents.study)))


def facts(contents: ReportContents) -> dict[str, str]:
    """Return what the study is: model, data, design, factors and so on."""
    study = contents.study
    recipe, baseline = study.get("recipe", {}), study.get("baseline", {})
    values = {
        "Model": study.get("model"),
        "Data": data_words(study.get("data", "")),
        "Design": study.get("design"),
        "Seeds": seed_words(study),
        "Trials": _trials_words(contents),
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
    return {word: str(value) for word, value in values.items() if value}


def _trials_words(contents: ReportContents) -> str:
    """Count the trials by status; infeasible ones are not among the planned."""
    counts = contents.trials["status"].value_counts().to_dict()
    planned = len(contents.trials) - counts.get(Status.INFEASIBLE, 0)
    each = "" if isinstance(contents.study.get("data", ""), str) else " on each data set"
    lost = [
        f"{counts[status]:,} {status}"
        for status in (Status.FAILED, Status.PENDING, Status.INFEASIBLE)
        if counts.get(status)
    ]
    return ", ".join([f"{counts.get(Status.DONE, 0):,} of {planned:,} done{each}", *lost])


def _before(contents: ReportContents) -> list[Part]:
    """Return the warnings and the doctor's findings."""
    parts: list[Part] = []
    if texts := warnings(contents):
        parts.append(Warnings(texts))
    if contents.variant_findings:
        findings = [
            Sentence("finding", variant, f": {text.removesuffix('.')}")
            for variant, texts in contents.variant_findings.items()
            for text in texts
        ]
        parts.append(Heading("Findings", "findings"))
        parts.append(Sentences(findings, MOST_FINDINGS, "more findings"))
    if not contents.metrics:
        parts.append(Text("There are no comparisons yet."))
    return parts


def _deltas(contents: ReportContents, drawn: list[Figure]) -> list[Part]:
    parts: list[Part] = []
    for metric in contents.metrics:
        kind = " (secondary)" if metric in contents.secondary else ""
        parts.append(Heading(metric_words(metric).capitalize() + kind))
        shown = drawn_in([figure for figure in drawn if figure.metric == metric], "deltas")
        table = deltas_table(contents, metric).without("Baseline", "Baseline mean", "Level mean")
        parts.append(Row([*shown, replace(table, below="")]))
        further = statistics_table(contents, metric)
        if further.rows and len(further.headers) > 1:
            parts.append(Folded(further.title, [replace(further, below="")]))
    return parts


def _costs(contents: ReportContents, drawn: list[Figure], legend: list[Key]) -> list[Part]:
    table = costs_table(contents)
    return [
        *drawn_in(drawn, "costs", "columns", legend),
        Row([*drawn_in(drawn, "time"), *filled(replace(table, below=""))]),
        *([Text(contents.time)] if contents.time else []),
    ]


def _data(contents: ReportContents) -> list[Part]:
    """Describe each data set: its splits, its classes and sample images."""
    parts: list[Part] = []
    for name, data in contents.data.items():
        if len(contents.data) > 1:
            parts.append(Heading(name))
        parts.append(Facts(_data_facts(data)))
        if data.samples:
            images = [(sample.label, sample.png) for sample in data.samples]
            parts.append(Pictures(images, f"Training images of {name}"))
    return parts


def _data_facts(data: DataDescription) -> dict[str, str]:
    shape = "\N{MULTIPLICATION SIGN}".join(map(str, data.input_shape))
    shown = {
        "Example": shape,
        "Splits of the first seed": ", ".join(
            f"{size:,} {split}" for split, size in data.sizes.items()
        ),
    }
    if data.counts:
        names, counts = list(data.counts), data.counts.values()
        more = f" and {len(names) - MOST_NAMED:,} more" * (len(names) > MOST_NAMED)
        shown[f"{data.classes:,} classes"] = ", ".join(names[:MOST_NAMED]) + more
        shown["Training examples per class"] = (
            f"{min(counts):,} to {max(counts):,}"
            if min(counts) < max(counts)
            else f"{max(counts):,}"
        )
    elif data.task == "classification":
        shown["Classes"] = f"{data.classes:,}"
    return shown


def _corrected_over(contents: ReportContents) -> str:
    if not contents.error_rate:
        return "the comparisons of one metric"
    primary = metric_words(
        next(name for name in contents.metrics if name not in contents.secondary)
    )
    return f"all claims on {primary}, or over the comparisons of a secondary metric"


def _notes(contents: ReportContents) -> list[Part]:
    """Return what holds for all numbers, once; the details of each table are folded."""
    if not contents.metrics:
        return []
    details = list(_details(contents))
    return [
        Text(_how_to_read(contents)),
        *([Folded("Details of the tables", details)] if details else []),
    ]


def _how_to_read(contents: ReportContents) -> str:
    text = (
        "A delta is the variant minus the baseline at the same seed: same split, data order and, "
        "in shared layers, initial weights."
    )
    if contents.deltas["ci_low"].notna().any():
        margin = ""
        if contents.study.get("margins"):
            margin = ", and equivalent if it is shown to lie within the margin"
        text += (
            f" It is better or worse if p, Holm-corrected over {_corrected_over(contents)}, is "
            f"below {1 - CONFIDENCE:.4g}{margin}; inconclusive does not mean \u201cno "
            f"effect\u201d. Fewer than {EXPLORATORY_BELOW} pairs have no verdict. {CI}s of "
            f"single deltas are not corrected for multiple comparisons. {about(contents.held_out)}"
        )
    if contents.looked:
        text += (
            " Seeds were added where a verdict was open, at looks fixed beforehand; p and the "
            "intervals account for all of them."
        )
    return text


def _details(contents: ReportContents) -> Iterator[Part]:
    """Yield the notes on single tables, each once."""
    general = [contents.error_rate, unseen_skew(contents.deltas["n_pairs"], looks=contents.looked)]
    general += [LAST_LOOK if contents.looked else "", costs_table(contents).below]
    general += [statistics_table(contents, metric).below for metric in contents.metrics]
    yield from (Text(text) for text in dict.fromkeys(filter(None, general)))
    for title, frame in contents.tables.items():
        if lead := lead_of(contents, title, frame):
            yield from (Heading(title), Text(lead))
        if title in FOLDED:
            yield _table_of(contents, title)


def _beside(contents: ReportContents, drawn: list[Figure]) -> list[Part]:
    if contents.beside_names is None:
        return []
    here, there = contents.beside_names
    legend = [
        Key(name, PAGE[colour], shape=shape)
        for name, (colour, shape) in zip((here, there), LOOKS, strict=True)
    ]
    lead = f"Here is {here}, there is {there}; the warnings say what differs between them."
    tables = [beside_table(contents, metric) for metric in beside_metrics(contents)]
    return [Text(lead), *drawn_in(drawn, "beside", legend=legend), *tables] if tables else []


def _unfinished(contents: ReportContents) -> list[Part]:
    tables = (failures_table(contents), infeasible_table(contents), pending_table(contents))
    return [part for table in tables if table.rows for part in (Heading(table.title), table)]


def _rerun(contents: ReportContents) -> list[Part]:
    parts: list[Part] = [Text("Stored trials are not trained again.")]
    if contents.rerun:
        parts.append(Code(contents.rerun, "sh"))
    parts.append(Folded("In Python", [Code(snippet(contents), "python")]))
    for title, values in (("Versions", contents.versions), ("Machine", contents.machine)):
        if values:
            named = {metric_words(str(name)): short_digest(it) for name, it in values.items()}
            parts.append(Folded(title, [Facts(named)]))
    return parts
