"""Storage of studies: one SQLite file per study, and the provenance of its results."""

from ablations.store.store import FILE, LOCK, Planned, Store, read_study

__all__ = ["FILE", "LOCK", "Planned", "Store", "read_study"]
