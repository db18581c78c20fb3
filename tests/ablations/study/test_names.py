"""Custom builders that use the name of a toggle of the recipe or the data."""

import sys
import types

import pytest

import ablations
import cnnzoo
from ablations.study.toml_file import read_study

SENTENCE = "`{}` is a {} of `{}` and also a toggle of the recipe or the data. Rename the {}."


def asking(hp):
    hp.Int("units", 4, 8)
    if hp.Boolean("wide"):
        hp.Float("label_noise", 0.0, 0.5)


def taking(units=4, batch_size=32): ...


def taking_no_level(units=4, augment=None): ...


@pytest.fixture(autouse=True)
def module(monkeypatch):
    """Make the builders importable as those of a custom module."""
    custom = types.ModuleType("custom_builders")
    for builder in (asking, taking, taking_no_level):
        monkeypatch.setattr(builder, "__module__", custom.__name__)
        setattr(custom, builder.__name__, builder)
    monkeypatch.setitem(sys.modules, custom.__name__, custom)


@pytest.mark.parametrize(
    ("builder", "factors", "name", "noun"),
    [
        (taking, {"units": [4, 8]}, "batch_size", "parameter"),
        (taking, {"batch_size": [16, 32]}, "batch_size", "parameter"),
        (taking_no_level, {"units": [4, 8]}, "augment", "parameter"),
        (asking, {"units": [4, 8]}, "label_noise", "hyperparameter"),  # under its `if`
        (asking, {"label_noise": [0.0, 0.1]}, "label_noise", "hyperparameter"),
    ],
)
@pytest.mark.parametrize("start", [ablations.plan, ablations.run])
def test_study_raises_whether_it_is_a_factor_or_not(
    tmp_path, monkeypatch, start, builder, factors, name, noun
):
    monkeypatch.chdir(tmp_path)
    study = ablations.Study(builder, "digits", factors=factors, seeds=1)
    with pytest.raises(cnnzoo.ToggleError) as refused:
        start(study, engine="serial")
    assert str(refused.value) == SENTENCE.format(name, noun, study.model, noun)
    assert list(tmp_path.iterdir()) == []


def test_study_in_a_file_raises_the_same_error(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('model = "custom_builders:taking"\n[factors]\nunits = [4, 8]\n')
    with pytest.raises(cnnzoo.ToggleError) as refused:
        ablations.plan(read_study(path), engine="serial")
    assert str(refused.value) == SENTENCE.format(
        "batch_size", "parameter", "custom_builders:taking", "parameter"
    )
