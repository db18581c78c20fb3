"""Weights that a builder loads or sets are kept; the seed draws the others."""

import functools
from threading import Event, Thread

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.models.initialization import build_seeded, restart
from cnnzoo.models.loaded_weights import loaded_digest, watch_loading


def state(model) -> dict[str, np.ndarray]:
    """All weights and random streams by their paths."""
    found = {}
    for layer in model._flatten_layers(include_self=False):
        for place, variable in enumerate(layer.variables):
            generator = "seed_generator" in variable.path  # counted over the whole process
            found[f"{layer.name}/{place}" if generator else variable.path] = variable.numpy()
    return found


def assert_same(first, second):
    assert first.keys() == second.keys()
    for path in first:
        np.testing.assert_array_equal(first[path], second[path], err_msg=path)


class Block(keras.layers.Layer):
    """A usual custom block, without a `build` method."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = keras.layers.Dense(3, name="first")
        self.second = keras.layers.Dense(3, name="second")

    def call(self, x):
        return self.second(self.first(x))


class Normed(keras.layers.Layer):
    """A layer that sets a weight in its `build` by another one (Salimans and Kingma 2016)."""

    def build(self, input_shape):
        self.direction = self.add_weight((input_shape[-1], 3), name="direction")
        self.length = self.add_weight((3,), name="length")
        self.length.assign(keras.ops.norm(self.direction, axis=0))

    def call(self, x):
        return x @ self.direction * self.length


def with_loaded_parts():
    """A model in which single weights are loaded, set or adapted."""
    inputs = keras.Input((4,))
    scaled = keras.layers.Normalization(name="scale")
    scaled.adapt(np.arange(8.0).reshape(2, 4))
    block = Block(name="block")
    inner = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(3, name="dense"), keras.layers.Dropout(0.5)],
        name="inner",
    )
    x = Normed(name="normed")(inner(block(scaled(inputs))))
    x = keras.layers.BatchNormalization(name="norm")(x)
    seeded = keras.initializers.GlorotUniform(seed=9)
    outputs = keras.layers.Dense(2, kernel_initializer=seeded, name="head")(x)
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    block.second.set_weights([np.full((3, 3), 7.0), np.full(3, 8.0)])
    inner.get_layer("dense").bias.assign([1.0, 2.0, 3.0])
    model.get_layer("norm").moving_mean.assign([4.0, 5.0, 6.0])
    return model


LOADED = {
    "scale/mean": [2.0, 3.0, 4.0, 5.0],
    "block/second/kernel": np.full((3, 3), 7.0),
    "block/second/bias": np.full(3, 8.0),
    "inner/dense/bias": [1.0, 2.0, 3.0],
    "norm/moving_mean": [4.0, 5.0, 6.0],
}
DRAWN = (
    "block/first/kernel",
    "inner/dense/kernel",
    "normed/direction",
    "normed/length",
    "head/kernel",
)


def assert_loaded(found):
    for path, value in LOADED.items():
        np.testing.assert_array_equal(found[path].ravel(), np.ravel(value), err_msg=path)


def test_seed_changes_only_weights_that_are_not_loaded():
    first, again, other = (state(build_seeded(with_loaded_parts, seed)) for seed in (0, 0, 1))
    assert_same(first, again)
    assert_loaded(first)
    assert_loaded(other)
    for path in DRAWN:
        assert (first[path] != other[path]).any(), path
    lengths = np.linalg.norm(first["normed/direction"], axis=0)
    np.testing.assert_allclose(first["normed/length"], lengths, rtol=1e-6)


def test_loaded_layers_do_not_change_the_weights_of_others():
    def plain():
        layers = [keras.Input((3,)), keras.layers.Dense(2, name="head")]
        return keras.Sequential(layers)

    model, alone = build_seeded(with_loaded_parts, 3), build_seeded(plain, 3)
    np.testing.assert_array_equal(
        model.get_layer("head").get_weights()[0], alone.get_layer("head").get_weights()[0]
    )


def test_reset_model_has_its_loaded_weights():
    used, fresh = build_seeded(with_loaded_parts, 0), build_seeded(with_loaded_parts, 1)
    for variable in used.trainable_variables:
        variable.assign(variable + 1)
    restart(used, 1)
    assert_same(state(used), state(fresh))


def test_digest_depends_only_on_loaded_weights():
    def built(seed, bias):
        def make():
            model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
            if bias is not None:
                model.layers[0].bias.assign([bias])
            return model

        return build_seeded(make, seed)

    assert loaded_digest(built(0, None)) == ""
    assert loaded_digest(built(0, 1.0)) == loaded_digest(built(1, 1.0)) != ""
    assert loaded_digest(built(0, 1.0)) != loaded_digest(built(0, 2.0))


def test_values_that_a_builder_draws_follow_the_seed():
    def drawing():
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="head")])
        model.set_weights([np.random.normal(size=(3, 2)), np.zeros(2)])  # noqa: NPY002
        return model

    first, again, other = (build_seeded(drawing, seed).get_weights()[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_weights_from_before_the_builder_are_kept():
    shared = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="old")])
    before = shared.get_weights()[0]

    def around():
        return keras.Sequential([keras.Input((3,)), shared, keras.layers.Dense(2, name="head")])

    model = build_seeded(around, 0)
    np.testing.assert_array_equal(model.get_weights()[0], before)
    shared.set_weights([before + 1, np.ones(3)])  # as training does
    np.testing.assert_array_equal(build_seeded(around, 1).get_weights()[0], before)


def test_zoo_model_in_a_builder_follows_the_seed():
    def make():
        return cnnzoo.build("mlp", input_shape=(4, 4, 1), units=4, seed=0)

    direct = cnnzoo.build("mlp", input_shape=(4, 4, 1), units=4, seed=5)
    assert_same(state(build_seeded(make, 5)), state(direct))


class Adding(keras.layers.Layer):
    """A block with two arguments, of which another block is a part."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.block = Block(name="block")

    def call(self, x, y):
        return self.block(x) + y


