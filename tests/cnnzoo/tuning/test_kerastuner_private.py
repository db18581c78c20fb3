"""The private parts of KerasTuner are those that `kerastuner_private` was written for."""

import ast
import hashlib
import inspect
import json
import textwrap
from importlib.metadata import version

import keras_tuner
import pytest

import cnnzoo
from cnnzoo.tuning.kerastuner_private import KNOWN_VERSIONS, SURFACE, check_surface

DIGESTS = {
    "Oracle": "e68b5f76e1ce",
    "GridSearchOracle": "32246fc96a4d",
    "BayesianOptimizationOracle": "0316dbf0dead",
    "HyperbandOracle": "ef759232a112",
    "Trial": "233896566b49",
}
"""Digest of the source code of each class, without comments and docstrings, in KerasTuner 1.4.8."""


def code_digest(kind):
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body[0] = ast.Pass()
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:12]


@pytest.mark.parametrize("kind", [*SURFACE, keras_tuner.engine.trial.Trial])
def test_the_private_code_of_kerastuner_is_unchanged(kind):
    """If it fails, check `kerastuner_private` with the new code, then update the digest."""
    assert code_digest(kind) == DIGESTS[kind.__name__]


def test_the_installed_version_is_known():
    """If it fails, and all other tests pass, add the version to `KNOWN_VERSIONS`."""
    assert version("keras-tuner") in KNOWN_VERSIONS


@pytest.mark.parametrize("kind", SURFACE)
def test_all_parts_of_the_surface_exist(kind):
    hp = keras_tuner.HyperParameters()
    hp.Int("units", 1, 8)
    if kind is not keras_tuner.Oracle:
        check_surface(kind(keras_tuner.Objective("val_loss", "min"), hyperparameters=hp))
    assert all(SURFACE[kind])


def test_a_missing_part_is_named_with_the_versions_that_work(searched, monkeypatch, tmp_path):
    monkeypatch.setitem(SURFACE, keras_tuner.Oracle, ("trials", "_gone", "_lost"))
    with pytest.raises(cnnzoo.SearchError) as refused:
        searched("mlp", "digits", {"units": [4, 8]})
    assert str(refused.value) == (
        f"KerasTuner {version('keras-tuner')} has no Oracle._gone, Oracle._lost, which searches "
        "use. They are known to work with KerasTuner 1.4.8: run pip install keras-tuner==1.4.8."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_finished_search_opens_in_kerastuner(searched, stub_training, tmp_path):
    stub_training(lambda levels, seed: levels["units"] / 100)
    searched("mlp", "digits", {"units": [4, 8]}, tuner="grid")
    hypermodel = cnnzoo.hypermodel("mlp", search={"units": [4, 8]})
    tuner = keras_tuner.GridSearch(
        hypermodel,
        objective=keras_tuner.Objective("val_accuracy", "max"),
        directory=tmp_path,
        project_name="search",
    )
    assert tuner.get_best_hyperparameters()[0].values == {"units": 8}
    files = [*tmp_path.glob("search/*.json"), *tmp_path.glob("search/trial_*/*.json")]
    assert all(json.loads(path.read_text()) is not None for path in files)
