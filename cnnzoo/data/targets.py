"""Labels of several outputs: one array for each, by the name of the output."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, overload

import numpy.typing as npt

from cnnzoo.toggle import did_you_mean, listed

Array = npt.NDArray[Any]

NAME = re.compile(r"[\w-]+")
"""Names of outputs, which begin the names of metrics."""


class Targets:
    """Labels of several outputs: class ids or numbers of shape (n,) for each, by its name.

    Its length is the number of examples. A name gives the array of an output; any other index
    selects examples of all outputs.

    Parameters
    ----------
    by_output
        Arrays of one length by the name of the output.

    Examples
    --------
    >>> import numpy as np
    >>> y = Targets({"digit": np.array([3, 1, 4]), "parity": np.array([1, 1, 0])})
    >>> len(y), y.names, y["digit"]
    (3, ('digit', 'parity'), array([3, 1, 4]))
    >>> y[[2, 0]]["digit"]
    array([4, 3])
    """

    def __init__(self, by_output: Mapping[str, Array]) -> None:
        self._by_output = dict(by_output)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return tuple(self._by_output)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self._by_output.values())

    def items(self) -> Iterator[tuple[str, Array]]:
        """Yield the name and the array of each output."""
        yield from self._by_output.items()

    def __len__(self) -> int:
        return len(next(iter(self._by_output.values())))

    @overload
    def __getitem__(self, index: str) -> Array: ...
    @overload
    def __getitem__(self, index: Any) -> "Targets": ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            return self._by_output[index]
        return Targets({name: array[index] for name, array in self.items()})

    def __repr__(self) -> str:
        return f"<Targets of {', '.join(self.names)}: {len(self)} examples>"


Labels = Array | Targets
"""Labels of one output, an array, or of several."""


class OutputError(LookupError):
    """Raised if there is no output of a name."""


class ClassesByOutput(dict[str, int]):
    """Number of classes of each output, by its name; 1 for a regression. It can be hashed."""

    def __missing__(self, name: object) -> int:
        near = did_you_mean(str(name), list(self), "'")
        raise OutputError(
            f"`classes` of several outputs: expected the name of one, {listed(self)}; got "
            f"{name!r}{near}"
        )

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))


Classes = int | ClassesByOutput
"""Number of classes of one output, or of each of several."""


def arrays_of(labels: Labels) -> dict[str, Array]:
    """Return the arrays of labels by output; the one of a single output under the name "".

    Examples
    --------
    >>> import numpy as np
    >>> arrays_of(np.array([3, 1]))
    {'': array([3, 1])}
    """
    return dict(labels.items()) if isinstance(labels, Targets) else {"": labels}


def labels_of(arrays: Mapping[str, Array]) -> Labels:
    """Return the labels whose arrays `arrays_of` returns."""
    return arrays[""] if "" in arrays else Targets(arrays)
