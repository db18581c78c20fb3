"""What a search left behind."""

from pathlib import Path


class SearchResults:
    """A search's directory.

    Parameters
    ----------
    path
        The directory.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