class Around(keras.Model):
    """A subclassed model, whose layers are called only within its `call`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.adding = Adding(name="adding")

    def call(self, x):
        return self.adding(x, y=x)


@pytest.mark.parametrize("kind", [Adding, Around])
def test_parts_of_blocks_without_a_build_follow_the_seed(kind):
    def nested():
        x = keras.Input((3,))
        return keras.Model(x, kind(name="it")(x, y=x) if kind is Adding else kind(name="it")(x))

    first, again, other = (state(build_seeded(nested, seed)) for seed in (0, 0, 1))
    assert_same(first, again)
    kernels = [path for path in first if path.endswith("kernel")]
    assert len(kernels) == 2
    for path in kernels:
        assert (first[path] != other[path]).any(), path


class Early(keras.layers.Layer):
    """A layer that creates its weights in `__init__`, as in the first example of Keras's guide."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scale = self.add_weight((3,), name="scale", initializer="random_normal")
        self.doubled = self.add_weight((3,), name="doubled")
        self.doubled.assign(2 * self.scale)

    def call(self, x):
        return x * self.scale + self.doubled


@pytest.mark.parametrize("loaded", [True, False])
def test_weights_may_be_set_before_a_layer_is_built(loaded):
    def early():
        layer = Early(name="early")
        if loaded:
            layer.set_weights([np.full(3, 7.0), np.full(3, 8.0)])
        return keras.Sequential([keras.Input((3,)), layer])

    first, second = (build_seeded(early, seed).get_weights() for seed in (0, 1))
    assert (first[0] == second[0]).all() == loaded
    np.testing.assert_array_equal(first[1], np.full(3, 8.0) if loaded else 2 * first[0])


def test_weights_of_a_tensorflow_checkpoint_are_kept(tmp_path):
    import tensorflow as tf

    def plain():
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="head")])

    def restored():
        model = plain()
        tf.train.Checkpoint(model=model).restore(path).assert_existing_objects_matched()
        return model

    saved = plain()
    path = tf.train.Checkpoint(model=saved).save(str(tmp_path / "checkpoint"))
    kernel, _ = build_seeded(restored, 0).get_weights()
    np.testing.assert_array_equal(kernel, saved.get_weights()[0])


def test_model_that_its_builder_keeps_is_reset():
    @functools.cache
    def kept():
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="head")])

    first = build_seeded(kept, 0).get_weights()
    kept().set_weights([np.ones((3, 2)), np.ones(2)])  # as training does
    for found, expected in zip(build_seeded(kept, 0).get_weights(), first, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_keras_is_restored_after_watches_in_two_threads():
    entered, left = Event(), Event()

    def watch():
        with watch_loading():
            entered.set()
            left.wait()

    before = keras.layers.Layer.add_weight, keras.Variable.assign
    thread = Thread(target=watch)
    with watch_loading():
        thread.start()
        entered.wait(0.2)  # in vain, because there is one watch at a time
    left.set()
    thread.join()
    assert entered.is_set()
    assert (keras.layers.Layer.add_weight, keras.Variable.assign) == before


def test_keras_is_restored_after_a_failing_builder():
    def fail():
        raise ValueError("no model")

    before = keras.layers.Layer.add_weight, keras.Variable.assign
    with pytest.raises(ValueError, match=r"^no model$"):
        build_seeded(fail, 0)
    assert (keras.layers.Layer.add_weight, keras.Variable.assign) == before
