"""The document of a study's report: what stands on its page and in its files."""

from functools import partial
from typing import TYPE_CHECKING, Any

from ablations.report.figure import Figure, Theme, distinct, file_spec, slug, with_distinct_names
from ablations.report.numbers import CI, CONFIDENCE, decimals_of, fixed
from ablations.report.page import (
    Card,
    Code,
    Document,
    Facts,
    Folded,
    Heading,
    Key,
    Page,
    PaperTable,
    Part,
    ReportError,
    Section,
    Sentence,
    Sentences,
    Text,
    Warnings,
    drawn_in,
    filled,
)
from ablations.report.study.conclusions import answers, headline
from ablations.report.study.contents import PATH_STEPS, ReportContents
from ablations.report.study.costs import costs, costs_table
from ablations.report.study.curves import curves
from ablations.report.study.forest import forest, pairs
from ablations.report.study.interactions import interactions
from ablations.report.study.new_data import about
from ablations.report.study.palette import palette
from ablations.report.study.rerun import snippet
from ablations.report.study.sample_size import sample_size_figures, sample_size_legend
from ablations.report.study.side_by_side import LOOKS, beside_figure, beside_metrics, beside_table
from ablations.report.study.summary import (
    SETTLED,
    how_likely,
    largest,
    pooled_words,
    summary,
    warnings,
)
from ablations.report.study.tables import (
    deltas_table,
    failures_table,
    infeasible_table,
    pending_table,
    shaped_table,
    statistics_table,
)
from ablations.report.table import SEE_FINDING, rows_of
from ablations.report.theme import LIGHT, PAGE
from ablations.report.wording import (
    about_study,
    count_of,
    data_words,
    ends_words,
    level_words,
    metric_words,
    seed_words,
    settings_words,
    short_digest,
)
from ablations.stats.caveats import unseen_skew
from ablations.stats.verdicts import Verdict
from ablations.study import Status
from ablations.study.checks import EXPLORATORY_BELOW

if TYPE_CHECKING:
    from altair import Chart

MOST_SENTENCES = 12
MOST_ANSWERS = 8
"""Number of sentences, and of answers, that are not folded away."""

LAST_LOOK = (
    "p (sign flips), p (Wilcoxon), the share of pairs better, the SD and the BCa interval are "
    "those of the last look alone. They do not account for the looks before."
)

ORDER = (Verdict.WORSE, Verdict.BETTER, Verdict.EQUIVALENT)
"""Verdicts that come first if some sentences are folded away."""


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
    anchors = distinct(map(slug, contents.tables))
    further = zip(anchors, contents.tables.items(), strict=True)
    return Page(
        "Ablation study",
        contents.name,
        facts(contents),
        _cards(contents),
        [
            Section("summary", "Summary", _summary(contents)),
            Section("deltas", "Deltas", _deltas(contents, drawn)),
            Section("pairs", "Paired seeds", drawn_in(drawn, "pairs")),
            Section(
                "curves", "Training curves", drawn_in(drawn, "curves", "columns", curves_legend)
            ),
            Section(
                "interactions", "Interactions", drawn_in(drawn, "interactions", "columns narrow")
            ),
            Section(
                "costs",
                "Costs and results",
                [
                    *drawn_in(drawn, "costs", "columns", costs_legend),
                    *filled(costs_table(contents)),
                ],
            ),
            Section(
                "seeds",
                "Number of seeds",
                drawn_in(drawn, "seeds", "columns", sample_size_legend()),
            ),
            *(
                Section(f"table-{anchor}", title, [shaped_table(contents, title, frame)])
                for anchor, (title, frame) in further
            ),
            Section("beside", "Side by side", _beside(contents, drawn)),
            Section("failures", "Unfinished trials", _unfinished(contents)),
            Section("rerun", "Run it again", _rerun(contents)),
        ],
        lead=ends_words(contents.study),
        made=contents.made,
    )


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
        table = deltas_table(contents, metric)
        whole = contents.error_rate and metric not in contents.secondary
        caption = (
            f"{table.title}. {about}; baseline: {baseline}. {ends}{' ' * bool(ends)}The {CI}s "
            f"{kind} and are not corrected for multiple comparisons; p is Holm-corrected over the "
            f"{'claims of the report' if whole else 'table'}."
        )
        tables.append(PaperTable(table, notes, caption))
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
    drawn: list[Figure | None] = []
    for metric in contents.metrics:
        drawn += [forest(contents, metric, theme), pairs(contents, metric, theme)]
    drawn += curves(contents, colours, theme)
    drawn += interactions(contents, theme)
    drawn += costs(contents, colours, theme)
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


