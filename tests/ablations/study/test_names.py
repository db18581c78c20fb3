"""What a builder of one's own takes by the name of a toggle of the recipe or the data."""

import sys
import types

import pytest

import ablations
import cnnzoo
from ablations.study.toml_file import read_study

SENTENCE = "`{}` is a {} of `{}` and a toggle of its recipe or data: call it something else there."


def asking(hp):
    hp.Int("units", 4, 8)
    if hp.Boolean("wide"):
        hp.Float("label_noise", 0.0, 0.5)


def taking(units=4, batch_size=32): ...


def taking_no_level(units=4, augment=None): ...


@pytest.fixture(autouse=True)
def module(monkeypatch):
    """Make the builders importable as those of a module of one's own."""
    own = types.ModuleType("builders_of_ones_own")
    for builder in (asking, taking, taking_no_level):
        monkeypatch.setattr(builder, "__module__", own.__name__)
        setattr(own, builder.__name__, builder)
    monkeypatch.setitem(sys.modules, own.__name__, own)


@pytest.mark.parametrize(
    ("builder", "factors", "name", "what"),
    [
        (taking, {"units": [4, 8]}, "batch_size", "parameter"),
        (taking, {"batch_size": [16, 32]}, "batch_size", "parameter"),
        (taking_no_level, {"units": [4, 8]}, "augment", "parameter"),
        (asking, {"units": [4, 8]}, "label_noise", "hyperparameter"),  # under its `if`
        (asking, {"label_noise": [0.0, 0.1]}, "label_noise", "hyperparameter"),
    ],
)
@pytest.mark.parametrize("start", [ablations.plan, ablations.run])
def test_a_study_refuses_it_whether_it_is_a_factor_or_not(
    tmp_path, monkeypatch, start, builder, factors, name, what
):
    monkeypatch.chdir(tmp_path)
    study = ablations.Study(builder, "digits", factors=factors, seeds=1)
    with pytest.raises(cnnzoo.ToggleError) as refused:
        start(study, engine="serial")
    assert str(refused.value) == SENTENCE.format(name, what, study.model)
    assert list(tmp_path.iterdir()) == []


def test_a_study_in_a_file_refuses_it_by_the_same_sentence(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('model = "builders_of_ones_own:taking"\n[factors]\nunits = [4, 8]\n')
    with pytest.raises(cnnzoo.ToggleError) as refused:
        ablations.plan(read_study(path), engine="serial")
    assert str(refused.value) == SENTENCE.format(
        "batch_size", "parameter", "builders_of_ones_own:taking"
    )
