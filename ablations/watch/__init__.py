"""Watch a study: a page on this machine that shows how far it is."""

from ablations.watch.server import watch

__all__ = ["watch"]
