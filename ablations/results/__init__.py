"""What stored trials say: as tables, compared, chosen from, and gathered for a report."""

from ablations.results.results import Results, open_results

__all__ = ["Results", "open_results"]
