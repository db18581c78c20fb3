"""Builders of the program itself, in worker processes."""

from helpers.programs import said_by

PROGRAM = """
import keras
import ablations, cnnzoo

bonus = {bonus}


def make(scale):
    def build(input_shape, classes, units=4):
        layers = [keras.layers.Flatten(), keras.layers.Dense(units * scale + bonus)]
        return keras.Sequential(
            [keras.Input(input_shape), *layers, keras.layers.Dense(classes, "softmax")]
        )

    return build


class Looping:
    build = staticmethod(make(2))

    def fit(self, model, data, seed):
        model.train_on_batch(data.train.x[:8], data.train.y[:8])


once = cnnzoo.Recipe(epochs=1)
study = ablations.Study(
    make(3), "digits", {{"units": [4, 8]}}, {{"train_size": 40}}, seeds=1, recipe=once,
)
results = ablations.run(study, {folder!r}, workers=1)
print(results.trials["params"].to_list(), results.best("model")["units"] in (4, 8))
search = cnnzoo.tune(
    Looping(), "digits", {{"units": [4, 8]}}, tuner="grid", workers=2, progress=False,
    directory={folder!r} + "-search-{bonus}",
)
print(search.trials["status"].to_list())
"""


def test_builders_of_a_program_run_in_workers(tmp_path):
    folder = str(tmp_path / "study")
    # 64 pixels, units * 3 + bonus hidden units, 10 classes
    expected = {bonus: [75 * (4 * 3 + bonus) + 10, 75 * (8 * 3 + bonus) + 10] for bonus in (0, 1)}
    for bonus in (0, 1):
        said = said_by(PROGRAM.format(bonus=bonus, folder=folder))
        assert said.splitlines()[:2] == [f"{expected[bonus]} True", "['done', 'done']"]
