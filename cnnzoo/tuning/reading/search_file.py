"""What ``search.json`` says of a search, checked on the way in: anyone may have written it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cnnzoo.recipe import Recipe
from cnnzoo.toggle import ToggleError, read_toggles
from cnnzoo.tuning.reading.stored import UnreadableError, one_line, read_object

LONGEST = 60
"""Characters that a note repeats of what it found."""


def read_search(path: Path, notes: list[str]) -> dict[str, Any]:
    """Read a ``search.json``; what in it is not as it should be is left out, and noted.

    Parameters
    ----------
    path
        Of it.
    notes
        What could not be read, which is added to.

    Returns
    -------
    dict
        As ``cnnzoo.tune`` writes it; what this version does not know is left as it is.
    """
    try:
        found = read_object(path)
    except UnreadableError as error:
        notes.append(f"{error}.")
        return {}
    kept = {}
    for name, value in found.items():
        words, is_right = KINDS.get(name, ("", None))
        if is_right is None or is_right(value):
            kept[name] = value
        else:
            shown = one_line(repr(value))
            shown = shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"
            notes.append(
                f"{path.name} is not as it should be: its `{name}` is left out, for it must be "
                f"{words}; got {shown}."
            )
    return kept


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _is_table_of_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_list_of_whole(value: object) -> bool:
    return isinstance(value, list) and all(_is_whole(item) for item in value)


def _is_objective(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and value.get("direction") in ("min", "max")
    )


def _is_recipe(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    toggles = read_toggles(Recipe)
    try:
        for name in toggles.keys() & value.keys():
            toggles[name].check(value[name], "Recipe")
    except ToggleError:
        return False
    return True


KINDS: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    **dict.fromkeys(("model", "data", "about_data", "builder", "tuner"), ("a text", _is_text)),
    **dict.fromkeys(("fixed", "others"), ("a table of levels by name", _is_table)),
    "recipe": ("a table of a Recipe's levels by name", _is_recipe),
    "objective": ("a name and a direction, 'min' or 'max'", _is_objective),
    "seeds": ("a list of whole numbers from 0", _is_list_of_whole),
    "versions": ("a table of texts by package", _is_table_of_texts),
    "input_shape": ("a list of whole numbers from 0", _is_list_of_whole),
    "classes": ("a whole number from 0", _is_whole),
}
"""By name, what a value must be, in words and as a check."""
