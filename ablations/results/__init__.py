"""Results of stored trials: tables, comparisons, choices, and the contents of reports."""

from ablations.results.results import Results, open_results

__all__ = ["Results", "open_results"]
