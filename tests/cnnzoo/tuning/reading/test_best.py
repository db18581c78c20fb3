"""The best configuration and its code."""

import pytest
from helpers.project_files import edit, states

import cnnzoo
from cnnzoo.tuning.records import SearchError


def test_best_line_of_a_zoo_model(seeded):
    results = cnnzoo.open_search(seeded)
    first = results.best(2).iloc[0]
    best = results.best()
    assert best["filters"] == 16
    assert best["learning_rate"] == first["learning_rate"]
    assert first["score"] == max(results.configurations["score"])
    assert best == {**results.fixed, **results.winner.levels}
    assert "width" not in results.best("model")  # which the zoo's model does not have
    line = results.best_line()
    written = ", ".join(f"{name}={level!r}" for name, level in results.best("model").items())
    assert line == (
        "cnnzoo.train('downsampling', cnnzoo.load_data('digits'), "
        f"cnnzoo.Recipe(epochs=2, batch_size=64), seed=0, {written})"
    )


def test_best_line_of_arrays_uses_a_name(seeded):
    edit(seeded / "search.json", data="", about_data="arrays: 8x8x1 images")
    results = cnnzoo.open_search(seeded)
    assert (results.data, results.about_data) == ("", "arrays: 8x8x1 images")
    assert results.best_line().startswith("cnnzoo.train('downsampling', cnnzoo.load_data(data), ")


def test_best_line_names_a_custom_builder(seeded):
    shape = {"input_shape": [8, 8, 1], "classes": 10}
    told = {"model": "nets.small:Nets.tiny", "fixed": {}, "others": {"a b": "it's"}, **shape}
    edit(seeded / "search.json", **told)
    results = cnnzoo.open_search(seeded)
    keywords = ", ".join(f"{name}={level!r}" for name, level in results.winner.levels.items())
    assert results.best_line() == (
        "cnnzoo.train('nets.small:Nets.tiny', cnnzoo.load_data('digits'), "
        f"cnnzoo.Recipe(epochs=2, batch_size=64), seed=0, {keywords}, **{{'a b': \"it's\"}})"
    )


def test_best_line_of_build_hp_sets_hyperparameters(seeded):
    edit(seeded / "search.json", model="nets.small:build", builder="hp", fixed={"batch_size": 16})
    results = cnnzoo.open_search(seeded)
    assert results.best_line() == (
        "import keras_tuner\nfrom nets.small import build\n\n"
        "hp = keras_tuner.HyperParameters()\n"
        f"hp.values.update({results.winner.levels!r})\n"
        "cnnzoo.train(build(hp), cnnzoo.load_data('digits'), "
        "cnnzoo.Recipe(epochs=2, batch_size=16), seed=0)"
    )


def test_best_line_of_a_hypermodel_has_only_hyperparameters(seeded):
    edit(seeded / "search.json", model="nets.small:Net", builder="hypermodel")
    results = cnnzoo.open_search(seeded)
    levels = results.levels_of(results.winner)
    assert results.best_line() == (
        "import keras_tuner\n\nhp = keras_tuner.HyperParameters()\n"
        f"hp.values.update({levels!r})  # for the build(hp) that was searched"
    )


@pytest.mark.parametrize("model", ["os:system('x')", "a:b\nimport os", "a b:c", ":c"])
def test_invalid_builder_name_is_not_in_the_code(seeded, model):
    edit(seeded / "search.json", model=model)
    line = cnnzoo.open_search(seeded).best_line()
    assert line.startswith("import keras_tuner\n\nhp = keras_tuner.HyperParameters()\n")
    assert model not in line


def test_best_line_of_another_search_has_all_hyperparameters(searches):
    results = cnnzoo.open_search(searches["random"])
    values = max(states(searches["random"]), key=lambda state: state["score"])
    assert results.best() == values["hyperparameters"]["values"]
    told = {}
    exec(results.best_line(), told)  # noqa: S102
    assert told["hp"].get_config()["values"] == results.best()


def test_best_returns_the_requested_number(searches):
    results = cnnzoo.open_search(searches["random"])
    assert results.best(2)["rank"].tolist() == [1, 2]
    for count in (-2, 0, True, 1.0):
        with pytest.raises(SearchError) as refused:
            results.best(count)
        assert str(refused.value) == (
            f"`which` of `best`: expected an integer from 1; got {count!r}."
        )


def test_best_is_divided_into_model_recipe_and_data(seeded):
    edit(seeded / "search.json", fixed={"batch_size": 16, "label_noise": 0.2, "kernel_size": 3})
    results = cnnzoo.open_search(seeded)
    model, recipe, data = map(results.best, ("model", "recipe", "data"))
    toggles = {"kernel_size", "pool", "pool_size", "learning_rate"}  # which the model has
    assert model.keys() == toggles
    assert (recipe["batch_size"], recipe["epochs"]) == (16, 2)
    assert cnnzoo.Recipe(**recipe) == cnnzoo.Recipe(epochs=2, batch_size=16)
    assert data == {"label_noise": 0.2}
    with pytest.raises(SearchError) as refused:
        results.best("recipes")
    assert str(refused.value) == (
        '`which` of `best`: expected "model", "recipe", "data" or a number; got '
        "'recipes'; did you mean \"recipe\"?"
    )
