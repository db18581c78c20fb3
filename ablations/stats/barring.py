"""Comparisons without a verdict: of few pairs, or of trials that learned nothing or diverged."""

from collections.abc import Collection, Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablations.study import BASELINE
from ablations.study.checks import EXPLORATORY_BELOW
from cnnzoo.doctor.finding import AT_CHANCE, DIVERGED

NO_VERDICT = "no verdict: "
"""Beginning of the note of a comparison without a verdict."""

FEW_PAIRS = f"{NO_VERDICT}fewer than {EXPLORATORY_BELOW} pairs"
BOTH_AT_CHANCE = f"{NO_VERDICT}in every pair both trials are at chance level"

Marks = Mapping[str, Mapping[str, Collection[object]]]
"""By code of a finding, and by variant, the seeds of the trials that have it."""


def marks_of(trials: pd.DataFrame) -> Marks:
    """Return which trials are at chance level or diverged.

    Parameters
    ----------
    trials
        A row a trial; without a column ``codes`` none is.
    """
    marks: dict[str, dict[str, set[object]]] = {AT_CHANCE: {}, DIVERGED: {}}
    if "codes" not in trials:
        return marks
    marked = trials[trials["codes"].notna() & (trials["codes"] != "")]
    rows = zip(marked["variant"], marked["seed"], marked["codes"], strict=True)
    for variant, seed, codes in rows:
        for code in marks.keys() & str(codes).split():
            marks[code].setdefault(variant, set()).add(seed)
    return marks


def notes_of_marks(
    marks: Marks, variant: str, seeds: Iterable[object], baseline: str = BASELINE
) -> list[str]:
    """Say of how many pairs the trials are at chance level, or diverged.

    Examples
    --------
    >>> marks = {"at-chance": {"baseline": {0, 1}, "a": {0, 1}}, "diverged": {}}
    >>> notes_of_marks(marks, "a", [0, 1])
    ['no verdict: in every pair both trials are at chance level']
    >>> notes_of_marks(marks, "a", [0, 1, 2])
    ['in 2 of 3 pairs both trials are at chance level']
    """
    own = {code: found.get(variant, ()) for code, found in marks.items()}
    theirs = {code: found.get(baseline, ()) for code, found in marks.items()}
    paired = list(seeds)
    diverged = sum(one in own[DIVERGED] or one in theirs[DIVERGED] for one in paired)
    chance = sum(one in own[AT_CHANCE] and one in theirs[AT_CHANCE] for one in paired)
    said = []
    if diverged:
        said.append(f"{NO_VERDICT}training diverged in {diverged} of {len(paired)} pairs")
    if chance and chance == len(paired):
        said.append(BOTH_AT_CHANCE)
    elif chance:
        said.append(f"in {chance} of {len(paired)} pairs both trials are at chance level")
    return said


def barred(notes: Iterable[str], but: str = "") -> NDArray[np.bool_]:
    """Tell from the notes of comparisons which have no verdict.

    Parameters
    ----------
    notes
        Sentences joined by "; ", a text a comparison.
    but
        A reason that does not count.

    Examples
    --------
    >>> barred(["", FEW_PAIRS, f"2 of 5 pairs are missing; {FEW_PAIRS}"]).tolist()
    [False, True, True]
    """
    return np.array(
        [
            any(one.startswith(NO_VERDICT) and one != but for one in text.split("; "))
            for text in notes
        ],
        dtype=bool,
    )
