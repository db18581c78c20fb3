"""The studies that a search leads to, and their results."""

import inspect
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ablations.report.wording import seed_words
from ablations.results import Results
from ablations.search.contents import UNKNOWN_SEEDS
from ablations.search.counterpart import Counterpart, objective_of
from ablations.search.report import search_report
from ablations.stats.paired_t import paired_t
from ablations.stats.pairs import noise_of
from ablations.stats.shared_blocks import shared_blocks
from ablations.study import BASELINE, Study
from cnnzoo.runtime.console import say
from cnnzoo.signature import check_keywords
from cnnzoo.training.metric_names import name_of
from cnnzoo.tuning.reading.results import SearchResults
from cnnzoo.tuning.records import Objective, SearchTrial

FOLDERS = ("rivals", "one-at-a-time", "path")
"""Folders of the results of each study of `SearchStudies`."""

COLUMNS = [
    "rank",
    "trial",
    "variant",
    "search_score",
    "fresh_mean",
    "seeds",
    "optimism",
    "ci_low",
    "ci_high",
    "note",
]
"""Columns of `SearchAblation.optimism`."""


@dataclass(frozen=True, repr=False)
class SearchStudies:
    """The studies that a search leads to, on seeds that it has not used as far as is known.

    Parameters
    ----------
    search
        The search.
    rivals
        Study of the best configurations, with the winner as the baseline.
    one_at_a_time
        Study that sets one choice of the winner at a time to its default; None if the winner is
        the default configuration.
    path
        Study of the path from the defaults to the winner, by the best single change each step;
        None if the winner is the default configuration.
    contenders
        Search trials of the best configurations, the winner first.
    counterpart
        Metric that stands for the objective of the search.
    """

    search: SearchResults
    rivals: Study
    one_at_a_time: Study | None
    path: Study | None
    contenders: tuple[SearchTrial, ...]
    counterpart: Counterpart

    def __repr__(self) -> str:
        count, seeds = len(self.contenders), seed_words({"seeds": self.rivals.seed_blocks})
        contenders = "the winner" if count == 1 else f"the best {count} configurations"
        choices = len(self.path.factors) if self.path else 0
        ablated = f"{choices} choice{'s' * (choices != 1)} of the winner to ablate"
        notes = " ".join(filter(None, (self.seeds_note, self.note)))
        about = f"{contenders} on seeds {seeds}; {ablated}{notes and f'. {notes}'}"
        return f"<SearchStudies of {self.rivals.model_name}: {about}>"

    @property
    def note(self) -> str:
        """Sentence on the compared metric if it is not the objective of the search; else empty."""
        return self.counterpart.note(self.rivals.metrics[0])

    @property
    def seeds_note(self) -> str:
        """Sentence that the search may have used the seeds; empty if its own seeds are known."""
        return "" if self.search.seeds else UNKNOWN_SEEDS

    @property
    def studies(self) -> dict[str, Study]:
        """The studies by the folder of their results."""
        all_three = zip(FOLDERS, (self.rivals, self.one_at_a_time, self.path), strict=True)
        return {name: study for name, study in all_three if study is not None}

    def _question(self, name: str) -> str:
        """Return what a study does, in a few words."""
        others = len(self.contenders) - 1
        rivals = f"the winner and {others} rival{'s' * (others != 1)}" if others else "the winner"
        return {
            FOLDERS[0]: f"{rivals} again" + ", on fresh seeds" * (not self.seeds_note),
            FOLDERS[1]: "each choice of the winner set back to its default",
            FOLDERS[2]: "from the defaults to the winner, by the best change each step",
        }[name]

    def run(self, directory: str | Path | None = None, **options: Any) -> "SearchAblation":
        """Run the studies one after the other, or resume them; Ctrl-C skips the remaining ones.

        Parameters
        ----------
        directory
            Directory of their results, with one folder per study; ``studies/NAME`` if left out.
        options
            Options of `ablations.run`: ``workers``, ``engine``, ``retry_failed``, ``renew_after``
            and ``progress``.

        Raises
        ------
        StudyError, ToggleError
            As `ablations.run`.
        """
        from ablations.running import run as runner

        _, _, *names = inspect.signature(runner.run).parameters
        check_keywords(options, names, "run")
        place = runner.place_of(self.rivals, directory)
        results: dict[str, Results] = {}
        shown = options.get("progress", True)
        for note in (self.seeds_note, self.note):
            if shown and note:
                say(note)
        for number, (name, study) in enumerate(self.studies.items(), 1):
            if shown:
                say(f"Study {number} of {len(self.studies)}, {name}: {self._question(name)}.")
            results[name] = runner.run(study, place / name, **options)
            if results[name].stop_asked:
                remaining = [other for other in self.studies if other not in results]
                if shown and remaining:
                    say(f"Not started: {' and '.join(remaining)}; run the studies again to resume.")
                break
        rivals, one_at_a_time, path = FOLDERS
        return SearchAblation(self, results[rivals], results.get(one_at_a_time), results.get(path))


