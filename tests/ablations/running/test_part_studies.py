"""Studies of parts that run: given models, worker processes, and a planted branch."""

import dataclasses
import subprocess
import sys

import keras
import numpy as np
import pytest
from helpers.given_model import given
from keras import layers

import ablations
import cnnzoo
from ablations import Settings, Study, Trial
from ablations.running.trial import draw_trial

TINY = {"data": "digits", "seeds": 2, "recipe": cnnzoo.Recipe(epochs=1)}


@pytest.mark.usefixtures("unexplained")
def test_study_of_a_model_trains_its_configuration(tmp_path):
    model = given()
    one = Study(model, **TINY, parts="blocks", name="mine")
    assert str(one.model).startswith("model:mine-")
    assert one == Study(given(), **TINY, parts="blocks", name="mine")
    results = ablations.run(one, tmp_path / "mine", engine="serial", progress=False)
    trials = results.trials
    assert set(trials["status"]) == {"done"}
    assert set(trials["variant"]) == {
        "baseline",
        "part:stage1=remove",
        "part:stage2_conv=remove",
    }
    deltas = results.deltas()
    assert set(deltas["factor"]) == {"part:stage1", "part:stage2_conv"}
    assert [node.name for node in results.network.nodes] == [
        *("images", "stage1_conv", "stage1_pool", "stage2_conv", "flat", "head")
    ]
    assert results.figure("network").name == "network"
    again = ablations.run(one, tmp_path / "mine", engine="serial", progress=False)
    assert again.trials["test_loss"].tolist() == trials["test_loss"].tolist()


@pytest.mark.usefixtures("unexplained")
def test_kept_model_with_loss_scaling_trains_again(tmp_path):
    model = given()
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    model.compile(scaled, "sparse_categorical_crossentropy", metrics=["accuracy"])
    study = Study(model, **TINY, factors={"batch_size": [32, 256]}, name="scaled")
    trials = ablations.run(study, tmp_path / "scaled", engine="serial", progress=False).trials
    assert trials["status"].tolist() == ["done"] * 4
    assert trials["test_loss"].nunique() == 4


def test_network_of_a_stripped_baseline_has_all_parts():
    stripped = Settings({"part:stage1": "remove", "part:stage2_conv": "remove"})
    asked = Trial("helpers.given_model:given", "digits", stripped, cnnzoo.Recipe(), 0)
    names = {piece.name for piece in draw_trial(asked).network.pieces}
    assert {"stage1", "stage2_conv"} <= names
    broken = draw_trial(dataclasses.replace(asked, model="helpers.given_model:missing"))
    assert (broken.status, broken.network) == ("failed", None)


def test_worker_builds_a_model_that_the_program_gives(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import ablations, cnnzoo, keras\n"
        "class Twice(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return 2 * x\n"
        "if __name__ == '__main__':\n"
        "    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(),\n"
        "        keras.layers.Dense(8, 'relu', name='hidden'), Twice(name='twice'),\n"
        "        keras.layers.Dense(10, 'softmax')], name='net')\n"
        "    study = ablations.Study(model, 'digits', parts=['hidden', 'twice'], seeds=1)\n"
        "    table = ablations.plan(study, workers=1)\n"
        "    print(table['infeasible'].tolist(), table['params'].tolist())\n"
    )
    ran = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "['', '', ''] [610, 602, 610]"


@pytest.mark.usefixtures("unexplained")
def test_planted_branch_is_worse_and_the_other_one_equivalent(tmp_path):
    """The label is the sign of a product, which no linear projection tells."""
    random = np.random.default_rng(0)
    pairs = random.choice([-1.0, 1.0], size=(240, 2)) * random.uniform(0.5, 1.5, size=(240, 2))
    images = np.broadcast_to(pairs[:, None, None, :], (240, 3, 3, 2)).astype("float32")
    labels = (pairs.prod(1) > 0).astype(int)
    inputs = keras.Input((3, 3, 2), name="images")
    blind = layers.Rescaling(0.0, 1.0, name="blind")(inputs)
    branches = [
        layers.GlobalAveragePooling2D(name=f"{name}_pooled")(
            layers.Conv2D(16, 1, activation="relu", name=name)(x)
        )
        for name, x in (("signal", inputs), ("noise", blind))
    ]
    joined = layers.Concatenate(name="joined")(branches)
    model = keras.Model(inputs, layers.Dense(2, activation="softmax", name="head")(joined))
    model.compile(keras.optimizers.Adam(0.03), "sparse_categorical_crossentropy")
    planted = Study(
        model,
        data=(images, labels),
        parts=["signal", "noise"],
        seeds=6,
        recipe=cnnzoo.Recipe(epochs=8),
        baseline={"normalize": "none"},
        margins={"accuracy": 0.05},
        metrics=["accuracy"],
        name="planted",
    )
    results = ablations.run(planted, tmp_path / "planted", engine="serial", progress=False)
    deltas = results.deltas().set_index("factor")
    assert deltas["verdict"].to_dict() == {"part:signal": "worse", "part:noise": "equivalent"}
    assert deltas.loc["part:signal", "delta"] < -0.3
