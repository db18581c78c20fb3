"""What was run, on disk: one SQLite file a study, and the machine that its results are of."""

from ablations.store.store import FILE, LOCK, Planned, Store

__all__ = ["FILE", "LOCK", "Planned", "Store"]
