"""Studies of arrays and loaded data: two workers, resumed, refused and opened."""

import re
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
    assert study(cnnzoo.load_data("digits")).data.startswith("arrays:digits-1797x8x8x1-")


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


def several_sizes():
    """Images whose first value is their class, of two sizes."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    sizes = ((6, 6, 1), (8, 6, 1))
    return [np.uint8(rng.integers(0, 99, sizes[i % 3 % 2]) + 100 * y[i]) for i in range(40)], y


def test_baseline_gives_images_of_several_sizes_one(tmp_path, monkeypatch, unexplained):
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path / "cache"))
    data, baseline = several_sizes(), {"image_size": 6, "interpolation": "mitchellcubic"}
    study = ablations.Study(
        "mlp",
        data=data,
        factors={"units": [2, 4]},
        baseline={**baseline, "units": 2},
        seeds=1,
        recipe=cnnzoo.Recipe(epochs=1),
    )
    results = ablations.run(study, tmp_path / "study", engine="serial", progress=False)
    expected = cnnzoo.train(
        "mlp",
        cnnzoo.load_data(data, **baseline),
        cnnzoo.Recipe(epochs=1),
        units=2,
        verbose=0,
    )
    row = results.trials.query("variant == 'baseline'")
    assert row["test_loss"].item() == pytest.approx(expected.metrics["test_loss"], rel=1e-5)
    other = ablations.Study("mlp", data=data, factors={"units": [2, 4]}, baseline={"image_size": 6})
    assert other.data != study.data


def test_images_of_several_sizes_need_one():
    with pytest.raises(StudyError) as caught:
        ablations.Study("mlp", data=several_sizes(), factors={"units": [6, 8]})
    assert str(caught.value) == (
        "The images of 'stream' have 2 sizes (height x width): 6x6 (27), 8x6 (13); give them one "
        "size with image_size=64, or (height, width), of `load_data`; a study sets it in "
        "`baseline`."
    )


class Stream:
    """A data set whose images may be read only one after the other."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, place):
        return self.x[place], self.y[place]


def test_size_of_streamed_images_does_not_vary():
    with pytest.raises(StudyError) as caught:
        ablations.Study("mlp", data=Stream(*several_sizes()), factors={"image_size": [8, 6]})
    assert str(caught.value) == (
        "`image_size` and `interpolation`: expected one level for a stream of images of several "
        "sizes, because it is read once (images of 2 sizes resized to 8x8 pixels (bilinear)). Give "
        "a list of the images."
    )


def varied_sizes(data):
    return ablations.Study(
        "mlp",
        data=data,
        factors={"image_size": [6, "8x6"], "interpolation": ["bilinear", "nearest"]},
        baseline={"units": 8, "image_size": 6},
        seeds=1,
        recipe=cnnzoo.Recipe(epochs=1),
    )


def test_size_of_listed_images_is_a_factor(tmp_path, monkeypatch, unexplained):
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path / "cache"))
    images, y = several_sizes()
    names = [("cat", "dog")[each] for each in y]
    data = {"train": (images[:30], names[:30]), "test": (images[30:], names[30:])}
    asked = varied_sizes(data)
    results = ablations.run(asked, tmp_path / "study", engine="serial", progress=False)
    for variant, changed in {
        "baseline": {},
        "image_size=8x6": {"image_size": "8x6"},
        "interpolation=nearest": {"interpolation": "nearest"},
    }.items():
        loaded = cnnzoo.load_data(data, **{"image_size": 6, **changed})
        expected = cnnzoo.train("mlp", loaded, asked.recipe, units=8, verbose=0)
        row = results.trials[results.trials["variant"] == variant]
        assert row["test_loss"].item() == pytest.approx(expected.metrics["test_loss"], rel=1e-5)


@pytest.mark.parametrize("outputs", [1, 2])
def test_kept_images_of_several_sizes_are_read_again(outputs, tmp_path, monkeypatch):
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path / "cache"))
    images, y = several_sizes()
    given = images, (y if outputs == 1 else {"kind": y, "side": y[::-1]})
    asked = varied_sizes(given)
    asked.keep_data()
    for size in (6, "8x6"):
        kept = cnnzoo.load_data(str(asked.data), image_size=size, normalize="none")
        again = cnnzoo.load_data(given, image_size=size, normalize="none")
        for (x, labels), (expected, known) in (
            (kept.train, again.train),
            (kept.test, again.test),
        ):
            np.testing.assert_array_equal(x, expected)
            for name in ("kind", "side") if outputs == 2 else ():
                np.testing.assert_array_equal(labels[name], known[name])
            if outputs == 1:
                np.testing.assert_array_equal(labels, known)
        assert kept.info.fingerprint == again.info.fingerprint
        assert kept.info.name == str(asked.data)


def test_listed_images_have_the_name_of_their_content():
    images, y = several_sizes()
    asked = varied_sizes((images, y))
    assert re.fullmatch(r"arrays:40x1-[0-9a-f]{16}", str(asked.data))
    assert varied_sizes(([image.copy() for image in images], y)).data == asked.data
    images[0] = 255 - images[0]
    assert varied_sizes((images, y)).data != asked.data
