"""The report of a run of the claims: what stands on its page and in its files."""

import math
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from ablations.claims.claim import RULE, Verdict
from ablations.claims.outcome import (
    NOT_TESTED,
    ClaimOutcome,
    comparisons_words,
    explanation_words,
)
from ablations.claims.record import ClaimsRecord
from ablations.claims.times import duration_words
from ablations.report.figure import (
    Figure,
    Spec,
    Theme,
    chart_of,
    layer,
    legend_of,
    nominal,
    quantitative,
    zero_line,
)
from ablations.report.numbers import CI, brief, size_words
from ablations.report.page import (
    Card,
    Code,
    Document,
    Facts,
    Heading,
    Page,
    PaperTable,
    Part,
    Section,
    Sentence,
    Sentences,
    Text,
    Warnings,
    drawn_in,
    filled,
)
from ablations.report.table import (
    NOTE_BREAK,
    NOTES,
    Cell,
    Table,
    number_cell,
    size_cells,
    text_cell,
)
from ablations.report.theme import PAGE, VERDICTS
from ablations.report.wording import count_of, joined, metric_words, short_digest
from cnnzoo.zoo import DOCUMENTS

COLOURS = {
    Verdict.SUPPORTED: "better",
    Verdict.CONTRADICTED: "worse",
    Verdict.INCONCLUSIVE: "inconclusive",
}
"""Colour of the theme by verdict."""

ROW = 24
"""Height of a hypothesis in the figure, in pixels."""

MOST_SENTENCES = 12

SIMULTANEOUS = f"Simultaneous {CI}"
"""Interval of a hypothesis; those of a study's comparisons and trends are not simultaneous."""

HOW_TO_READ = (
    "An effect is the mean of a contrast that is positive if the claim is right, in units of its "
    f"measure. The {CI}s are simultaneous for all hypotheses of a claim; n is the number of seed "
    "blocks. A note gives findings of the doctor: what else than the claim may be at work."
)


def claims_document(results: ClaimsRecord, path: str | Path = "") -> Document:
    """Return the report of a run of the claims.

    Parameters
    ----------
    results
        The results.
    path
        File of the report, to which the links to reports of studies are relative.
    """
    folder = Path(path).expanduser().parent
    return Document(
        "claims",
        "",
        warnings(results),
        partial(claims_page, results, folder),
        lambda theme: [figure] if (figure := effects_figure(results, theme)) else [],
        results.table,
        partial(_paper_tables, results),
        results.to_dict,
    )


def claims_page(results: ClaimsRecord, folder: Path) -> Page:
    """Return the page of a run of the claims, for a file in a folder."""
    run = results.run
    figure = effects_figure(results, PAGE)
    drawn = drawn_in([figure], "effects") if figure else []
    facts = {
        "Run": "quick" if run.quick else "full",
        "Data": run.data or "as each claim declares",
        "Seeds": str(run.seeds or "as each claim declares"),
        "Trials": f"{sum(one.trials for one in results.outcomes):,}",
        "Time of all trials": duration_words(sum(one.seconds for one in results.outcomes)),
    }
    return Page(
        "Claims of the documents",
        "Claims, quick run" if run.quick else "Claims",
        facts,
        _cards(results),
        [
            Section("summary", "Summary", _summary(results)),
            Section("claims", "Claims", _claims(results)),
            Section("effects", "Effects", drawn),
            Section("hypotheses", "Hypotheses", filled(hypotheses_table(results))),
            Section("exact", "Exact checks", filled(comparisons_table(results))),
            Section("studies", "Studies", filled(studies_table(results, folder))),
            Section("rule", "Rule of the verdicts", [Text(RULE)]),
            Section("rerun", "Run it again", _rerun(results)),
        ],
        made=run.made,
    )


def warnings(results: ClaimsRecord) -> list[str]:
    """Return what limits the whole report: a quick run, and claims that failed or are outdated."""
    texts = []
    undecided = [one.id for one in results.outcomes if one.verdict == Verdict.INCONCLUSIVE]
    if results.run.quick:
        left = f"It leaves {joined(undecided)} undecided." if undecided else "It decides all."
        texts.append(
            f"This is a quick run, with smaller studies than the claims declare. {left} The full "
            "run, ablations claims, has more seeds, data or epochs."
        )
    texts += [
        f"{one.id} {one.name}: {one.reason}."
        for one in results.outcomes
        if one.reason and (one.comparisons or one.hypotheses or "failed" in one.reason)
    ]
    texts += [
        f"{one.id} {one.name} was tested before a change ({one.changed}); run it again."
        for one in results.outcomes
        if one.changed
    ]
    return texts


