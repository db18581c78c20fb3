"""Run the claims: exact checks first, then the studies, with a stored outcome for each claim."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ablations.claims.catalogue import claims
from ablations.claims.claim import Claim, Comparison
from ablations.claims.outcome import ClaimOutcome, outcome_of
from ablations.claims.record import ClaimsRun
from ablations.claims.request import DIRECTORY, FILE, QUICK_DIRECTORY, Request, asked
from ablations.claims.results import ClaimsResults, open_claims
from ablations.claims.times import speed_words
from ablations.study import Study
from ablations.study.errors import StudyError
from cnnzoo.runtime.code_version import difference, files_version, imported_files, trial_versions
from cnnzoo.runtime.console import load_keras, say
from cnnzoo.runtime.error_text import reason_of
from cnnzoo.runtime.files import LockedError, lock
from cnnzoo.signature import refuse_unknown

if TYPE_CHECKING:
    from ablations.results import Results

LOCK = "claims.lock"

PACKAGES = ("cnnzoo", "keras", "tensorflow", "numpy")


@refuse_unknown
def run_claims(
    only: str | Sequence[str] = (),
    directory: str | Path | None = None,
    *,
    document: str | None = None,
    quick: bool = False,
    data: str | None = None,
    seeds: int | None = None,
    workers: int | None = None,
    retry_failed: bool = False,
    progress: bool = True,
) -> ClaimsResults:
    """Test the documents' claims: exact checks first, then the studies.

    Each study has a folder of its name in the directory, and the outcomes are in ``claims.json``
    there, which is written after each claim. A run resumes: trials that are stored are not trained
    again, and outcomes of claims that are not among `only` stay. A claim whose check or study
    fails gets no verdict but a reason, and the others are tested.

    Parameters
    ----------
    only
        Ids or names of claims, such as "C13"; all if left out.
    directory
        Directory of the results; ``claims``, or ``claims-quick`` for a quick run, if left out.
    document
        Number of a document, such as "003": only its claims.
    quick
        Whether to run smaller studies, as each claim declares them, which leave more undecided.
    data
        Data spec of ``cnnzoo.load_data`` that replaces the data of the studies. Claims that depend
        on their own data keep it.
    seeds
        Number of seed blocks of every study; by default as declared.
    workers
        Number of trials to run in parallel, as for `ablations.run`.
    retry_failed
        Whether to retry trials that failed in an earlier run.
    progress
        Whether to show progress.

    Returns
    -------
    ClaimsResults
        The results; ``interrupted`` is true if Ctrl-C ended the run early.

    Raises
    ------
    StudyError
        Before any training, if there is no such claim or document, a claim among `only` does not
        allow other data, or the directory holds a run with other settings or is in use.
    """
    request = asked(only, document=document, quick=quick, data=data, seeds=seeds)
    if directory is None:
        directory = QUICK_DIRECTORY if quick else DIRECTORY
    elif not isinstance(directory, str | os.PathLike) or not os.fspath(directory):
        raise StudyError(f"`directory`: expected a path; got {directory!r}.")
    place = Path(directory).expanduser()
    with _held(place):
        run = _Run(request, place, workers, retry_failed, progress)
        run.test_all()
    return run.results


def command_of(tested: Iterable[str], run: ClaimsRun, directory: Path) -> str:
    """Return the command that repeats a run.

    Parameters
    ----------
    tested
        Ids of the claims.
    run
        Settings of the run.
    directory
        Its directory.

    Examples
    --------
    >>> command_of(["C02"], ClaimsRun(quick=True, seeds=8), Path("my claims"))
    "ablations claims --only C02 --quick --seeds 8 --to 'my claims'"
    """
    words, ids = ["ablations", "claims"], {*tested}
    if not ids >= claims().keys():
        words += ["--only", ",".join(sorted(ids))]
    if run.quick:
        words.append("--quick")
    if run.data is not None:
        words += ["--data", run.data]
    if run.seeds is not None:
        words += ["--seeds", str(run.seeds)]
    return shlex.join([*words, "--to", str(directory)])


class _Run:
    """One run of claims, which stores its outcomes after each claim."""

    def __init__(
        self,
        request: Request,
        directory: Path,
        workers: int | None,
        retry_failed: bool,
        progress: bool,
    ) -> None:
        self._request, self._directory = request, directory
        self._workers, self._retry_failed = workers, retry_failed
        self._progress = progress
        self._outcomes: dict[str, ClaimOutcome] = {}
        self._checked: dict[str, tuple[Comparison, ...]] = {}
        self._reasons: dict[str, str] = {}
        self._ran: dict[Study, Results] = {}
        self._interrupted = False
        self._tested = 0
        settings = ClaimsRun(request.quick, request.data, request.seeds)
        self._settings = settings
        if (directory / FILE).exists():
            stored = open_claims(directory)
            _check_same_settings(stored.run, settings, directory)
            changed = difference(stored.run.versions, _versions())
            self._outcomes = {one.id: _aged(one, changed) for one in stored.outcomes}
        else:
            self.results.save()  # with the settings, for a run that is interrupted early

    @property
    def results(self) -> ClaimsResults:
        """Return the results so far."""
        from cnnzoo.runtime.machine import describe_machine

        run = replace(
            self._settings,
            made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            command=command_of(
                {*self._outcomes, *(claim.id for claim in self._request.claims)},
                self._settings,
                self._directory,
            ),
            versions=_versions(),
            machine={**describe_machine(), "speed": speed_words()},
        )
        results = ClaimsResults(list(self._outcomes.values()), run, self._directory)
        results.interrupted = self._interrupted
        return results

    def test_all(self) -> None:
        """Run the exact checks, then the studies, and store the outcome of each claim."""
        for claim in self._request.claims:
            if claim.check:
                self._check(claim)
            if not claim.studies:
                self._end(claim)
        for claim in self._request.claims:
            if claim.studies and not self._interrupted:
                self._run_studies(claim)
        if self._tested == len(self._request.claims):
            self._interrupted = False

    def _check(self, claim: Claim) -> None:
        """Run the exact check of a claim."""
        try:
            load_keras()
            checks = import_module("ablations.claims.exact_checks")
            self._checked[claim.id] = tuple(getattr(checks, claim.check)())
        except Exception as error:
            self._note(claim, f"the check {claim.check} failed: {reason_of(error)}")

    def _run_studies(self, claim: Claim) -> None:
        """Run the studies of a claim that have not run yet; if all have, decide the claim."""
        from ablations.running.run import run

        results = {}
        for study in self._request.studies_of(claim):
            if study not in self._ran:
                if self._interrupted:
                    return
                self._say(f"{claim.id} {claim.name}: study {study.name}")
                try:
                    ran = run(
                        study,
                        self._directory / study.name,
                        workers=self._workers,
                        retry_failed=self._retry_failed,
                        progress=self._progress,
                    )
                except Exception as error:
                    self._note(claim, f"the study {study.name} failed: {reason_of(error)}")
                    continue
                self._interrupted = ran.interrupted or ran.stop_asked
                if ran.interrupted:
                    return
                self._ran[study] = ran
            results[study.name] = self._ran[study]
        self._end(claim, results)

    def _end(self, claim: Claim, results: Mapping[str, Results] = MappingProxyType({})) -> None:
        """Decide a claim, store its outcome and show it."""
        reason = self._reasons.get(claim.id, "")
        try:
            outcome = outcome_of(claim, results, self._checked.get(claim.id), reason)
        except StudyError as error:
            self._note(claim, f"no verdict: {error}")
            stated = (claim.id, claim.name, claim.documents, claim.text)
            outcome = ClaimOutcome(*stated, reason=self._reasons[claim.id])
        self._outcomes[claim.id] = outcome
        self.results.save()
        self._tested += 1
        position = f"{self._tested}/{len(self._request.claims)}"
        self._say(f"{position} {claim.id} {claim.name}: {outcome.verdict}. {outcome.found}")

    def _note(self, claim: Claim, reason: str) -> None:
        """Add a reason why a part of a claim was not tested."""
        earlier = self._reasons.get(claim.id)
        self._reasons[claim.id] = f"{earlier}; {reason}" if earlier else reason

    def _say(self, line: str) -> None:
        if self._progress:
            say(line)


@contextmanager
def _held(directory: Path) -> Iterator[None]:
    """Hold the directory of a run.

    Raises
    ------
    StudyError
        If another process holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    try:
        held = lock(directory / LOCK)
    except LockedError as error:
        raise StudyError(
            f"`directory`: process {error.holder} is testing claims in {directory}. Wait for it, "
            "or choose another directory."
        ) from None
    try:
        yield
    finally:
        held.release()


def _check_same_settings(stored: ClaimsRun, wanted: ClaimsRun, directory: Path) -> None:
    for name, value in wanted.settings.items():
        if stored.settings[name] != value:
            raise StudyError(
                f"`directory`: expected a run of the claims with {name}={value!r}; got {directory} "
                f"with {name}={stored.settings[name]!r}. Choose another directory."
            )


def _aged(outcome: ClaimOutcome, changed: str) -> ClaimOutcome:
    """Return a stored outcome with what has changed since its claim was tested."""
    return replace(outcome, changed=outcome.changed or changed)


@cache
def _versions() -> Mapping[str, str]:
    """Return the versions of packages, of the code of a trial, and of what decides a claim."""
    from ablations.store.provenance import RUN_TRIAL

    deciding: dict[str, Path] = {}
    for module in ("catalogue", "exact_checks", "verdict"):
        deciding.update(imported_files(f"ablations.claims.{module}"))
    return trial_versions(RUN_TRIAL, PACKAGES, claims=files_version(deciding))
