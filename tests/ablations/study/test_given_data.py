"""Studies of arrays and loaded data: two workers, resumed, refused and opened."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

import ablations
import cnnzoo
from ablations.study.errors import StudyError
from ablations.study.toml_file import read_study

RNG = np.random.default_rng(0)
LABELS = np.arange(120) % 2
IMAGES = np.where(LABELS[:, None, None, None], 200, 50).astype(np.uint8) + RNG.integers(
    0, 50, (120, 8, 8, 1), dtype=np.uint8
)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def study(data, seeds=2, **options):
    recipe = cnnzoo.Recipe(epochs=1)
    return ablations.Study(
        "mlp",
        data,
        factors={"units": [4, 8]},
        baseline={"units": 4},
        seeds=seeds,
        recipe=recipe,
        **options,
    )


def losses(results):
    return results.trials.set_index(["variant", "seed"])["test_loss"].to_dict()


def test_study_of_arrays_is_resumed_and_opened_without_them(tmp_path, cache):
    asked, place = study((IMAGES, LABELS)), tmp_path / "study"
    ran = ablations.run(asked, place, workers=2, progress=False)
    assert (ran.trials["status"] == "done").all()
    # the reference trains on the arrays themselves
    trained = cnnzoo.train(
        "mlp", cnnzoo.load_data((IMAGES, LABELS), seed=1), asked.recipe, seed=1, units=8
    )
    assert losses(ran)["units=8", 1] == pytest.approx(trained.metrics["test_loss"], rel=1e-5)

    shutil.rmtree(cache)
    again = ablations.run(study((IMAGES.copy(), LABELS), seeds=3), place, progress=False)
    assert len(again.trials) == 6
    kept = again.trials[again.trials["seed"] < 2]
    assert kept["seconds"].tolist() == ran.trials["seconds"].tolist()

    shutil.rmtree(cache)
    code = f"""
import ablations
results = ablations.open_results({str(place)!r})
assert len(results.deltas("loss")) and results.study.data == {str(asked.data)!r}
results.report({str(tmp_path / "report.html")!r})
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)

    other = study((255 - IMAGES, LABELS))
    with pytest.raises(StudyError) as refused:
        ablations.run(other, place, progress=False)
    assert str(refused.value) == (
        f"`directory`: expected a study with data {str(other.data)!r}; got {place} with data "
        f"{str(asked.data)!r}. Choose another directory."
    )


def test_seeds_of_loaded_data_share_the_test_split(tmp_path):
    data = cnnzoo.load_data((IMAGES, LABELS), seed=5, normalize="standardize")
    results = ablations.run(study(data), tmp_path, engine="serial", progress=False)
    trained = cnnzoo.train("mlp", data, cnnzoo.Recipe(epochs=1), seed=1, units=8)
    assert losses(results)["units=8", 1] == pytest.approx(trained.metrics["test_loss"], rel=1e-5)


def test_data_sets_may_be_names_and_arrays():
    both = study([(IMAGES, LABELS), "digits"])
    assert both.data_sets[1] == "digits"
    assert both.data_sets[0].startswith("arrays:120x8x8x1-")
    assert [type(name) for name in both.data_sets] == [str, str]
    assert ablations.Study.from_dict(both.to_dict()) == both
    assert study(cnnzoo.load_data("digits")).data.startswith("arrays:1797x8x8x1-")


def test_study_file_names_arrays_that_it_cannot_hold(tmp_path):
    name = study((IMAGES, LABELS)).data
    path = tmp_path / "arrays.toml"
    path.write_text(f'model = "mlp"\ndata = "{name}"\n[factors]\nunits = [64, 128]\n')
    with pytest.raises(StudyError, match=r"Give it the same arrays again\.$"):
        ablations.plan(read_study(path), engine="serial")


def test_bad_arrays_are_refused_at_once():
    with pytest.raises(StudyError) as refused:
        study((IMAGES, LABELS[:-1]))
    assert str(refused.value) == (
        "y of 'arrays': expected one label for each of the 120 x; got 119."
    )