def _cards(results: ClaimsRecord) -> list[Card]:
    counts = results.counts
    exact = [one for one in results.outcomes if one.comparisons]
    held = sum(all(each.holds for each in one.comparisons) for one in exact)
    of_all = f"of {count_of(len(results.outcomes), 'claim')}"
    return [
        Card("Supported", str(counts[Verdict.SUPPORTED]), of_all, "better"),
        Card("Contradicted", str(counts[Verdict.CONTRADICTED]), of_all, "worse"),
        Card("Inconclusive", str(counts[Verdict.INCONCLUSIVE]), of_all),
        Card("Exact checks", str(len(exact)), f"of which {held} hold to rounding"),
        Card("Not tested", str(counts[NOT_TESTED]), "the reason stands in the table"),
    ]


def _summary(results: ClaimsRecord) -> list[Part]:
    """Return warnings, and the claims by verdict: contradicted ones first."""
    parts: list[Part] = []
    if texts := warnings(results):
        parts.append(Warnings(texts))
    for verdict in (Verdict.CONTRADICTED, Verdict.SUPPORTED, Verdict.INCONCLUSIVE):
        sentences = [
            Sentence(str(verdict), f"{one.id} {one.name}", f": {one.text}")
            for one in results.outcomes
            if one.verdict == verdict
        ]
        if sentences:
            parts.append(Heading(str(verdict).capitalize()))
            parts.append(Sentences(sentences, MOST_SENTENCES, f"more {verdict} claims"))
    return parts or [Text("No claim is tested yet.")]


def _claims(results: ClaimsRecord) -> list[Part]:
    """Return a table of claims for each document."""
    parts: list[Part] = [Text(HOW_TO_READ)]
    for number, title in DOCUMENTS.items():
        of_document = [one for one in results.outcomes if one.documents[0] == number]
        if of_document:
            parts.append(claims_table(of_document, f"Document {number}: {title}"))
    return parts


def claims_table(outcomes: Sequence[ClaimOutcome], title: str) -> Table:
    """Return one row per claim, with the findings of the doctor as notes."""
    rows = tuple(
        (
            text_cell(one.id),
            text_cell(_with_documents(one)),
            Cell(one.verdict, one.verdict, verdict=True),
            text_cell(_found(one)),
            number_cell(one.seed_blocks or None),
            number_cell(one.trials or None),
            Cell(duration_words(one.seconds) if one.trials else "", one.seconds),
            text_cell(NOTE_BREAK.join(_notes(one))),
        )
        for one in outcomes
    )
    headers = ("Claim", "What the document says", "Verdict", "Found", "n", "Trials", "Time", NOTES)
    return Table(title, headers, rows)


def _with_documents(one: ClaimOutcome) -> str:
    others = one.documents[1:]
    return f"{one.text}{f' (also {joined(others)})' if others else ''}"


def _found(one: ClaimOutcome) -> str:
    """Return what was found; several hypotheses are numbered as in their table."""
    parts = [comparisons_words(one.comparisons)] if one.comparisons else []
    for number, each in enumerate(one.hypotheses, 1):
        name = f"{number}: " if len(one.hypotheses) > 1 else ""
        sizes = size_words(each.effect, each.low, each.high) or "no effect is known"
        verdict = f", {each.verdict}" if len(one.hypotheses) > 1 else ""
        parts.append(f"{name}{metric_words(each.measure)} {sizes}{verdict}")
    return "; ".join([*parts, *([one.reason] if one.reason else [])])


def _notes(one: ClaimOutcome) -> list[str]:
    """Return the findings of the doctor on a claim, as notes that hold no separator."""
    texts = (explanation_words(each).rstrip(".") for each in one.explanation)
    return [text.replace(NOTE_BREAK, ", ") for text in texts]


def hypotheses_table(results: ClaimsRecord) -> Table:
    """Return one row per hypothesis."""
    rows = []
    for one in results.outcomes:
        for number, each in enumerate(one.hypotheses, 1):
            effect, interval = size_cells(each.effect, each.low, each.high)
            name = f"{one.id}.{number}"
            rows.append(
                (
                    Cell(name, name),
                    text_cell(each.statement),
                    text_cell(metric_words(each.measure)),
                    text_cell(each.study),
                    effect,
                    interval,
                    number_cell(each.n),
                    Cell(f"{each.margin:g}", float(each.margin)),
                    Cell(str(each.verdict), str(each.verdict), verdict=True),
                    text_cell(each.note),
                )
            )
    headers = (
        *("Hypothesis", "The claim says", "Measure", "Study", "Effect", SIMULTANEOUS, "n"),
        *("Margin", "Verdict", NOTES),
    )
    return Table("Hypotheses", headers, tuple(rows))


def comparisons_table(results: ClaimsRecord) -> Table:
    """Return one row per comparison of the exact checks."""
    rows = tuple(
        (
            text_cell(one.id),
            text_cell(each.statement),
            text_cell(brief(each.expected)),
            text_cell(brief(each.computed)),
            text_cell(brief(each.tolerance)),
            text_cell("yes" if each.holds else "no"),
        )
        for one in results.outcomes
        for each in one.comparisons
    )
    headers = ("Claim", "Compared", "Expected", "Computed", "Tolerance", "Holds")
    return Table("Exact checks", headers, rows)


