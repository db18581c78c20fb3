"""How many planted faults and real questions the doctor names, and how often it is wrong.

Runs the doctor over the cases of the package `faults` and writes results/doctor_recall.md; with
`--verify` it trains every case without the doctor, checks that the outcome is the one that its
label claims, and writes results/fault_outcomes.md::

    python tests/benchmarks/doctor_recall.py DIRECTORY --verify --jobs 2
    python tests/benchmarks/doctor_recall.py DIRECTORY --half scored --jobs 2

What has run is kept in DIRECTORY, so that a second call goes on from there; take a new directory
for another version of the doctor. Thresholds may be tuned on the half "development" only.
"""

import argparse
import inspect
import json
import math
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

RESULTS = Path(__file__).parent / "results"
SYMPTOMS = ("at-chance", "diverged", "loss-nonfinite", "loss-unstable")
"""Codes that say that a result is bad, and not why: never wrong in a faulty run."""

USUALLY_NOTES = ("dropout-high", "imbalance")
"""Codes whose severity in the vocabulary is "note", so that a note counts as named."""


@dataclass(frozen=True)
class Task:
    """One program to run: a case or its mended twin, with or without the doctor."""

    suite: str
    name: str
    mended: bool
    verify: bool
    diagnose: bool = False

    @property
    def key(self) -> str:
        """Return the identifier of the task's record."""
        return f"{self.suite}/{self.name}{'/mended' if self.mended else ''}"


def cases() -> dict[str, dict[str, Any]]:
    """Return the cases by suite and name."""
    from faults import healthy, planted, questions

    return {
        "planted": {case.name: case for case in planted.CASES},
        "healthy": {case.name: case for case in healthy.CASES},
        "questions": {case.name: case for case in questions.CASES},
    }


def fingerprint(case: Any, *, mended: bool) -> int:
    """Return a number that changes with the builder's source and the expected outcome."""
    build = case.build.func if isinstance(case.build, partial) else case.build
    outcome = case.mended_outcome if mended else case.outcome
    return crc32(f"{inspect.getsource(build)}{outcome.text}".encode())


