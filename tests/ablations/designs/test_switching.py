"""Which level is on: by meaning, declaration or default, never by order."""

from typing import Annotated

import pytest

from ablations import Study, StudyError
from ablations.designs.planner import Planner
from ablations.report.wording import ends_words
from cnnzoo import Recipe
from cnnzoo.toggle import Toggle

Kind = Annotated[str, Toggle("kind of block", levels=("plain", "dense"), off="plain")]


def net(
    input_shape=(8, 8, 1),
    *,
    batch_norm=True,
    skip: bool = False,
    no_bias: bool = False,
    mixing="none",
    dropout: float = 0.0,
    gain: float = 0.0,
    pooling="max",
    width=32,
    kind: Kind = "dense",
):
    raise AssertionError("only its signature is read")


def baseline(design, factors, model=net, **more):
    return dict(
        Planner.of(Study(model, "digits", factors=factors, design=design, **more)).layout.baseline
    )


def refusal(design, factors, **more):
    with pytest.raises(StudyError) as refused:
        baseline(design, factors, **more)
    return str(refused.value)


FACTORS = {
    "batch_norm": ([True, False], True),
    "skip": ([True, False], True),  # off by default, and on all the same where all is on
    "no_bias": ([True, False], False),
    "mixing": (["crop", "none"], "crop"),
    "dropout": ([0.3, 0.0], 0.3),
    "gain": ([0.5, 0.0], 0.5),
    "pooling": (["average", "max"], "max"),
    "width": ([32, 8], 32),
    "kind": (["dense", "plain"], "dense"),
}
"""Levels of each factor and the one that is on."""


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("name", [name for name in FACTORS if name != "gain"])
def test_order_of_levels_does_not_decide_what_is_on(name, turn):
    levels, on = FACTORS[name]
    off = next(level for level in levels if level != on)
    factors = {name: levels[::turn]}
    assert baseline("leave-one-out", factors) == {name: on}
    assert baseline("add-one-in", factors) == {name: off}


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize(
    ("model", "name", "levels", "on"),
    [
        ("batch_norm", "normalization", ["none", "batch"], "batch"),
        ("residual", "skip", [True, False], True),
        ("mlp", "weight_decay", [0.001, 0], 0.001),
        ("mlp", "augment", ["crop", "none"], "crop"),
        ("mlp", "schedule", ["cosine", "constant"], "cosine"),
        ("mlp", "batch_size", [64, 16], 16),  # the recipe's
        ("mlp", "label_noise", [0.2, 0.0], 0.2),
        ("downsampling", "pool_size", [2, 1], 2),
    ],
)
def test_toggles_of_the_zoo_declare_what_is_off(model, name, levels, on, turn):
    recipe = Recipe(batch_size=16)
    found = baseline("leave-one-out", {name: levels[::turn]}, model, recipe=recipe)
    assert found == {name: on}


@pytest.mark.parametrize(
    ("design", "state", "why", "name", "levels", "example"),
    [
        ("leave-one-out", "on", "0.0, is a number that often means off", "gain", [0.5, 0.0], 0.5),
        ("add-one-in", "off", "0.0, is a number that often means off", "gain", [0.0, 0.5], 0.0),
        ("add-one-in", "off", "'max', is not among them", "pooling", ["avg", "mixed"], "mixed"),
        ("leave-one-out", "on", "0.0, is not among them", "dropout", [0.1, 0.3], 0.3),
    ],
)
def test_unknown_on_level_is_refused(design, state, why, name, levels, example):
    listed = ", ".join(map(repr, levels))
    assert refusal(design, {name: levels}) == (
        f"`{name}`: the design {design} starts with every factor {state}; which of {listed} is on "
        f"is not known, because neither means off (False, 'none') and the default, {why}. Give "
        f"the level that is {state} in `baseline`, as in baseline={{{name!r}: {example!r}}}."
    )
    for level in levels:
        assert baseline(design, {name: levels}, baseline={name: level}) == {name: level}


def test_baseline_with_the_wrong_state_is_refused():
    assert refusal("leave-one-out", {"skip": [False, True]}, baseline={"skip": False}) == (
        "`skip`: the design leave-one-out starts with every factor on, which is True here; the "
        "study's baseline says False. Leave it out of `baseline`, or give the design "
        "one-at-a-time, which starts from any baseline."
    )


def test_declared_baseline_outside_the_levels_is_refused():
    assert refusal("leave-one-out", {"width": [8, 16]}, baseline={"width": 64}) == (
        "The baseline's level of `width`, 64, is not among the study's levels 8, 16. Replace one "
        "of them by it, or give baseline={'width': 8}."
    )


@pytest.mark.parametrize(
    ("design", "sentence"),
    [
        (
            "leave-one-out",
            "The baseline has everything on: skip True, pooling max. Each variant turns one "
            "factor off: skip False, pooling average.",
        ),
        (
            "add-one-in",
            "The baseline has everything off: skip False, pooling average. Each variant turns "
            "one factor on: skip True, pooling max.",
        ),
        ("path", "The path leads from skip True, pooling max to skip False, pooling average."),
        ("one-at-a-time", ""),
    ],
)
def test_report_starts_from_the_on_levels(design, sentence):
    factors = {"skip": [True, False], "pooling": ["max", "average"]}
    study = Study(net, "digits", factors=factors, design=design)
    planned = dict(Planner.of(study).layout.baseline)
    assert ends_words({**study.to_dict(), "baseline": planned}) == sentence