def studies_table(results: ClaimsRecord, folder: Path) -> Table:
    """Return one row per study, with a link to its own report if there is one."""
    rows: dict[str, tuple[Cell, ...]] = {}
    users: dict[str, list[str]] = {}
    for one in results.outcomes:
        for study in one.studies:
            users.setdefault(study.name, []).append(one.id)
            rows[study.name] = (
                Cell(study.name, study.name, link=_link(results, study.name, folder)),
                text_cell(", ".join(users[study.name])),
                text_cell(study.data),
                number_cell(study.done),
                number_cell(study.trials),
                number_cell(study.failed),
                Cell(duration_words(study.seconds), study.seconds),
            )
    headers = ("Study", "Claims", "Data", "Trials done", "Planned", "Failed", "Time")
    below = f"The report of a study is written by ablations report {results.directory}/STUDY."
    return Table("Studies", headers, tuple(rows.values()), below=below)


def _link(results: ClaimsRecord, study: str, folder: Path) -> str:
    """Return the address of a study's report relative to a folder; "" if there is none."""
    page = results.directory / study / "report.html"
    if not page.is_file():
        return ""
    return quote(Path(os.path.relpath(page, folder)).as_posix())


def effects_figure(results: ClaimsRecord, theme: Theme) -> Figure | None:
    """Draw the standardized effect of each hypothesis with its interval."""
    rows = []
    for one in results.outcomes:
        for number, each in enumerate(one.hypotheses, 1):
            if not (each.sd > 0 and math.isfinite(each.low) and math.isfinite(each.high)):
                continue
            rows.append(
                {
                    "label": f"{one.id}.{number}",
                    "statement": each.statement,
                    "effect": each.effect / each.sd,
                    "low": each.low / each.sd,
                    "high": each.high / each.sd,
                    "verdict": str(each.verdict),
                    "size": size_words(each.effect, each.low, each.high),
                    "measure": metric_words(each.measure),
                    "n": each.n,
                }
            )
    if not rows:
        return None
    verdicts = [word for word in VERDICTS if word in {row["verdict"] for row in rows}]
    colours = [theme[COLOURS[Verdict(word)]] for word in verdicts]
    base = {
        "y": nominal("label", sort=None, title=None),
        "color": _by_verdict(verdicts, colours, theme),
        "tooltip": [
            nominal("statement"),
            nominal("measure"),
            nominal("size", title=f"effect, simultaneous {CI}"),
            nominal("verdict"),
            quantitative("n"),
        ],
    }
    axis = quantitative("effect", title="effect / SD over seed blocks", scale={"nice": True})
    hollow = [
        theme["surface"] if word == Verdict.INCONCLUSIVE else colour
        for word, colour in zip(verdicts, colours, strict=True)
    ]
    marks = {
        "x": axis,
        "fill": _by_verdict(verdicts, hollow, theme),
        "shape": _by_verdict(verdicts, [VERDICTS[word] for word in verdicts], theme),
    }
    ends = {"x": quantitative("low"), "x2": {"field": "high"}}
    layers = [
        zero_line(theme),
        layer("rule", base | ends, strokeWidth=2.5, strokeCap="round"),
        layer("point", base | marks, size=90, strokeWidth=2, opacity=1),
    ]
    return Figure(
        name="effects",
        title="Standardized effects of the hypotheses",
        caption=(
            "Mean contrast over its standard deviation between seed blocks, with the simultaneous "
            f"{CI}. To the right of the dashed line is what the claim says. Hollow marks are "
            "inconclusive. The table below names the hypotheses."
        ),
        section="effects",
        metric="effect",
        chart=chart_of(layers, ROW * len(rows)),
        rows=rows,
        verdicts=verdicts,
    )


def _by_verdict(verdicts: Sequence[str], values: Sequence[str], theme: Theme) -> Spec:
    scale = {"domain": list(verdicts), "range": list(values)}
    return nominal("verdict", scale=scale, legend=legend_of(theme))


def _rerun(results: ClaimsRecord) -> list[Part]:
    run = results.run
    parts: list[Part] = [
        Text("Stored trials are not trained again; an interrupted run resumes."),
        Code(run.command, "sh"),
    ]
    for title, values in (("Versions", run.versions), ("Machine", run.machine)):
        if values:
            named = {metric_words(name): str(short_digest(value)) for name, value in values.items()}
            parts += [Heading(title), Facts(named)]
    return parts


def _paper_tables(results: ClaimsRecord) -> list[PaperTable]:
    """Return the tables of the claims and of their hypotheses, with the findings as notes."""
    claims = claims_table(results.outcomes, "Claims of the documents")
    notes = [f"{one.id}: {note}." for one in results.outcomes for note in _notes(one)]
    tables = [PaperTable(claims, notes), PaperTable(hypotheses_table(results), [RULE])]
    return [each for each in tables if each.table.rows]
