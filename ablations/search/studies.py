"""The studies that a search leads to, and what came of them."""

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ablations.stats.paired_t import paired_t
from ablations.stats.pairs import noise_of
from ablations.stats.shared_blocks import shared_blocks
from ablations.study import BASELINE, Study
from cnnzoo.runtime.console import say
from cnnzoo.signature import check_keywords
from cnnzoo.training.metric_names import Direction
from cnnzoo.tuning.reading.results import SearchResults
from cnnzoo.tuning.records import Objective, SearchTrial

if TYPE_CHECKING:
    import pandas as pd

    from ablations.results import Results
    from ablations.search.counterpart import Counterpart
if TYPE_CHECKING:
    from cnnzoo.tuning.records import Objective


UNKNOWN_SEEDS = "The seeds of the search are unknown, so it may have used some of these."
"""Said of a search made elsewhere, which keeps no seeds."""

FOLDERS = ("rivals", "one-at-a-time", "path")
"""Where `SearchStudies.run` puts the results of each study."""


@dataclass(frozen=True, repr=False)
class SearchStudies:
    """The studies that a search leads to, all on seeds that it has not used, as far as known.

    Parameters
    ----------
    search
        The search.
    rivals
        Its best configurations, the winner being the baseline.
    one_at_a_time
        The winner, from which one choice at a time is taken back to its default; None where the
        winner is the default configuration.
    path
        The way from the defaults to the winner by the best single change each step; None as
        above.
    contenders
        The best configurations' trials, the winner first.
    counterpart
        What the studies measure for the objective of the search.
    """

    search: SearchResults
    rivals: Study
    one_at_a_time: Study | None
    path: Study | None
    contenders: tuple[SearchTrial, ...]
    counterpart: "Counterpart"

    def __repr__(self) -> str:
        from ablations.report.wording import seed_words

        count, seeds = len(self.contenders), seed_words({"seeds": self.rivals.seed_blocks})
        tried = "the winner" if count == 1 else f"the best {count} configurations"
        choices = len(self.path.factors) if self.path else 0
        ablated = f"{choices} choice{'s' * (choices != 1)} of the winner's to ablate"
        notes = [note for note in (self.seeds_note, self.note) if note]
        note = f". {' '.join(notes)}" if notes else ""
        about = f"{tried} on seeds {seeds}; {ablated}{note}"
        return f"<SearchStudies of {self.rivals.model_name}: {about}>"

    @property
    def note(self) -> str:
        """Sentence on the metric that the studies compare, if not the objective; else empty."""
        return self.counterpart.note(self.rivals.metrics[0])

    @property
    def seeds_note(self) -> str:
        """Sentence that the search may have used the seeds; empty if its own seeds are known."""
        return "" if self.search.seeds else UNKNOWN_SEEDS

    @property
    def studies(self) -> dict[str, Study]:
        """The studies that there are, by the folder of their results."""
        all_three = zip(FOLDERS, (self.rivals, self.one_at_a_time, self.path), strict=True)
        return {name: study for name, study in all_three if study is not None}

    def _question(self, name: str) -> str:
        """Say what a study asks."""
        others = len(self.contenders) - 1
        rivals = f"the winner and {others} rival{'s' * (others != 1)}" if others else "the winner"
        return {
            FOLDERS[0]: f"{rivals} again" + ", on fresh seeds" * (not self.seeds_note),
            FOLDERS[1]: "each choice of the winner's taken back to its default",
            FOLDERS[2]: "from the defaults to the winner, by the best change each step",
        }[name]

    def run(self, directory: str | Path | None = None, **options: Any) -> "SearchAblation":
        """Run the studies, or what is missing of them; once interrupted, none of those to come.

        Before each one, a line says which it is and what it asks; before the first one,
        `seeds_note` and `note`.

        Parameters
        ----------
        directory
            Where their results go, each in a folder of its own; ``studies/NAME`` if left out.
        options
            Of `ablations.run`: ``workers``, ``engine``, ``retry_failed``, ``renew_after`` and
            ``progress``.

        Raises
        ------
        StudyError, ToggleError
            As `ablations.run`.
        """
        from ablations.running import run as runner

        _, _, *known = inspect.signature(runner.run).parameters
        check_keywords(options, known, "run")
        place = runner.place_of(self.rivals, directory)
        found: dict[str, Results] = {}
        shown = options.get("progress", True)
        for note in (self.seeds_note, self.note):
            if shown and note:
                say(note)
        for number, (name, study) in enumerate(self.studies.items(), 1):
            if shown:
                say(f"Study {number} of {len(self.studies)}, {name}: {self._question(name)}.")
            found[name] = runner.run(study, place / name, **options)
            left = [other for other in self.studies if other not in found]
            if found[name].stop_asked:
                if shown and left:
                    say(f"Not begun: {' and '.join(left)}; the same call goes on there.")
                break
        return SearchAblation(self, *(found.get(name) for name in FOLDERS))  # type: ignore[arg-type]


