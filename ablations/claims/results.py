"""What a run of the claims found, stored as JSON, read without Keras and reported."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.claims.claim import Comparison
from ablations.claims.outcome import ClaimOutcome, StudyOutcome
from ablations.claims.record import FORMAT, ClaimsRecord, ClaimsRun
from ablations.claims.request import FILE, FULL_RUN
from ablations.claims.verdict import Explanation, HypothesisVerdict
from ablations.study.errors import StudyError, check_known
from cnnzoo.runtime.files import write_atomically
from cnnzoo.zoo import DOCUMENTS

if TYPE_CHECKING:
    import altair


class ClaimsResults(ClaimsRecord):
    """The results of a run of the claims: a verdict for each, with what it rests on.

    Parameters
    ----------
    outcomes
        Outcomes of the claims.
    run
        How they were run.
    directory
        Directory of the run.

    Attributes
    ----------
    outcomes, run, directory
        As given; outcomes in the order of the claims' ids.
    interrupted
        Whether Ctrl-C ended the run before all claims were tested; False for opened results.
    """

    def report(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write a report.

        Parameters
        ----------
        path
            File to write; its suffix gives the format: .html, .md, .csv, .tex or .json.
        overwrite
            Whether to replace any existing file. A report that this run wrote and nobody changed
            is replaced in any case.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ReportError
            If the suffix is another one, or another file exists and `overwrite` is
            false.
        """
        from ablations.claims.report import claims_document
        from ablations.report.write import save_report
        from ablations.report.written import WrittenFiles

        document, written = claims_document(self, path), WrittenFiles(self.directory)
        return save_report(document, path, overwrite=overwrite, written=written)

    def of_document(self, document: str) -> "ClaimsResults":
        """Return the results of the claims that a document makes.

        Parameters
        ----------
        document
            Number of the document, such as "003".

        Raises
        ------
        StudyError
            If there is no such document.
        """
        check_known(document, list(DOCUMENTS), "There is no document")
        chosen = [one for one in self.outcomes if document in one.documents]
        return ClaimsResults(chosen, self.run, self.directory)

    def plot(self) -> "altair.Chart":
        """Draw the standardized effects of the hypotheses with their intervals.

        Returns
        -------
        altair.Chart

        Raises
        ------
        StudyError
            If no hypothesis has an effect with an interval.
        """
        from ablations.claims.report import effects_figure
        from ablations.report.figure import file_spec
        from ablations.report.theme import LIGHT
        from cnnzoo.runtime.charts import offline

        figure = effects_figure(self, LIGHT)
        if figure is None:
            raise StudyError(
                "`plot`: expected claims with hypotheses; got none with an effect and an interval."
            )
        return offline(file_spec(figure, "Claims of the documents"))

    def save(self) -> Path:
        """Write the results to ``claims.json`` in the directory, in one step."""
        path = self.directory / FILE
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        write_atomically(path, f"{text}\n".encode())
        return path


def open_claims(path: str | Path | None = None) -> ClaimsResults:
    """Open the stored results of a run of the claims, without Keras.

    Parameters
    ----------
    path
        Directory of the run, or its file ``claims.json``. If it is left out, the results of the
        full run that comes with this package are opened.

    Returns
    -------
    ClaimsResults

    Raises
    ------
    StudyError
        If there are none, or the file is of another version.
    """
    if path is None:
        path = FULL_RUN
    if not isinstance(path, str | os.PathLike):
        raise StudyError(f"`path`: expected the directory of a run of the claims; got {path!r}.")
    place = Path(path).expanduser()
    file = place if place.suffix == ".json" else place / FILE
    if not file.is_file():
        raise StudyError(
            f"There are no results of claims in {place}. `ablations claims --to {place}` makes "
            "some."
        )
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        number = stored["format"]
        if number != FORMAT:
            raise StudyError(
                f"{file} has format {number}; expected {FORMAT}. Run the claims again in another "
                "directory."
            )
        run = ClaimsRun(**{each.name: stored[each.name] for each in fields(ClaimsRun)})
        outcomes = [_outcome(one) for one in stored["claims"]]
    except (KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{file} does not hold results of claims: {error!r}.") from None
    return ClaimsResults(outcomes, run, file.parent)


def _outcome(stored: Mapping[str, Any]) -> ClaimOutcome:
    """Return an outcome from its JSON values."""
    kinds = {
        "comparisons": Comparison,
        "hypotheses": HypothesisVerdict,
        "studies": StudyOutcome,
        "explanation": Explanation,
    }
    values = {
        name: tuple(kind(**_numbers(one)) for one in stored[name]) for name, kind in kinds.items()
    }
    return ClaimOutcome(**{**stored, **values, "documents": tuple(stored["documents"])})


def _numbers(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored values; None stands for a number that JSON cannot hold."""
    return {name: math.nan if value is None else value for name, value in stored.items()}
