"""Keep compiled models warm, so that another seed of a configuration trains without tracing."""

import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

MAX_WEIGHTS = 20_000_000
"""Number of weights that the kept models have together, apart from the last model. Tracing takes
little of the time that a larger model trains."""

_BESIDE = "_kept_beside"


def kept_beside(model: Any) -> dict[str, Any] | None:
    """Return what is kept together with a kept model, to add to it; None if it is not kept.

    Only `restart` changes a kept model, so functions that were traced with it stay valid.

    Examples
    --------
    >>> import cnnzoo
    >>> kept_beside(WarmModels().get("mlp", cnnzoo.mlp, 0)), kept_beside(cnnzoo.mlp())
    ({}, None)
    """
    beside: dict[str, Any] | None = vars(model).get(_BESIDE)
    return beside


class WarmModels:
    """The last compiled models, reused for further trainings of their configurations.

    Tracing a model takes longer than training a small one for an epoch. A reused model is reset
    first, and trains to the same weights as one that was built with the seed. The model that was
    not used for the longest time is dropped first.

    Parameters
    ----------
    capacity
        Maximum number of models to keep.

    Attributes
    ----------
    keys
        Configurations of the kept models; the last used one is the last.

    Examples
    --------
    >>> import cnnzoo
    >>> warm = WarmModels(capacity=2)
    >>> first, second = (
    ...     warm.get("mlp", lambda: cnnzoo.mlp(units=8, seed=seed), seed) for seed in (0, 1)
    ... )
    >>> first is second, warm.keys
    (True, ['mlp'])
    """

    def __init__(self, capacity: int = 1) -> None:
        self.capacity = capacity
        self._models: OrderedDict[Hashable, Any] = OrderedDict()
        self._uncollected = False

    @property
    def keys(self) -> list[Hashable]:
        """Configurations of the kept models; the last used one is the last."""
        return list(self._models)

    def get(
        self,
        key: Hashable,
        build: Callable[[], Any],
        seed: int,
        *,
        rate: float | None = None,
        keep: bool = True,
    ) -> Any:
        """Return a kept model reset to a seed, or build one.

        Parameters
        ----------
        key
            Everything that the compiled model depends on, except the seed and `rate`.
        build
            Function that returns the compiled ``keras.Model`` for the seed.
        seed
            Seed of the initial weights and of the layers' random streams.
        rate
            Learning rate of the model that `build` returns, which a kept one takes over.
        keep
            Whether the model may be reused. False for a builder whose models may hold state that
            a reset does not reach; the models of other configurations then stay kept.

        Returns
        -------
        keras.Model
        """
        from cnnzoo.models.initialization import restart  # imports Keras, which a caller may not

        if keep and key in self._models:
            self._models.move_to_end(key)
            kept = self._models[key]
            restart(kept, seed)
            if rate is not None:
                kept.optimizer.learning_rate = rate
            return kept
        while keep and self._models and self._full():
            self._models.popitem(last=False)
            self._uncollected = True
        if self._uncollected:
            gc.collect()  # a traced model is full of reference cycles
        self._uncollected = not keep
        model = build()
        if keep:
            self._models[key] = model
            vars(model)[_BESIDE] = {}  # not by `setattr`, with which Keras would track it
        return model

    def clear(self) -> None:
        """Drop all models."""
        self._uncollected = self._uncollected or bool(self._models)
        self._models.clear()

    def _full(self) -> bool:
        if len(self._models) >= self.capacity:
            return True
        return bool(sum(model.count_params() for model in self._models.values()) > MAX_WEIGHTS)