def _cards(contents: ReportContents) -> list[Card]:
    counts = contents.trials["status"].value_counts().to_dict()
    failed, pending, infeasible = (
        counts.get(status, 0) for status in (Status.FAILED, Status.PENDING, Status.INFEASIBLE)
    )
    planned = len(contents.trials) - infeasible
    seeds = contents.with_status(Status.DONE)["seed"].nunique()
    compared = contents.primary[contents.primary["n_pairs"] > 0]
    settled = int(compared["verdict"].isin(SETTLED).sum())
    lost = ((Status.FAILED, failed), (Status.PENDING, pending), (Status.INFEASIBLE, infeasible))
    rest = [f"{count:,} {word}" for word, count in lost if count or word == Status.FAILED]
    each = "" if isinstance(contents.study.get("data", ""), str) else " on each data set"
    answer = headline(contents)
    return [
        Card(
            "Trials finished",
            f"{counts.get('done', 0):,}",
            f"of {planned:,} planned{each}, {', '.join(rest)}",
            Verdict.WORSE if failed else "",
        ),
        Card("Seed blocks", f"{seeds:,}", "trials are paired by seed"),
        Card(
            "Verdicts",
            f"{settled:,}",
            f"of {count_of(len(compared), 'comparison')} {'is' if len(compared) == 1 else 'are'} "
            "settled",
        ),
        *([answer] if answer else []),
        _largest_card(contents),
    ]


def _largest_card(contents: ReportContents) -> Card:
    row = largest(contents)
    if row is None:
        return Card("Largest effect", "none", "no comparison is better or worse")
    decimals = decimals_of(row["delta"], row["ci_low"], row["ci_high"])
    size = fixed(row["delta"], decimals, signed=True)
    what = f"{metric_words(row['metric'])}, {row['variant']}"
    if pooled := contents.pooled(row):
        what += f"; {pooled_words(row, *pooled)}"
    what += f", but {SEE_FINDING}" if contents.has_finding(row) else ""
    verdict = str(row["verdict"])
    return Card(f"Largest effect: {verdict}", size, what, verdict)


def _summary(contents: ReportContents) -> list[Part]:
    parts: list[Part] = []
    if texts := warnings(contents):
        parts.append(Warnings(texts))
    if answering := _answers(contents):
        parts.append(Sentences(answering, MOST_ANSWERS, "more answers", "What the design answers"))
    sentences = summary(contents)
    if not sentences:
        parts.append(Text("There are no comparisons yet."))
    for metric, of_metric in sentences.items():
        if of_metric:
            ordered = of_metric
            if len(of_metric) > MOST_SENTENCES:
                ordered = sorted(of_metric, key=_settled_first)
            kind = " (secondary)" if metric in contents.secondary else ""
            parts.append(Heading(metric_words(metric).capitalize() + kind))
            parts.append(Sentences(ordered, MOST_SENTENCES, "more comparisons"))
    if caution := how_likely(sentences):
        parts.append(Text(caution, small=True))
    if contents.error_rate:
        parts.append(Text(contents.error_rate, small=True))
    if contents.variant_findings:
        findings = [
            Sentence("finding", variant, f": {text.removesuffix('.')}")
            for variant, texts in contents.variant_findings.items()
            for text in texts
        ]
        parts.append(Heading("Findings", "findings"))
        parts.append(Sentences(findings, MOST_ANSWERS, "more findings"))
    return parts


