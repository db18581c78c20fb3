"""Load data for many trials: each source is read once."""

from collections.abc import Mapping

from cnnzoo.data.dataset import Data
from cnnzoo.data.load import READ_BY, load_data, open_data, reading_of
from cnnzoo.data.scaling import is_mapped
from cnnzoo.data.source import Examples, Reading
from cnnzoo.data.sources import full_spec
from cnnzoo.toggle import Level

KEPT_BYTES = 2**29
"""Bytes of sources in memory that are kept besides the last one; mapped files take none."""

KEPT_SPLITS = 16
"""Number of `Data` objects that are kept. They share the pixels of their source."""

Source = tuple[str | int, Reading]
"""A spec, or the identity of arrays; and how it is read."""


class Loader:
    """Loads data as `load_data` does, but reads a source again only after `clear`.

    Examples
    --------
    >>> loader = Loader()
    >>> first, second = (loader.load("digits", seed, {"train_size": 100}) for seed in (0, 1))
    >>> first.train.x.stored is second.train.x.stored
    True
    """

    def __init__(self) -> None:
        self._sources: dict[Source, tuple[object, Examples | Data]] = {}
        self._splits: dict[tuple[Source, int, tuple[tuple[str, Level], ...]], Data] = {}

    def load(self, spec: object, seed: int, toggles: Mapping[str, Level]) -> Data:
        """Load data.

        Parameters
        ----------
        spec, seed
            As in `load_data`. Arrays are known by their identity and must not change.
        toggles
            Toggles of `load_data`.
        """
        spec = full_spec(spec)
        source = spec if isinstance(spec, str) else id(spec), reading_of(toggles)
        opened = self._open(spec, source)
        splits = (source, seed, tuple(toggles.items()))
        data = self._splits.pop(splits, None)
        if data is None:
            if isinstance(opened, Examples):  # they were read as the toggles say
                toggles = {name: toggles[name] for name in toggles if name not in READ_BY}
            data = load_data(opened, seed=seed, **toggles)  # type: ignore[arg-type]
        self._splits[splits] = data
        if len(self._splits) > KEPT_SPLITS:
            del self._splits[next(iter(self._splits))]
        return data

    def _open(self, spec: object, source: Source) -> Examples | Data:
        # with the spec itself, because its identity is that of another object once it is gone
        kept = self._sources.pop(source, None)
        if kept is None:
            # forget the least recently used, before the next is read
            while (
                sum(_bytes_in_memory(opened) for _, opened in self._sources.values()) > KEPT_BYTES
            ):
                forgotten = next(iter(self._sources))
                del self._sources[forgotten]
                self._splits = {k: data for k, data in self._splits.items() if k[0] != forgotten}
            kept = spec, open_data(spec, reading=source[1])
        self._sources[source] = kept
        return kept[1]

    def clear(self) -> None:
        """Forget all sources, because files may have changed."""
        self._sources.clear()
        self._splits.clear()


def _bytes_in_memory(opened: Examples | Data) -> int:
    if isinstance(opened, Data):  # which its caller holds, or which is mapped
        return 0
    return sum(x.nbytes for x, _ in opened.parts.values() if not is_mapped(x))