@dataclass(frozen=True, repr=False)
class SearchAblation:
    """The results of the studies that a search led to.

    Parameters
    ----------
    studies
        The studies.
    rivals, one_at_a_time, path
        Results of each study; None if there is no such study, or Ctrl-C came before it.
    """

    studies: SearchStudies
    rivals: Results
    one_at_a_time: Results | None
    path: Results | None

    def __repr__(self) -> str:
        parts = []
        all_results = (self.rivals, self.one_at_a_time, self.path)
        for name, results in zip(FOLDERS, all_results, strict=True):
            if results is not None:
                counts = results.trials["status"].value_counts().items()
                parts.append(f"{name} {', '.join(f'{count} {status}' for status, count in counts)}")
        return f"<SearchAblation of {self.studies.rivals.model_name}: {'; '.join(parts)}>"

    def optimism(self) -> pd.DataFrame:
        """Compare the search's scores with the means over fresh seeds.

        Returns
        -------
        pandas.DataFrame
            One row per configuration, the winner first: ``rank`` and ``trial`` in the search,
            ``variant`` in the study, ``search_score``, ``fresh_mean`` of the same metric over the
            ``seeds`` that all configurations share (0 if this one mostly failed), ``optimism``
            (how much the search's score was too good; negative if it was too bad), its 95%
            interval ``ci_low`` and ``ci_high``, and ``note``: why there is no optimism if the
            studies do not measure the objective of the search.
        """
        search, counterpart = self.studies.search, self.studies.counterpart
        names = [contender.name for contender in self.studies.contenders]
        scores = search.configurations.set_index("trial").loc[names, "score"]
        metric = "" if counterpart.reason else name_of(counterpart.metric)
        measured = Objective(metric, objective_of(search).direction)
        return optimism(self.rivals.trials, scores, measured, self.studies.note)

    def report(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the search's report, with the optimism of its scores and the choices that matter.

        Parameters
        ----------
        path
            File to write; its suffix gives the format: .html, .md, .csv, .tex or .json.
        overwrite
            Whether to replace an existing file.

        Raises
        ------
        ReportError
            If the suffix is another one, or the file exists and `overwrite` is false.
        """
        return search_report(self.studies.search, path, ablation=self, overwrite=overwrite)


def optimism(
    trials: pd.DataFrame, scores: pd.Series, objective: Objective, note: str = ""
) -> pd.DataFrame:
    """Compare scores of a search with means over fresh seeds.

    The interval is Student's for the mean over the fresh seeds that all configurations share, so
    that none wins because it failed in hard seeds; the search's score counts as a fixed number.
    There is no interval if all values are alike, because so few values show no spread.

    Parameters
    ----------
    trials
        `ablations.Results.trials` of the study that trained the configurations again: its variants
        are in the order of the scores, with the baseline first.
    scores
        Scores of the search by trial, the best first.
    objective
        Objective of the search, by the name of the study's metric. It is compared on the
        validation split, else on the test split, else not at all.
    note
        Why nothing is compared, for the last column.

    Returns
    -------
    pandas.DataFrame
        As `ablations.SearchAblation.optimism`.
    """
    name = objective.name.removeprefix("val_")
    columns = [f"{split}_{name}" for split in ("validation", "test")]
    column = next((column for column in columns if column in trials), "")
    table = shared_blocks(trials, column).table if column else pd.DataFrame()
    names = list(dict.fromkeys([BASELINE, *trials["variant"]]))
    sign = -1.0 if objective.lower else 1.0
    rows = []
    for place, (trial, score) in enumerate(scores.items()):
        values = table[names[place]].to_numpy() if names[place] in table else np.empty(0)
        gap = paired_t(sign * (float(score) - values), noise=noise_of(values, score))
        mean = float(values.mean()) if len(values) else math.nan
        numbers = (mean, len(values), float(gap.delta), float(gap.low), float(gap.high))
        rows.append((place + 1, trial, names[place], score, *numbers, note))
    return pd.DataFrame(rows, columns=COLUMNS)
