"""Objects as levels: ``None``, tuples, functions and classes have texts, and texts name them.

A level is stored as a text that stays the same: "None", "(3, 3)", or "module:name", by which any
process imports the object. Objects that have no such name get one in a `cnnzoo.Toggle`.
"""

import ast
import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any


class ObjectError(ValueError):
    """Raised for an object that has no text, or a text that names no object."""


def is_plain(value: object) -> bool:
    """Return whether a value is None, a bool, a number, a text or a tuple or list of these.

    Examples
    --------
    >>> is_plain((3, (None, "same"))), is_plain(print)
    (True, False)
    """
    if isinstance(value, tuple | list):
        return all(map(is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def text_of(value: Any) -> str:
    """Return the text of an object.

    Parameters
    ----------
    value
        ``None``; a tuple or list of bools, numbers, texts and ``None``, whose text is that of a
        tuple; or a function or a class that can be imported.

    Raises
    ------
    ObjectError
        If another process could not find the object by a text.

    Examples
    --------
    >>> text_of(None), text_of([3, 3]), text_of(is_plain)
    ('None', '(3, 3)', 'cnnzoo.objects:is_plain')
    >>> import numpy as np
    >>> text_of(tuple(np.array([0.5, 1.5])))
    '(0.5, 1.5)'
    """
    if value is None or isinstance(value, tuple | list):
        tuples = _tuples(value)
        text = repr(tuples)
        if is_plain(tuples) and object_of(text) == tuples:
            return text
        raise ObjectError(f"{value!r} contains an object without a name.")
    exported = getattr(value, "_api_export_path", None)  # the public name of an object of Keras
    path = exported if isinstance(exported, str) or exported is None else exported[0]
    if path and _found(text := ":".join(path.rsplit(".", 1))) is value:
        return text
    module, name = (getattr(value, part, "") for part in ("__module__", "__qualname__"))
    text = f"{module}:{name}"
    if name and module != "__main__" and _found(text) is value:
        return text
    raise ObjectError(f"{value!r} cannot be imported by a name.")


def object_of(text: str) -> Any:
    """Return the object of a text; the text itself if it names none.

    Only texts of the form "module:name" import something.

    Raises
    ------
    ObjectError
        If the module has no such object.

    Examples
    --------
    >>> object_of("(3, 3)"), object_of("None"), object_of("relu")
    ((3, 3), None, 'relu')
    """
    if text == "None" or (text.startswith("(") and text.endswith(")")):
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text
        return value if is_plain(value) else text
    if not module_of(text):
        return text
    return import_object(text)[0]


def import_object(path: str) -> tuple[Any, ModuleType]:
    """Return the object at "module:name", and the module.

    Raises
    ------
    ObjectError
        If there is none, or importing the module fails: a module may raise anything, which is then
        the cause of the error.

    Examples
    --------
    >>> import_object("math:pi")[0]
    3.141592653589793
    """
    place, _, name = path.partition(":")
    try:
        module = importlib.import_module(place)
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        usual = isinstance(error, ImportError | AttributeError)
        reason = "." if usual else f": {type(error).__name__}: {error}"
        raise ObjectError(f"{path!r} cannot be imported{reason}") from error
    return found, module


def module_of(text: object) -> str:
    """Return the module that a text "module:name" names; "" for other levels.

    Examples
    --------
    >>> module_of("keras.layers:ReLU"), module_of("conv:relu"), module_of(3)
    ('keras.layers', '', '')
    """
    module, _, name = text.partition(":") if isinstance(text, str) else ("", "", "")
    names = [*module.split("."), *name.split(".")]
    return module if all(map(str.isidentifier, names)) and _spec_of(module) else ""


def is_installed(module: str) -> bool:
    """Return whether a module is of Python itself or of an installed package, without importing it.

    Examples
    --------
    >>> is_installed("math"), is_installed("keras.layers"), is_installed("nowhere")
    (True, True, False)
    """
    spec = _spec_of(module)
    if spec is None or spec.name in sys.stdlib_module_names:
        return spec is not None
    places = [spec.origin or "", *(spec.submodule_search_locations or ())]
    return any({"site-packages", "dist-packages"} & {*Path(place).parts} for place in places)


def _spec_of(module: str) -> ModuleSpec | None:
    """Return what Python knows of the top-level package of a module; None if there is none."""
    try:
        return importlib.util.find_spec(module.partition(".")[0])
    except (ImportError, ValueError):  # such as the main program
        return None


def _tuples(value: Any) -> Any:
    """Return tuples for lists, and Python's numbers for NumPy's."""
    if isinstance(value, tuple | list):
        return tuple(map(_tuples, value))
    return value.item() if getattr(value, "shape", None) == () else value


def _found(text: str) -> Any:
    """Return the object at "module:name"; None if there is none."""
    try:
        return import_object(text)[0]
    except ObjectError:
        return None