def _answers(contents: ReportContents) -> list[Sentence]:
    """Return the answers of the design; if some are folded away, inconclusive ones come last."""
    sentences = answers(contents)
    if len(sentences) <= MOST_ANSWERS or PATH_STEPS in contents.tables:  # steps keep their order
        return sentences
    return sorted(sentences, key=lambda one: one.verdict == Verdict.INCONCLUSIVE)


def _settled_first(sentence: Sentence) -> tuple[int, float]:
    order = ORDER.index(sentence.verdict) if sentence.verdict in ORDER else len(ORDER)
    return order, -sentence.size


def _deltas(contents: ReportContents, drawn: list[Figure]) -> list[Part]:
    parts: list[Part] = [Text(_how_to_read(contents))]
    for metric in contents.metrics:
        words = metric_words(metric)
        parts.append(Heading(words.capitalize()))
        parts += drawn_in([figure for figure in drawn if figure.metric == metric], "deltas")
        parts.append(deltas_table(contents, metric))
        further = statistics_table(contents, metric)
        if further.rows and len(further.headers) > 1:
            looks = [Text(LAST_LOOK)] if contents.looked else []
            parts.append(Folded(further.title, [*looks, further]))
    return parts


def _corrected_over(contents: ReportContents) -> str:
    if not contents.error_rate:
        return "the comparisons of one metric"
    primary = metric_words(
        next(name for name in contents.metrics if name not in contents.secondary)
    )
    return f"all claims of this page on {primary}, or over the comparisons of a secondary metric"


def _how_to_read(contents: ReportContents) -> str:
    text = (
        "A delta is the variant minus the baseline with the same seed: the same split, order of "
        "data and, in layers that both have, initial weights."
    )
    if contents.deltas["ci_low"].notna().any():
        margin = ""
        if contents.study.get("margins"):
            margin = ", and equivalent if it is shown to lie within the margin"
        text += (
            f" It is better or worse if p, Holm-corrected over {_corrected_over(contents)}, is "
            f"below {1 - CONFIDENCE:.4g}{margin}. Inconclusive does not mean \u201cno "
            f"effect\u201d. There is no verdict with fewer than {EXPLORATORY_BELOW} pairs. The "
            f"{CI}s are not corrected for multiple comparisons. {about(contents.held_out)}"
        )
    if contents.looked:
        text += (
            " Seeds were added where a verdict was open, at looks fixed beforehand; p and the "
            "intervals account for all of them."
        )
    return text


def _beside(contents: ReportContents, drawn: list[Figure]) -> list[Part]:
    if contents.beside_names is None:
        return []
    here, there = contents.beside_names
    legend = [
        Key(name, PAGE[colour], shape=shape)
        for name, (colour, shape) in zip((here, there), LOOKS, strict=True)
    ]
    lead = f"Here is {here}, there is {there}; the summary says what differs between them."
    tables = [beside_table(contents, metric) for metric in beside_metrics(contents)]
    return [Text(lead), *drawn_in(drawn, "beside", legend=legend), *tables] if tables else []


def _unfinished(contents: ReportContents) -> list[Part]:
    tables = (failures_table(contents), infeasible_table(contents), pending_table(contents))
    return [part for table in tables if table.rows for part in (Heading(table.title), table)]


def _rerun(contents: ReportContents) -> list[Part]:
    parts: list[Part] = [
        Text("Stored trials are not trained again; more seeds or levels only add trials.")
    ]
    if contents.rerun:
        parts.append(Code(contents.rerun, "sh"))
    parts.append(Code(snippet(contents), "python"))
    for title, values in (("Versions", contents.versions), ("Machine", contents.machine)):
        if values:
            named = {metric_words(str(name)): short_digest(it) for name, it in values.items()}
            parts += [Heading(title), Facts(named)]
    return parts
