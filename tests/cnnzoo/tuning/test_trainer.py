"""A trial with one seed gives the numbers of `cnnzoo.train`, whatever was trained before."""

import pytest

import cnnzoo
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning import trainer as module
from cnnzoo.tuning.trainer import SeedRun, Trainer

METRICS = ("loss", "accuracy", "macro_f1", "nll")


def expected(model, recipe, seed, data=None, **levels):
    """Metrics of `cnnzoo.train`."""
    loaded = cnnzoo.load_data("digits", seed=seed, train_size=100, **(data or {}))
    trained = cnnzoo.train(
        model, loaded, recipe, seed=seed, steps_per_execution=module.STEPS_PER_EXECUTION, **levels
    )
    return {f"val_{name}": trained.metrics[f"validation_{name}"] for name in METRICS}


def measured(trainer, values, seed):
    execution = trainer.run(SeedRun("0", values, seed)).execution
    assert execution.status == "done"
    return {name: execution.metrics[name] for name in execution.metrics if name.startswith("val_")}


@pytest.mark.parametrize(
    "recipe",
    [Recipe(epochs=2, augment="crop"), Recipe(epochs=4, early_stopping=1)],
    ids=["augment", "early stopping"],
)
def test_seeds_of_a_warm_model_give_the_numbers_of_train(recipe):
    fixed = {"dropout": 0.3, "input_shape": (8, 8, 1)}
    tuned = cnnzoo.hypermodel(
        "batch_norm", search={"filters": [4, 8]}, recipe=recipe, train_size=100, **fixed
    )
    trainer = Trainer(tuned, "digits", "val_accuracy")
    for seed in (0, 1):
        found = measured(trainer, {"filters": 4}, seed)
        assert found == expected("batch_norm", recipe, seed, filters=4, **fixed)


def test_reused_model_gives_the_same_numbers(monkeypatch):
    tuned = cnnzoo.hypermodel(
        "mlp",
        search=["batch_size", "schedule", "class_weight", "augment", "label_noise"],
        recipe=Recipe(epochs=2),
        train_size=100,
    )
    built = []
    make = tuned.make
    monkeypatch.setattr(tuned, "make", lambda *a, **k: built.append(a) or make(*a, **k))
    trainer = Trainer(tuned, "digits", "val_accuracy")
    for recipe, data in [
        ({"batch_size": 16, "schedule": "cosine"}, {}),
        ({"batch_size": 32, "schedule": "constant"}, {"label_noise": 0.25}),
        ({"batch_size": 16, "class_weight": "balanced", "augment": "crop"}, {}),
        ({"schedule": "reduce-on-plateau"}, {}),
        ({"batch_size": 16, "schedule": "cosine"}, {}),
    ]:
        found = measured(trainer, {**recipe, **data}, 3)
        assert found == expected("mlp", Recipe(epochs=2, **recipe), 3, data)
    assert len(built) == 1


def test_searched_precision_is_that_of_the_model(monkeypatch):
    seen = []

    def fit(model, *_, **__):
        seen.append(model.get_layer("stage1_dense").compute_dtype)
        return {"loss": [1.0]}

    monkeypatch.setattr(module, "fit", fit)
    tuned = cnnzoo.hypermodel("mlp", search=["precision"], units=4, train_size=100)
    trainer = Trainer(tuned, "digits", "val_accuracy")
    for precision in ("mixed_bfloat16", "float32"):
        assert trainer.run(SeedRun("0", {"precision": precision}, 0)).execution.status == "done"
    assert seen == ["bfloat16", "float32"]