def offered(function: Callable[..., Any], keywords: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords that a function names; further ones may be toggles of the model."""
    parameters = inspect.signature(function).parameters
    return {name: value for name, value in keywords.items() if name in parameters}


KEPT_COLUMNS = ["code", "severity", "layer", "evidence"]
"""Columns of the findings that a record has."""


def rows(findings: pd.DataFrame) -> list[dict[str, str]]:
    """Return what is kept of findings, in their order."""
    return findings[KEPT_COLUMNS].astype(str).to_dict("records")


def keywords_of(run: Any) -> dict[str, Any]:
    """Return what a user tells `fit`, under the names that `fit` has."""
    return {"validation_data": run.validation, **run.fit}


def examine(case: Any, *, mended: bool, with_diagnose: bool) -> dict[str, Any]:
    """Run all parts of the doctor on a case; an error of the doctor is kept as text."""
    import cnnzoo

    found: dict[str, Any] = {"errors": []}

    def part(name: str, ask: Callable[[], pd.DataFrame]) -> None:
        start = time.perf_counter()
        try:
            found[name] = rows(ask())
        except Exception as error:  # a crash of the doctor is a result, too
            found[name] = []
            found["errors"].append(f"{name}: {type(error).__name__}: {error}"[:400])
        found[f"{name}_seconds"] = time.perf_counter() - start

    run = case.make(mended=mended)
    told = offered(cnnzoo.check, keywords_of(run))
    part("check", lambda: cnnzoo.check(run.model, run.train, **told))
    part("doctor", lambda: watched(run))
    if with_diagnose:
        fresh = case.make(mended=mended)
        told = offered(cnnzoo.diagnose, keywords_of(fresh))
        part("diagnose", lambda: diagnosed(fresh, told))
    return found


def diagnosed(run: Any, told: dict[str, Any]) -> pd.DataFrame:
    """Return the causes of a diagnosis in their order, then the results that they explain."""
    from cnnzoo import diagnose
    from cnnzoo.doctor.table import findings_table

    diagnosis = diagnose(run.model, run.train, **told)
    results = findings_table(diagnosis.results)
    return pd.concat([diagnosis.causes[KEPT_COLUMNS], results[KEPT_COLUMNS]])


def watched(run: Any) -> pd.DataFrame:
    """Fit with the doctor as a callback and return its findings, whether `fit` fails or not."""
    from cnnzoo import Doctor

    doctor = Doctor()
    watchers = [*run.fit.get("callbacks", []), doctor]
    keywords = {**keywords_of(run), "callbacks": watchers, "verbose": 0}
    try:
        run.model.fit(*run.train, **keywords)
    except Exception as error:  # labels out of range, for one: the fault itself
        print(f"fit: {type(error).__name__}")
    return doctor.findings()


def work(task: Task) -> dict[str, Any]:
    """Run a task in a worker process and return its record."""
    from faults.measure import measure

    case = cases()[task.suite][task.name]
    record: dict[str, Any] = {"key": task.key}
    start = time.perf_counter()
    if task.verify:
        measured = measure(case.make(mended=task.mended))
        outcome = case.mended_outcome if task.mended else case.outcome
        record |= {"holds": bool(outcome.check(measured)), "measured": measured}
    else:
        record |= examine(case, mended=task.mended, with_diagnose=task.diagnose)
    record["seconds"] = time.perf_counter() - start
    return record


def read_records(path: Path) -> dict[str, dict[str, Any]]:
    """Return the records of a file by key; the last one counts, a torn last line does not."""
    records = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        records[record["key"]] = record
    return records


def run_all(
    tasks: list[Task], path: Path, jobs: int, limit: float, minutes: float
) -> dict[str, dict[str, Any]]:
    """Run what has no valid record yet, each within a time limit, and return all records."""
    from pebble import ProcessPool

    known = cases()
    records = read_records(path)
    prints = {
        task.key: fingerprint(known[task.suite][task.name], mended=task.mended) for task in tasks
    }
    missing = [
        task for task in tasks if records.get(task.key, {}).get("fingerprint") != prints[task.key]
    ]
    print(f"{len(tasks) - len(missing)} of {len(tasks)} programs have run already.")
    if minutes <= 0:
        missing = []
    path.parent.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPool(jobs, max_tasks=30, context=context) as pool, path.open("a") as file:
        futures = [(task, pool.schedule(work, args=(task,), timeout=limit)) for task in missing]
        end = time.monotonic() + 60 * minutes
        for task, future in futures:
            if time.monotonic() > end and not future.running() and not future.done():
                future.cancel()
                continue
            try:
                record = future.result() | {"fingerprint": prints[task.key]}
            except Exception as error:  # a worker that died or took too long
                print(f"{task.key}: {type(error).__name__}: {error}")
                continue
            records[task.key] = record
            file.write(json.dumps(record, default=float) + "\n")
            file.flush()
            print(f"{task.key}: {record['seconds']:.1f} s", flush=True)
    return {task.key: records[task.key] for task in tasks if task.key in records}


def table(frame: pd.DataFrame) -> str:
    """Return a frame as a markdown table."""
    head = "| " + " | ".join(map(str, frame.columns)) + " |"
    rule = "|" + "---|" * len(frame.columns)
    body = ["| " + " | ".join(map(str, row)) + " |" for row in frame.itertuples(index=False)]
    return "\n".join([head, rule, *body])


def share(values: Iterable[bool]) -> str:
    """Return a share as "hits of number (percent)"."""
    values = list(values)
    percent = f" ({np.mean(values):.1%})" if values else ""
    return f"{sum(values)} of {len(values)}{percent}"


def shown(record: dict[str, Any], part: str | None = None) -> list[dict[str, str]]:
    """Return the findings of check and of the monitored run, or of one part."""
    parts = (part,) if part else ("check", "doctor")
    return [finding for name in parts for finding in record.get(name, [])]


def alarms(record: dict[str, Any]) -> set[str]:
    """Return the codes that are given as an error or a warning."""
    return {f["code"] for f in shown(record) if f["severity"] != "note"}


def named(case: Any, record: dict[str, Any], codes: Iterable[str]) -> bool:
    """Return whether one of the codes is an alarm, or a note where the vocabulary has a note."""
    notes = {f["code"] for f in shown(record) if f["code"] in USUALLY_NOTES}
    return bool((alarms(record) | notes) & set(codes))


def ranked(record: dict[str, Any]) -> list[str]:
    """Return the causes in order: diagnose's, or by severity with symptoms at the end."""
    if "diagnose" in record:
        found = shown(record, "diagnose")
    else:
        order = {"error": 0, "warning": 1, "note": 2}
        found = sorted(
            shown(record), key=lambda f: (f["code"] in SYMPTOMS, order.get(f["severity"], 3))
        )
    return list(dict.fromkeys(finding["code"] for finding in found))


def planted_report(known: dict[str, Any], records: dict[str, Any], half: str) -> str:
    """Return recall by kind, precision by code, and the alarms of healthy programs."""
    faulty = [
        (c, records[f"planted/{n}"])
        for n, c in known["planted"].items()
        if f"planted/{n}" in records
    ]
    well = [
        (c, records[f"healthy/{n}"])
        for n, c in known["healthy"].items()
        if f"healthy/{n}" in records
    ]
    kinds = []
    for kind in dict.fromkeys(case.kind for case, _ in faulty):
        group = [(case, record) for case, record in faulty if case.kind == kind]
        hits = [named(case, record, case.codes) for case, record in group]
        exact = [named(case, record, case.codes[:1]) for case, record in group]
        others = sorted(
            {code for case, r in group for code in alarms(r) - set(case.codes) - set(SYMPTOMS)}
        )
        missed = [case.name for (case, _), hit in zip(group, hits, strict=True) if not hit]
        kinds.append(
            {
                "kind": kind,
                "expected": group[0][0].codes[0],
                "cases": len(group),
                "named": sum(hits),
                "by the expected code": sum(exact),
                "missed": ", ".join(missed),
                "other alarms": ", ".join(others),
            }
        )
    codes = []
    for code in sorted({code for _, record in faulty + well for code in alarms(record)}):
        reported = [(case, record) for case, record in faulty + well if code in alarms(record)]
        right = [
            code in case.codes or (code in SYMPTOMS and bool(case.codes)) for case, _ in reported
        ]
        codes.append(
            {
                "code": code,
                "alarms": len(right),
                "right": sum(right),
                "precision": f"{np.mean(right):.0%}",
            }
        )
    errors = [any(f["severity"] == "error" for f in shown(record)) for _, record in well]
    warned = [bool(alarms(record)) for _, record in well]
    accused = pd.DataFrame(
        [
            {"program": case.name, "alarms": ", ".join(sorted(alarms(record)))}
            for case, record in well
            if alarms(record)
        ]
    )
    crashes = [
        f"- {key}: {text}" for key, record in records.items() for text in record.get("errors", ())
    ]
    seconds = [record.get("check_seconds", 0) for record in records.values()]
    return "\n\n".join(
        [
            f"## Planted faults, half: {half}",
            f"Named (recall): {share([named(c, r, c.codes) for c, r in faulty])}; by the expected "
            f"code itself: {share([named(c, r, c.codes[:1]) for c, r in faulty])}. Healthy "
            f"programs with an error: {share(errors)}; with an error or warning: {share(warned)}. "
            f"`check` took {np.median(seconds) if seconds else 0:.1f} s in the median, "
            f"{max(seconds, default=0):.1f} s at most.",
            table(pd.DataFrame(kinds)) if kinds else "",
            "### Precision by code",
            "An alarm is a finding of severity error or warning. It is right if the case has the "
            f"code; {', '.join(SYMPTOMS)} are symptoms, right in every faulty program.",
            table(pd.DataFrame(codes)) if codes else "No alarm.",
            "### Alarms in healthy programs",
            table(accused) if len(accused) else "None.",
            "### Errors of the doctor itself",
            "\n".join(crashes) or "None.",
        ]
    )


def questions_report(known: dict[str, Any], records: dict[str, Any]) -> str:
    """Return rank of the right cause by question, and false alarms on the mended twins."""
    lines = []
    for name, case in known["questions"].items():
        record, twin = records.get(f"questions/{name}"), records.get(f"questions/{name}/mended")
        if record is None:
            continue
        order = ranked(record)
        places = [order.index(code) + 1 for code in case.codes if code in order]
        lines.append(
            {
                "question": name,
                "right causes": ", ".join(case.codes),
                "place": min(places, default=0) or "-",
                "first three": ", ".join(order[:3]) or "-",
                "twin's alarms": ", ".join(sorted(alarms(twin))) if twin else "not run",
            }
        )
    places = [line["place"] for line in lines]
    twins = [line["twin's alarms"] != "" for line in lines if line["twin's alarms"] != "not run"]
    return "\n\n".join(
        [
            "## Questions",
            f"Right cause first: {share([p == 1 for p in places])}; among the first three: "
            f"{share([p != '-' and p <= 3 for p in places])}. Mended twins with an error or a "
            f"warning: {share(twins)}.",
            table(pd.DataFrame(lines)) if lines else "",
        ]
    )


def outcomes_report(known: dict[str, Any], records: dict[str, Any]) -> str:
    """Return what every program did, beside what its label claims."""
    sections, failed, missing = [], [], []
    for suite, group in known.items():
        lines = []
        for name, case in group.items():
            for mended in (False, True):
                record = records.get(f"{suite}/{name}{'/mended' if mended else ''}")
                if record is None:
                    missing += [] if mended and case.mended is None else [label_of(name, mended)]
                    continue
                measured, outcome = (
                    record["measured"],
                    case.mended_outcome if mended else case.outcome,
                )
                label = "mended" if mended else ", ".join(case.codes) or "healthy"
                lines.append(
                    {
                        "program": name,
                        "label": label,
                        "claim": outcome.text.split("\n")[0],
                        "holds": "yes" if record["holds"] else "NO",
                    }
                    | {
                        column: number(measured.get(column))
                        for column in (
                            "score",
                            "train_score",
                            "constant",
                            "loss_first",
                            "loss",
                            "val_loss",
                        )
                    }
                    | {
                        "error": measured.get("error", "").split(":")[0],
                        "s": number(record["seconds"], 1),
                    }
                )
                failed += [] if record["holds"] else [f"{name} ({label})"]
        if lines:
            sections.append(f"## {suite.capitalize()}\n\n{table(pd.DataFrame(lines))}")
    held = f"Of {len(records)} programs, {len(records) - len(failed)} do what their label claims."
    if missing:
        held += f" Not run: {', '.join(missing)}."
    return "\n\n".join([held, *([f"Not so: {', '.join(failed)}."] if failed else []), *sections])


def label_of(name: str, mended: bool) -> str:
    """Return a program's name in a list."""
    return f"{name} (mended)" if mended else name


def number(value: Any, digits: int = 3) -> str:
    """Return a number with few digits, nothing for a missing one."""
    if value is None or not np.isfinite(value):
        return "" if value is None else "not finite"
    return f"{value:.{digits}f}" if abs(value) < 1e4 else f"{value:.2g}"


def chosen(asked: argparse.Namespace, known: dict[str, Any]) -> list[Task]:
    """Return the tasks that the command line asks for."""
    from faults.case import halves

    suites = {"planted": ("planted", "healthy"), "questions": ("questions",)}
    wanted = [suite for name in asked.suite or suites for suite in suites[name]]
    tasks = []
    for suite in wanted:
        half = halves(list(known[suite].values()))
        for name, case in known[suite].items():
            if asked.only and not any(part in name for part in asked.only):
                continue
            if suite != "questions" and asked.half and half[name] != asked.half:
                continue
            needs_causes = asked.diagnose or suite == "questions"
            tasks.append(Task(suite, name, False, asked.verify, needs_causes))
            if case.mended is not None and (asked.verify or suite == "questions"):
                tasks.append(Task(suite, name, True, asked.verify))
    # in an order in which a part of them is a sample
    return sorted(tasks, key=lambda task: (task.mended, crc32(task.key.encode())))


def versions() -> str:
    """Return date, versions and machine of a run."""
    names = ("keras", "tensorflow", "numpy")
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    cores = os.cpu_count()
    return f"{date.today()}, Python {platform.python_version()}, {packages}, {cores} CPU cores."


def main() -> None:
    """Run the cases and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path, help="where records are kept")
    parser.add_argument(
        "--verify", action="store_true", help="measure outcomes, without the doctor"
    )
    parser.add_argument("--suite", choices=("planted", "questions"), action="append")
    parser.add_argument("--half", choices=("development", "scored"), help="of the planted suite")
    parser.add_argument("--only", action="append", help="part of a case's name")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--limit", type=float, default=300, help="seconds for one program")
    parser.add_argument(
        "--diagnose", action="store_true", help="run `diagnose` on the planted suite, too"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=math.inf,
        help="start no program later; 0 for a report only",
    )
    parser.add_argument("--markdown", type=Path, help="where to write the report")
    asked = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    known = cases()
    file = asked.directory / ("outcomes.jsonl" if asked.verify else "findings.jsonl")
    records = run_all(chosen(asked, known), file, asked.jobs, asked.limit, asked.minutes)
    if asked.verify:
        name, title = "fault_outcomes.md", "Outcomes of the doctor's test programs"
        parts = [outcomes_report(known, records)]
    else:
        name, title = "doctor_recall.md", "Recall and precision of the doctor"
        parts = []
        if "questions" not in (asked.suite or ()) or len(asked.suite) > 1:
            parts.append(planted_report(known, records, asked.half or "both"))
        if "planted" not in (asked.suite or ()) or len(asked.suite) > 1:
            parts.append(questions_report(known, records))
        tasks = chosen(asked, known)
        counts = [
            f"{sum(task.key in records for task in some)} of {len(some)} {words}"
            for words, some in (
                ("planted and healthy programs", [t for t in tasks if t.suite != "questions"]),
                ("questions", [t for t in tasks if t.suite == "questions" and not t.mended]),
                ("mended twins of questions", [t for t in tasks if t.mended]),
            )
            if some
        ]
        parts.insert(0, f"Run: {', '.join(counts)}. {versions()}")
    command = "`tests/benchmarks/doctor_recall.py" + (" --verify`" if asked.verify else "`")
    path = asked.markdown or RESULTS / name
    path.write_text("\n\n".join([f"# {title}", f"By {command}.", *parts]) + "\n")
    print(f"Wrote {path}.")


if __name__ == "__main__":
    main()
