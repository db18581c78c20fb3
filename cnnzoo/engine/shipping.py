"""Send functions to worker processes, also those that only this process can import.

cloudpickle sends functions of the main program, of notebooks and of other functions by their
compiled code, and all others by their names. Only this project's own worker processes read what it
writes, and nothing of it is stored.
"""

from typing import Any

import cloudpickle

from cnnzoo.engine.limits import EngineError


def ship(function: Any) -> bytes:
    """Return a function with all that it refers to, for `unpack` in a worker process.

    Raises
    ------
    EngineError
        If it refers to something that belongs to this process, such as a lock or an open file.

    Examples
    --------
    >>> limit = 3
    >>> unpack(ship(lambda number: number < limit))(2)
    True
    """
    try:
        return bytes(cloudpickle.dumps(function))
    except EngineError:
        raise
    except Exception as error:  # whatever the classes of the objects raise
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise EngineError(
            "The builder, its arguments or the data refer to an object that cannot be sent to "
            f"worker processes ({type(error).__name__}: {reason}). Create it inside the function "
            "that uses it, or run one trial after the other in this process."
        ) from error


class Parcel:
    """A value that a worker process unpacks only when it is asked for.

    Unpacking objects of Keras may start TensorFlow, which must be prepared before.

    Parameters
    ----------
    value
        The value.
    packed
        What `ship` made of it, in the process that it was sent to.

    Examples
    --------
    >>> unpack(ship(Parcel([3]))).open()
    [3]
    """

    def __init__(self, value: Any, packed: bytes = b"") -> None:
        self._value, self._packed = value, packed

    def __reduce__(self) -> tuple[type["Parcel"], tuple[None, bytes]]:
        """Pickle the value as bytes."""
        return Parcel, (None, self._packed or ship(self._value))

    def open(self) -> Any:
        """Return the value."""
        return unpack(self._packed) if self._packed else self._value


def unpack(shipped: bytes) -> Any:
    """Return the function that `ship` packed."""
    return cloudpickle.loads(shipped)
