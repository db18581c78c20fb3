"""Searches on Ray."""

import pytest
from helpers.engine_parameters import NEEDS_RAY

import cnnzoo
from cnnzoo import Recipe
from cnnzoo.tuning.records import SearchError

SEARCH = {"units": [4, 8]}
OPTIONS = {"tuner": "grid", "seeds": 2, "recipe": Recipe(epochs=1), "progress": False}


def scores(results):
    return results.trials[["trial", "units", "status", "score"]].to_dict("list")


@NEEDS_RAY
def test_a_search_on_ray_has_the_scores_of_one_in_processes(tmp_path):
    options = {**OPTIONS, "train_size": 100}
    processes = cnnzoo.tune(
        "mlp", "digits", SEARCH, engine="processes", directory=tmp_path / "p", **options
    )
    ray = cnnzoo.tune(
        "mlp", "digits", SEARCH, engine="ray", workers=2, directory=tmp_path / "r", **options
    )
    assert scores(ray) == scores(processes)
    assert set(ray.trials["status"]) == {"done"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"engine": "rai"},
            "`engine`: expected one of processes, ray, serial; got 'rai'; did you mean `ray`?",
        ),
        (
            {"engine": "ray", "address": "somewhere"},
            "`address`: expected HOST:PORT of a Ray cluster, or 'auto' for the one that this "
            "machine has joined; got 'somewhere'.",
        ),
        ({"address": "auto"}, "`address`: expected None for the engine serial; got 'auto'."),
        ({"gpus": 3}, "`gpus`: expected a number from 0 to 1; got 3."),
        ({"cpus": 0}, "`cpus`: expected a number of cores above 0; got 0."),
    ],
)
def test_a_wrong_engine_is_refused_first(tmp_path, options, sentence):
    with pytest.raises(SearchError) as refused:
        cnnzoo.tune("mlp", "digits", SEARCH, directory=tmp_path / "s", **OPTIONS, **options)
    assert str(refused.value) == sentence
    assert not (tmp_path / "s").exists()