@dataclass(frozen=True, repr=False)
class SearchAblation:
    """What came of the studies that a search led to.

    Parameters
    ----------
    studies
        The studies.
    rivals, one_at_a_time, path
        Their results; None where there is no such study, or an interruption came before it.
    """

    studies: SearchStudies
    rivals: "Results"
    one_at_a_time: "Results | None"
    path: "Results | None"

    def __repr__(self) -> str:
        said = []
        each = zip(FOLDERS, (self.rivals, self.one_at_a_time, self.path), strict=True)
        for name, found in each:
            if found is not None:
                counts = found.trials["status"].value_counts()
                listed = ", ".join(f"{count} {status}" for status, count in counts.items())
                said.append(f"{name} {listed}")
        return f"<SearchAblation of {self.studies.rivals.model_name}: {'; '.join(said)}>"

    def optimism(self) -> "pd.DataFrame":
        """Set the scores of the search against the means over fresh seeds.

        Returns
        -------
        pandas.DataFrame
            A row a configuration, the winner first: ``rank`` and ``trial`` in the search,
            ``variant`` in the study, ``search_score``, ``fresh_mean`` of the same metric over the
            ``seeds`` that all of them share (0 of one that mostly failed), ``optimism`` (by how
            much the search's score was too good; below 0 where it was too bad), its 95% interval
            ``ci_low`` and ``ci_high``, and ``note``: why there is no optimism, where the studies do
            not measure the objective of the search.
        """
        search, counterpart = self.studies.search, self.studies.counterpart
        names = [contender.name for contender in self.studies.contenders]
        scores = search.configurations.set_index("trial").loc[names, "score"]
        metric = "" if counterpart.reason else counterpart.metric
        measured = Objective(metric, objective_of(search).direction)
        return optimism(self.rivals.trials, scores, measured, self.studies.note)

    def report(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the report of the search with how optimistic it was and which choices mattered.

        Parameters
        ----------
        path
            Where to; its suffix says what: .html, .md, .csv, .tex or .json.
        overwrite
            Whether a file that is there may be replaced.

        Raises
        ------
        ReportError
            If the suffix is another one, or the file is there already.
        """
        from ablations.search.report import search_report

        return search_report(self.studies.search, path, ablation=self, overwrite=overwrite)


def objective_of(search: SearchResults) -> Objective:
    """Return what a search looked for; without a name where nothing says it."""
    return search.objective or Objective("", Direction.MIN)


COLUMNS = (
    *("rank", "trial", "variant", "search_score", "fresh_mean", "seeds"),
    *("optimism", "ci_low", "ci_high", "note"),
)


def optimism(
    trials: pd.DataFrame, scores: pd.Series, objective: "Objective", note: str = ""
) -> pd.DataFrame:
    """Set scores of a search against means over fresh seeds.

    The search's score is taken as the number that it is; the interval is Student's, of the mean
    over the fresh seeds that all configurations share, so that none is ahead for having failed
    where it is hard. Where these are all alike there is none: so few values tell no spread.

    Parameters
    ----------
    trials
        As `ablations.Results.trials` of the study that tried the configurations again; its
        variants are in the order of the scores, the baseline being the first.
    scores
        The search's, by trial, the best first.
    objective
        Of the search, by the name of the study's metric. Where the trials measure it neither on
        the validation nor on the test split, there is nothing to set the scores against.
    note
        Why there is nothing, for the last column.

    Returns
    -------
    pandas.DataFrame
        As `ablations.SearchAblation.optimism`.
    """
    name = objective.name.removeprefix("val_")
    known = [split for split in ("validation", "test") if f"{split}_{name}" in trials]
    column = f"{known[0]}_{name}" if known else ""
    table = shared_blocks(trials, column).table if column else pd.DataFrame()
    names = _variants(trials, len(scores))
    sign = -1.0 if objective.lower else 1.0
    rows = []
    for place, (trial, score) in enumerate(scores.items()):
        values = table[names[place]].to_numpy() if names[place] in table else np.empty(0)
        gap = paired_t(sign * (float(score) - values), noise=noise_of(values, score))
        mean = float(values.mean()) if len(values) else math.nan
        numbers = (mean, len(values), float(gap.delta), float(gap.low), float(gap.high))
        rows.append((place + 1, trial, names[place], score, *numbers, note))
    return pd.DataFrame(rows, columns=COLUMNS)


def _variants(trials: pd.DataFrame, count: int) -> Sequence[str]:
    """Return the variants in their order, the winner being the baseline."""
    others = [name for name in dict.fromkeys(trials["variant"]) if name != BASELINE]
    return [BASELINE, *others][:count]
