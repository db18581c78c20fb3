"""Storage of studies: one SQLite file per study, and the provenance of its results."""

from ablations.store.columns import Plan, Planned, StoredResults
from ablations.store.store import FILE, LOCK, Store, read_study

__all__ = ["FILE", "LOCK", "Plan", "Planned", "Store", "StoredResults", "read_study"]
