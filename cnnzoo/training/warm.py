"""Keep a compiled model warm, so that the next seed of a configuration trains without tracing."""

import gc
from collections.abc import Callable, Hashable
from typing import Any


class WarmModel:
    """The last compiled model, reused for further trainings of its configuration.

    Tracing a model takes longer than training a small one for an epoch. A reused model is reset
    first, and trains to the same weights as one that was built with the seed. One model is kept,
    because the trials of a worker come ordered by configuration.

    Attributes
    ----------
    key
        Configuration of the kept model; None if no model is kept.

    Examples
    --------
    >>> import cnnzoo
    >>> warm = WarmModel()
    >>> first, second = (
    ...     warm.get("mlp", lambda: cnnzoo.mlp(units=8, seed=seed), seed) for seed in (0, 1)
    ... )
    >>> first is second, warm.key
    (True, 'mlp')
    """

    def __init__(self) -> None:
        self.key: Hashable = None
        self._model: Any = None
        self._uncollected = False

    def get(self, key: Hashable, build: Callable[[], Any], seed: int, *, keep: bool = True) -> Any:
        """Return the kept model reset to a seed, or build one.

        Parameters
        ----------
        key
            Everything that the compiled model depends on, except the seed; not None.
        build
            Function that returns the compiled ``keras.Model`` for the seed.
        seed
            Seed of the initial weights and of the layers' random streams.
        keep
            Whether the model may be reused. False for a builder whose models may hold state that
            a reset does not reach; the model of another configuration then stays kept.

        Returns
        -------
        keras.Model
        """
        from cnnzoo.models.initialization import restart  # imports Keras, which a caller may not

        if keep and key == self.key:
            restart(self._model, seed)
            return self._model
        if keep:
            self.clear()
        if self._uncollected:
            gc.collect()  # a traced model is full of reference cycles
        self._uncollected = True
        model = build()
        if keep:
            self.key, self._model = key, model
        return model

    def clear(self) -> None:
        """Drop the kept model, for example after a training that failed."""
        self.key = self._model = None
