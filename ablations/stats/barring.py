"""Reasons for which a comparison has no verdict: few pairs, no learning, divergence."""

from collections.abc import Collection, Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablations.study import BASELINE
from ablations.study.checks import EXPLORATORY_BELOW
from cnnzoo.doctor.finding import AT_CHANCE, DIVERGED, MODES_DIFFER

NO_VERDICT = "no verdict: "
"""Beginning of the note of a comparison without a verdict."""

FEW_PAIRS = f"{NO_VERDICT}fewer than {EXPLORATORY_BELOW} pairs"
BOTH_AT_CHANCE = f"{NO_VERDICT}in every pair both trials are at chance level"

UNFINISHED = f"{NO_VERDICT}the study is not finished"

MARKED = (AT_CHANCE, DIVERGED, MODES_DIFFER)
"""Codes of findings that bear on a verdict."""

Marks = Mapping[str, Mapping[str, Collection[object]]]
"""Seeds of the trials that have a finding, by code of the finding and by variant."""


def marks_of(trials: pd.DataFrame) -> Marks:
    """Return the trials that are at chance level, diverged, or explained by an artefact.

    Parameters
    ----------
    trials
        One row per trial. Without a column ``codes`` the result is empty.
    """
    marks: dict[str, dict[str, set[object]]] = {code: {} for code in MARKED}
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
    """Return notes with the number of pairs whose trials are at chance level or diverged.

    Pairs in which only one trial has differing losses in training and inference mode are also
    counted, because their delta may be an artefact of BatchNormalization's moving averages.

    Examples
    --------
    >>> marks = {"at-chance": {"baseline": {0, 1}, "a": {0, 1}}, "diverged": {}}
    >>> notes_of_marks(marks, "a", [0, 1])
    ['no verdict: in every pair both trials are at chance level']
    >>> notes_of_marks(marks, "a", [0, 1, 2])
    ['in 2 of 3 pairs both trials are at chance level']
    """
    level_seeds = {code: marks.get(code, {}).get(variant, ()) for code in MARKED}
    base_seeds = {code: marks.get(code, {}).get(baseline, ()) for code in MARKED}
    pairs = list(seeds)
    diverged = sum(seed in level_seeds[DIVERGED] or seed in base_seeds[DIVERGED] for seed in pairs)
    chance = sum(seed in level_seeds[AT_CHANCE] and seed in base_seeds[AT_CHANCE] for seed in pairs)
    artefacts = [
        (seed in level_seeds[MODES_DIFFER]) != (seed in base_seeds[MODES_DIFFER]) for seed in pairs
    ]
    notes = []
    if diverged:
        notes.append(f"{NO_VERDICT}training diverged in {diverged} of {len(pairs)} pairs")
    if chance and chance == len(pairs):
        notes.append(BOTH_AT_CHANCE)
    elif chance:
        notes.append(f"in {chance} of {len(pairs)} pairs both trials are at chance level")
    if any(artefacts):
        notes.append(
            f"in {sum(artefacts)} of {len(pairs)} pairs the delta may be an artefact: one trial's "
            "loss differs between training and inference"
        )
    return notes


def barred(notes: Iterable[str], but: tuple[str, ...] = ()) -> NDArray[np.bool_]:
    """Return which comparisons have no verdict, according to their notes.

    Parameters
    ----------
    notes
        One text per comparison: notes joined by "; ".
    but
        Beginnings of the reasons to ignore.

    Examples
    --------
    >>> barred(["", FEW_PAIRS, f"2 of 5 pairs are missing; {FEW_PAIRS}"]).tolist()
    [False, True, True]
    """
    return np.array(
        [
            any(
                note.startswith(NO_VERDICT) and not note.startswith(but)
                for note in text.split("; ")
            )
            for text in notes
        ],
        dtype=bool,
    )
