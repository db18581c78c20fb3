"""The toggles that a signature declares, and the settings that it takes."""

from pathlib import Path
from typing import Annotated, Literal

import pytest

from cnnzoo.toggle import (
    Toggle,
    ToggleError,
    check_settings,
    read_toggles,
    switched_off_by,
    toggle_of,
)

# Reading a signature


def tiny(
    *,
    filters: Annotated[int, Toggle("channels", low=1, high=64)] = 8,
    pool: Annotated[Literal["max", "none"], Toggle("pooling")] = "max",
    pool_kind: Annotated[
        Literal["hard", "soft"], Toggle("kind of pooling", when=("pool", ("max",)))
    ] = "hard",
    sharpness: Annotated[
        float, Toggle("sharpness", low=0.0, high=9.0, when=("pool_kind", ("soft",)))
    ] = 1.0,
    tag: str = "no toggle",
) -> None: ...


TINY = read_toggles(tiny)


def test_a_signature_gives_names_types_levels_and_defaults():
    assert list(TINY) == ["filters", "pool", "pool_kind", "sharpness"]
    assert [toggle.name for toggle in TINY.values()] == list(TINY)
    assert [toggle.type for toggle in TINY.values()] == [int, str, str, float]
    assert [toggle.levels for toggle in TINY.values()] == [
        (),
        ("max", "none"),
        ("hard", "soft"),
        (),
    ]
    assert [toggle.default for toggle in TINY.values()] == [8, "max", "hard", 1.0]


def test_a_bool_has_two_levels():
    toggle = toggle_of("skip", Annotated[bool, Toggle("shortcuts")])
    assert toggle is not None
    assert toggle.levels == (False, True)
    assert toggle.type is bool


@pytest.mark.parametrize("annotation", [None, int, Annotated[int, "not a toggle"], "Filters"])
def test_an_annotation_without_a_toggle_gives_none(annotation):
    assert toggle_of("some", annotation) is None


def test_a_signatures_default_goes_before_the_alias_own():
    alias = Annotated[float, Toggle("size of the steps", low=0.0, high=1.0, default=0.5)]

    def both(*, own: alias = 0.25, inherited: alias): ...

    toggles = read_toggles(both)
    assert toggles["own"].default == 0.25
    assert toggles["inherited"].default == 0.5


def test_a_users_builder_with_annotations_kept_as_text_is_read(tmp_path: Path):
    source = """
from __future__ import annotations
import functools
from typing import TYPE_CHECKING
from cnnzoo.vocabulary import Filters, Pool, PoolSize
if TYPE_CHECKING:
    import nowhere_to_be_found

def logged(function):
    @functools.wraps(function)
    def call(**settings):
        return function(**settings)
    return call

def mine(*, filters: Filters = 4, pool: Pool = "none", pool_size: PoolSize = 3,
         note: str = "") -> nowhere_to_be_found.Model:
    return None

wrapped = logged(mine)
"""
    namespace = {"__name__": "users_own"}
    exec(compile(source, str(tmp_path / "users_own.py"), "exec"), namespace)  # noqa: S102
    for function in (namespace["mine"], namespace["wrapped"]):
        toggles = read_toggles(function)
        assert list(toggles) == ["filters", "pool", "pool_size"]
        assert toggles["filters"].default == 4
        assert toggles["pool_size"].levels == (1, 2, 3, 4)
        assert toggles["pool_size"].condition == "pool is max or average"


def test_a_function_without_toggles_has_none():
    assert read_toggles(lambda x: x) == {}


# Settings


def test_settings_are_completed_in_the_order_of_the_signature():
    settings = check_settings(TINY, {"pool_kind": "soft"}, "tiny")
    assert settings == {"filters": 8, "pool": "max", "pool_kind": "soft", "sharpness": 1.0}
    assert list(settings) == ["filters", "pool", "pool_kind", "sharpness"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"filter": 8},
            "`tiny` has no toggle `filter`; did you mean `filters`? "
            "Its toggles: filters, pool, pool_kind, sharpness.",
        ),
        (
            {"tag": "x"},
            "`tiny` has no toggle `tag`. Its toggles: filters, pool, pool_kind, sharpness.",
        ),
        (
            {"pool": "none", "pool_kind": "soft"},
            "`pool_kind` of `tiny` has no effect unless pool is max; "
            "got pool_kind='soft' with pool='none'.",
        ),
        (
            {"sharpness": 2},
            "`sharpness` of `tiny` has no effect unless pool_kind is soft; "
            "got sharpness=2.0 with pool_kind='hard'.",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused_in_a_sentence(given, sentence):
    with pytest.raises(ToggleError) as caught:
        check_settings(TINY, given, "tiny")
    assert str(caught.value) == sentence


def test_toggle_is_switched_off_with_its_parent():
    settings = {"filters": 8, "pool": "none", "pool_kind": "soft", "sharpness": 1.0}
    assert switched_off_by("sharpness", TINY, settings) == "pool"
    assert switched_off_by("filters", TINY, settings) is None


def test_a_switched_off_toggle_may_be_given_at_its_default():
    given = {"pool": "none", "pool_kind": "hard", "sharpness": 1}
    assert check_settings(TINY, given, "tiny")["pool_kind"] == "hard"


def test_condition_on_a_missing_toggle_is_ignored():
    lonely = {"sharpness": TINY["sharpness"]}
    assert check_settings(lonely, {"sharpness": 2.0}, "tiny") == {"sharpness": 2.0}


def test_a_default_that_is_not_allowed_is_refused_too():
    def wrong(*, filters: Annotated[int, Toggle("channels", low=1, high=64)] = 0): ...

    with pytest.raises(ToggleError) as caught:
        check_settings(read_toggles(wrong), {}, "wrong")
    assert str(caught.value) == "`filters` of `wrong` must be a whole number from 1 to 64; got 0."


def test_a_toggle_without_any_default_must_be_given():
    def bare(*, filters: Annotated[int, Toggle("channels", low=1, high=64)]): ...

    toggles = read_toggles(bare)
    assert check_settings(toggles, {"filters": 3}, "bare") == {"filters": 3}
    with pytest.raises(ToggleError) as caught:
        check_settings(toggles, {}, "bare")
    assert str(caught.value) == (
        "`filters` of `bare` must be a whole number from 1 to 64; got None (NoneType)."
    )
