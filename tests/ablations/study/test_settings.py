import dataclasses
import itertools
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations import Settings, StudyError, Trial
from ablations.study.errors import check_known, digest
from cnnzoo import Recipe
from cnnzoo.levels import same

LEVELS = (1, True, 1.0, "1", "True", "1.0")
"""All equal or written alike, and all different levels."""


@pytest.mark.parametrize(("one", "other"), [*itertools.combinations(LEVELS, 2)])
def test_levels_of_different_types_differ(one, other):
    assert not same(one, other)
    assert Settings(a=one) != Settings(a=other)
    assert hash(Settings(a=one)) != hash(Settings(a=other))
    assert str(Settings(a=one)) != str(Settings(a=other))
    assert digest({"a": one}) != digest({"a": other})


@pytest.mark.parametrize("level", LEVELS)
def test_level_equals_itself(level):
    assert same(level, level)
    assert Settings(a=level) == Settings({"a": level})
    assert len({Settings(a=level), Settings({"a": level})}) == 1


def test_order_of_toggles_does_not_matter():
    assert Settings(a=1, b=2) == Settings(b=2, a=1)
    assert hash(Settings(a=1, b=2)) == hash(Settings(b=2, a=1))


def test_settings_are_not_equal_to_a_dict():
    assert Settings(a=1) != {"a": 1}


def test_settings_are_immutable_copies():
    source = {"a": 1}
    settings = Settings(source)
    source["a"] = 2
    assert settings["a"] == 1
    with pytest.raises(TypeError):
        settings["a"] = 3


@pytest.mark.parametrize(
    ("levels", "text"),
    [
        ({}, ""),
        ({"pool": "max"}, "pool=max"),
        ({"skip": True, "rate": 0.5, "depth": 2}, "skip=True, rate=0.5, depth=2"),
        ({"a": "2"}, "a='2'"),
        ({"a": "False"}, "a='False'"),
        ({"a": "nan"}, "a='nan'"),
        ({"a": "3x3"}, "a=3x3"),
    ],
)
def test_settings_as_text(levels, text):
    assert str(Settings(levels)) == text


scalars = st.one_of(
    st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)


@given(st.dictionaries(st.text(min_size=1), scalars, max_size=4))
def test_settings_survive_json(levels):
    assert Settings(json.loads(json.dumps(dict(Settings(levels))))) == Settings(levels)


def test_unknown_name_names_the_nearest():
    with pytest.raises(StudyError) as refused:
        check_known("pats", ["path", "list"], "There is no design")
    assert str(refused.value) == (
        "There is no design `pats`; did you mean `path`? Known: path, list."
    )
    with pytest.raises(StudyError) as refused:
        check_known("xyzzy", ["path", "list"], "There is no design")
    assert str(refused.value) == "There is no design `xyzzy`. Known: path, list."


TRIAL = Trial("mlp", "digits", Settings(units=8, dropout=0.5), Recipe(epochs=1), 3)


def test_key_of_a_trial_depends_on_all_of_it():
    others = [
        dataclasses.replace(TRIAL, model="downsampling"),
        dataclasses.replace(TRIAL, data="mnist5k"),
        dataclasses.replace(TRIAL, settings=Settings(units=8)),
        dataclasses.replace(TRIAL, settings=Settings(units=8.0, dropout=0.5)),
        dataclasses.replace(TRIAL, recipe=Recipe(epochs=2)),
        dataclasses.replace(TRIAL, seed=0),
    ]
    assert len({trial.key for trial in [TRIAL, *others]}) == 7
    assert dataclasses.replace(TRIAL, settings=Settings(dropout=0.5, units=8)).key == TRIAL.key


def test_seeds_of_a_variant_share_its_key():
    assert dataclasses.replace(TRIAL, seed=4).variant_key == TRIAL.variant_key
    assert dataclasses.replace(TRIAL, data="mnist5k").variant_key != TRIAL.variant_key
    assert TRIAL.variant_key != TRIAL.key


def test_key_of_a_trial_is_the_same_in_every_process():
    code = (
        "from ablations import Settings, Trial; from cnnzoo import Recipe; "
        "t = Trial('mlp', 'digits', Settings(units=8, dropout=0.5), Recipe(epochs=1), 3); "
        "print(t.key, t.variant_key)"
    )
    for hash_seed in ("0", "1"):
        answer = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout.split() == [TRIAL.key, TRIAL.variant_key]


def test_trial_is_frozen_and_hashable():
    assert len({TRIAL, dataclasses.replace(TRIAL)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        TRIAL.seed = 4
