"""Models with several outputs, compared with `compile`, `fit` and `evaluate` of Keras."""

import keras
import numpy as np
import pytest
from helpers.two_heads import COUNT, ENDS, LOSSES, SHAPE, UNITS, images, labels, stripes, two_heads
from sklearn.metrics import f1_score, recall_score

import cnnzoo
from cnnzoo import Recipe
from cnnzoo.models.model_loss import losses_of

EVERY = ("column", "side", "level")
FORMS = ("mapping", "list")


def built(form="mapping", outputs=EVERY, **toggles):
    keras.utils.set_random_seed(0)
    return two_heads(form=form, outputs=outputs, **toggles)


def as_keras_takes(model, y):
    """Labels in the form of the outputs of a model, written by hand."""
    arrays = {
        "column": y["column"],
        "side": np.asarray(y["side"], "float32")[:, None],
        "level": np.asarray(y["level"], "float32")[:, None],
    }
    return arrays if isinstance(model.output, dict) else [arrays[name] for name in EVERY]


@pytest.mark.parametrize("form", FORMS)
def test_training_equals_fit_of_keras(form):
    data = stripes()
    ours, keras_model = built(form, side_weight=0.5), built(form, side_weight=0.5)
    whole = len(data.train.x)  # in one batch, so that the order of the examples has no effect
    trained = cnnzoo.train(ours, data, Recipe(epochs=4, batch_size=whole), verbose=0)
    x, y = np.asarray(data.train.x), as_keras_takes(keras_model, data.train.y)
    history = keras_model.fit(x, y, epochs=4, batch_size=whole, verbose=0).history
    for name, values in history.items():
        assert trained.history[name] == pytest.approx(values, rel=1e-4)
    for weights, expected in zip(ours.get_weights(), keras_model.get_weights(), strict=True):
        np.testing.assert_allclose(weights, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_evaluation_equals_evaluate_of_keras(form):
    data, model = stripes(), built(form, side_weight=0.5)
    x, y = np.asarray(data.train.x), as_keras_takes(model, data.train.y)
    expected = model.evaluate(x, y, batch_size=len(x), verbose=0, return_dict=True)
    measured = cnnzoo.evaluate(model, data.train.x, data.train.y)
    for name, value in expected.items():
        assert measured[name] == pytest.approx(value, rel=1e-5)
    outputs = dict(zip(EVERY, model.predict(x, verbose=0), strict=True)) if form == "list" else None
    outputs = outputs or model.predict(x, verbose=0)
    errors = outputs["level"][:, 0] - data.train.y["level"]
    assert measured["level_mae"] == pytest.approx(np.abs(errors).mean())
    f1 = f1_score(data.train.y["column"], outputs["column"].argmax(1), average="macro")
    assert measured["column_macro_f1"] == pytest.approx(f1)


def test_losses_of_confident_models_equal_those_of_keras():
    """Their logits cannot be recovered from the outputs, so Keras evaluates them."""
    data, model = stripes(validation=0, test=0.05), built()
    for head in ("column", "side"):
        layer = model.get_layer(head)
        layer.set_weights([200 * layer.get_weights()[0], layer.get_weights()[1]])
    x = np.asarray(data.train.x)
    assert len(x) > 50
    targets = as_keras_takes(model, data.train.y)
    expected = model.evaluate(x, targets, batch_size=len(x), verbose=0, return_dict=True)
    measured = cnnzoo.evaluate(model, x, data.train.y)
    for name in ("loss", "column_loss", "side_loss", "level_loss"):
        assert measured[name] == pytest.approx(expected[name], rel=1e-5)


def test_evaluated_batches_count_by_their_size(monkeypatch):
    data, model = stripes(validation=0, test=0.05), built()
    monkeypatch.setattr("cnnzoo.training.evaluation.PREDICTION_BATCH", 50)
    monkeypatch.setattr("cnnzoo.models.compiled_loss.CompiledLoss.follows_from", lambda *_: False)
    x, y = data.train
    assert len(x) % 50
    targets = as_keras_takes(model, y)
    expected = model.evaluate(
        np.asarray(x), targets, batch_size=len(x), verbose=0, return_dict=True
    )
    measured = cnnzoo.evaluate(model, x, y)
    for name in ("loss", "column_loss", "side_loss", "level_loss"):
        assert measured[name] == pytest.approx(expected[name], rel=1e-5)


def test_keras_means_losses_of_outputs_over_batches():
    """The trap "Losses of several outputs are means over batches" of docs/traps.md."""
    inputs = keras.Input((1,))
    one, two = (keras.layers.Identity(name=name)(inputs) for name in ("one", "two"))
    model = keras.Model(inputs, [one, two])
    model.compile(loss="mse")
    x = np.array([[0.0], [0.0], [3.0]])
    zeros = np.zeros((3, 1))
    found = model.evaluate(x, [zeros, zeros], batch_size=2, verbose=0, return_dict=True)
    assert found["one_loss"] == pytest.approx((0 + 9) / 2)
    assert found["loss"] == pytest.approx(2 * 9 / 3)
    measured = cnnzoo.evaluate(model, x, {"one": zeros[:, 0], "two": zeros[:, 0]})
    assert measured["one_loss"] == pytest.approx(9 / 3)


def test_outputs_of_a_mapping_have_its_keys_as_names():
    """The trap "A mapping of outputs is sorted, and its keys are the names" of docs/traps.md."""
    inputs = keras.Input(SHAPE)
    flat = keras.layers.Flatten()(inputs)
    heads = {
        name: keras.layers.Dense(UNITS[name], ENDS[name], name=f"{name}_head")(flat)
        for name in ("side", "column")
    }
    model = keras.Model(inputs, heads)
    model.compile(loss={name: LOSSES[name] for name in heads})
    assert model.output_names == ["column_head", "side_head"]
    trained = cnnzoo.train(model, stripes(("side", "column")), Recipe(epochs=1), verbose=0)
    assert {"column_loss", "side_loss", "val_side_loss"} < {*trained.history}
    assert [*losses_of(model, named=True).by_output] == ["column", "side"]
    nll = pytest.approx(trained.metrics["test_column_nll"])
    assert trained.metrics["test_column_loss"] == nll


def test_penalties_are_no_part_of_losses():
    plain, penalized = built(), built()
    penalized.get_layer("column").kernel_regularizer = keras.regularizers.L2(10.0)
    data, recipe = stripes(), Recipe(epochs=1, batch_size=COUNT)
    expected, found = (cnnzoo.train(m, data, recipe, verbose=0) for m in (plain, penalized))
    assert found.history["loss"] == pytest.approx(expected.history["loss"], rel=1e-5)
    assert found.metrics["train_loss"] == pytest.approx(
        sum(found.metrics[f"train_{name}_loss"] for name in EVERY)
    )


def test_metrics_begin_with_the_name_of_the_output():
    trained = cnnzoo.train(built(), stripes(), Recipe(epochs=1), verbose=0)
    assert [name for name in trained.metrics if name.startswith("test")] == [
        *("test_loss", "test_column_loss", "test_column_accuracy", "test_column_macro_f1"),
        *("test_column_nll", "test_level_loss", "test_level_mae", "test_level_rmse"),
        *("test_side_loss", "test_side_accuracy", "test_side_macro_f1", "test_side_nll"),
    ]
    assert {*trained.outcomes} == {
        *("loss", "column_correct", "column_nll", "column_loss", "level_error", "level_loss"),
        *("side_correct", "side_nll", "side_loss"),
    }
    assert np.mean(trained.outcomes["loss"]) == pytest.approx(trained.metrics["test_loss"])
    assert "gap" not in trained.metrics
    assert trained.metrics["loss_gap"] == pytest.approx(
        trained.metrics["validation_loss"] - trained.metrics["train_loss"]
    )


def test_requested_metrics_are_those_of_the_named_output():
    data, model = stripes(), built()
    names = ["side_recall[left]", "column_macro_recall", "level_mean_absolute_error"]
    trained = cnnzoo.train(model, data, Recipe(epochs=1), metrics=names, verbose=0)
    outputs = model.predict(np.asarray(data.test.x), verbose=0)
    y = data.test.y
    sides = (outputs["side"][:, 0] > 0.5).astype(int)
    assert trained.metrics["test_side_recall[left]"] == pytest.approx(
        recall_score(y["side"], sides, pos_label=0)
    )
    assert trained.metrics["test_column_macro_recall"] == pytest.approx(
        recall_score(y["column"], outputs["column"].argmax(1), average="macro")
    )
    assert trained.metrics["test_level_mean_absolute_error"] == pytest.approx(
        trained.metrics["test_level_mae"]
    )


def test_balanced_class_weights_are_those_of_each_output():
    data = stripes()
    whole = len(data.train.x)
    recipe = Recipe(epochs=1, batch_size=whole, class_weight="balanced")
    ours, keras_model = built(), built()
    cnnzoo.train(ours, data, recipe, verbose=0)
    y = data.train.y
    weights = {"level": np.ones(whole)}
    for name in ("column", "side"):
        counts = np.bincount(y[name])
        weights[name] = (whole / (len(counts) * counts))[y[name]]
    targets = as_keras_takes(keras_model, y)
    keras_model.fit(
        np.asarray(data.train.x), targets, sample_weight=weights, batch_size=whole, verbose=0
    )
    for trained, expected in zip(ours.get_weights(), keras_model.get_weights(), strict=True):
        np.testing.assert_allclose(trained, expected, rtol=1e-3, atol=1e-5)


def test_model_with_one_of_the_outputs_is_trained_on_it():
    """So that an ablation can leave out an output: its metrics keep their names."""
    named, plain = (built(outputs=("side",), form="list") for _ in range(2))
    recipe = Recipe(epochs=2, batch_size=COUNT)
    trained = cnnzoo.train(named, stripes(), recipe, verbose=0)
    alone = cnnzoo.load_data((images(), labels()["side"]))
    expected = cnnzoo.train(plain, alone, recipe, verbose=0)
    same = {f"test_side_{name}": f"test_{name}" for name in ("loss", "accuracy", "nll")}
    assert set(same) < set(trained.metrics)
    assert not any("column" in name for name in trained.metrics)
    assert trained.history["loss"][0] == pytest.approx(expected.history["loss"][0], rel=0.1)


def test_mapping_of_one_output_needs_its_name():
    data = cnnzoo.load_data((images(), labels()["side"]))
    assert refusal(built(outputs=("side",)), data) == (
        "`heads`: expected labels with the name of its output; got labels without names. Give y as "
        "a mapping, as in {'side': ids}."
    )
    trained = cnnzoo.train(built(outputs=("side",)), stripes(), Recipe(epochs=1), verbose=0)
    assert trained.metrics["test_side_loss"] == trained.metrics["test_loss"]


def test_labels_are_encoded_in_the_form_of_the_outputs():
    y = {"column": [2], "side": [1], "level": [0.5]}
    encoded = cnnzoo.encode_labels(y, built("list"))
    assert isinstance(encoded, tuple)
    assert [each.tolist() for each in encoded] == [[2], [[1.0]], [[0.5]]]
    assert {name: each.tolist() for name, each in cnnzoo.encode_labels(y, built()).items()} == {
        "column": [2],
        "side": [[1.0]],
        "level": [[0.5]],
    }


def test_loss_for_all_outputs_and_weights_in_their_order_are_read():
    inputs = keras.Input(SHAPE)
    flat = keras.layers.Flatten()(inputs)
    heads = [keras.layers.Dense(1, name=name)(flat) for name in ("a", "b")]
    model = keras.Model(inputs, heads)
    model.compile(loss="mae", loss_weights=[1.0, 0.25])
    loss = losses_of(model, named=True)
    assert {name: each.choice.name for name, each in loss.by_output.items()} == {
        "a": "mae",
        "b": "mae",
    }
    assert loss.weights == {"a": 1.0, "b": 0.25}


def refusal(model, data, recipe=None, **options):
    with pytest.raises((cnnzoo.LabelError, cnnzoo.ToggleError)) as caught:
        cnnzoo.train(model, data, recipe, verbose=0, **options)
    return str(caught.value)


def test_labels_of_one_output_are_refused():
    assert refusal(built(), cnnzoo.load_data((images(), labels()["column"]))) == (
        "`heads`: expected one output, because the labels are those of one; got 3. Give y as a "
        "mapping from the names of the outputs to their labels, as in {'digit': ids, 'parity': "
        "ids}."
    )


def test_output_without_labels_is_refused():
    assert refusal(built(), stripes(("column", "level"))) == (
        "`heads`: expected labels for its output 'side'; got labels for 'column', 'level'."
    )


def test_model_of_the_zoo_is_refused():
    assert refusal("mlp", stripes()) == (
        "`mlp`: expected data with one output, because models of the zoo have one; got column, "
        "side, level. Load the labels of one of them, or build a model with these outputs in a "
        "function."
    )


def test_output_of_another_task_is_refused():
    y = labels()
    data = cnnzoo.load_data((images(), {**y, "column": y["level"]}))
    assert refusal(built(), data) == (
        "Output 'column' of `heads` has classes=3 with sparse_categorical_crossentropy; 'column' "
        "of `arrays` is a regression. Build it with classes=1 and loss='mse'."
    )


@pytest.mark.parametrize(
    ("weights", "received"),
    [
        ({"column": 0.5}, "none for 'level', 'side'"),
        ({"column": 0.5, "level": None}, "none for 'side'"),
        ({}, "none for 'column', 'level', 'side'"),
        (2.0, "2.0"),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_loss_weights_of_some_outputs_are_refused(form, weights, received):
    model = built(form, outputs=sorted(EVERY))
    model.compile(loss={name: LOSSES[name] for name in EVERY}, loss_weights=weights)
    assert refusal(model, stripes()) == (
        "`loss_weights` of `heads`: expected a weight for each of the outputs 'column', "
        f"'level', 'side'; got {received}."
    )


def test_loss_weight_of_none_is_one():
    model = built()
    losses = {name: LOSSES[name] for name in EVERY}
    model.compile(loss=losses, loss_weights={"column": 0.5, "level": None, "side": None})
    data = stripes()
    x, y = np.asarray(data.train.x), as_keras_takes(model, data.train.y)
    expected = model.evaluate(x, y, batch_size=len(x), verbose=0, return_dict=True)["loss"]
    measured = cnnzoo.evaluate(model, data.train.x, data.train.y)
    assert measured["loss"] == pytest.approx(expected, rel=1e-5)


def test_output_without_a_loss_is_refused():
    model = built("list")
    model.compile(loss=[LOSSES["column"], None, "mse"])
    assert refusal(model, stripes()) == (
        "`heads`: expected a loss for each output; got none for 'side'. Compile it with "
        "loss={'side': ...}, or build the model without this output."
    )


def test_loss_of_an_unknown_output_is_refused():
    model = built()
    model.compile(loss={**LOSSES, "sides": "mse"})
    assert refusal(model, stripes()) == (
        "`loss` of `heads`: expected names of outputs, 'column', 'level', 'side'; got 'sides'; did "
        "you mean 'side'?"
    )


def test_losses_of_another_number_are_refused():
    model = built("list")
    model.compile(loss=["mse", "mse"])
    assert refusal(model, stripes()) == (
        "`loss` of `heads`: expected one for each of the outputs 'column', 'side', 'level'; got 2."
    )


def test_unknown_loss_of_an_output_is_refused():
    model = built()
    model.compile(loss={**LOSSES, "level": "poisson"})
    assert refusal(model, stripes()).startswith("`loss` of output 'level' of `heads`: expected one")


def test_uncompiled_model_is_refused():
    inputs = keras.Input(SHAPE)
    flat = keras.layers.Flatten()(inputs)

    def mine(input_shape):
        return keras.Model(
            inputs, {name: keras.layers.Dense(3, name=name)(flat) for name in ("column", "side")}
        )

    assert refusal(mine, stripes()).endswith(
        "mine`: expected a compiled model, because its outputs are several; got one that is not "
        "compiled. Call `model.compile` in the builder, with a loss for each output."
    )


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (
            Recipe(augment="mixup"),
            "`augment` of `Recipe`: mixup mixes labels of one output, but `arrays` has 3. Choose "
            "another augmentation.",
        ),
        (
            Recipe(class_weight={0: 2.0}),
            "`class_weight` of `Recipe`: expected 'none' or 'balanced' for `arrays`, which has "
            "several outputs; got ((0, 2.0),).",
        ),
    ],
)
def test_recipe_for_one_output_is_refused(recipe, expected):
    assert refusal(built(), stripes(), recipe) == expected


def test_metric_without_an_output_is_refused():
    assert refusal(built(), stripes(), metrics=["AUC"]) == (
        "`metrics`: expected the name of an output and a metric of the predictions, as in "
        "column_macro_recall, or one of Keras by its function's name, because arrays has the "
        "outputs column, side, level; got AUC."
    )


def test_metric_of_a_class_of_another_output_is_refused():
    assert refusal(built(), stripes(), metrics=["column_recall[left]"]) == (
        "`metrics`: expected a class in recall[...], one of 0, 1, 2; got left."
    )


def test_metric_of_an_unknown_output_names_the_nearest():
    message = refusal(built(), stripes(), metrics=["colum_accuracy"])
    assert message.startswith(
        "`metrics`: there is no metric `colum_accuracy`; did you mean `column_accuracy`? Known: "
    )


def test_check_refuses_data_of_several_outputs():
    with pytest.raises(cnnzoo.DataError) as caught:
        cnnzoo.check(built(), stripes())
    assert str(caught.value) == (
        "`data`: expected one array as y; got 3. Models of several outputs are not checked as a "
        "whole; give a model of one of them."
    )
