import pytest

from ablations import Settings, Study, StudyError
from ablations.study.space import Space
from cnnzoo import Recipe, ToggleError
from cnnzoo.levels import same
from cnnzoo.shared_toggles import by_group


@pytest.fixture(scope="module")
def space():
    return Space.of("batch_norm")


def study(factors, model="batch_norm", **given):
    return Study(model, factors=factors, **given)


def typed(levels):
    return [*map(repr, levels)]


def test_factors_of_all_three_groups(space):
    factors = {"filters": [8, 16], "epochs": [1, 2], "label_noise": [0.0, 0.5]}
    assert space.factors(study(factors)) == {
        "filters": (8, 16),
        "epochs": (1, 2),
        "label_noise": (0.0, 0.5),
    }


def test_groups_share_no_name(space):
    names = [*space.model, *space.recipe, *space.data]
    assert len(names) == len(set(names))


def test_levels_are_converted_by_their_toggles(space):
    checked = space.factors(study({"growth": [1, 2], "dropout": [0, 0.5]}))
    assert typed(checked["growth"]) == ["1.0", "2.0"]
    assert typed(checked["dropout"]) == ["0.0", "0.5"]


def test_unknown_toggle_names_the_nearest(space):
    for wrong, right in {"filter": "filters", "epoch": "epochs", "trainsize": "train_size"}.items():
        with pytest.raises(StudyError) as refused:
            space.factors(study({wrong: [1, 2]}))
        assert str(refused.value) == (
            f"`{wrong}`: expected a toggle of `batch_norm`, its recipe or its data; did you mean "
            f"`{right}`? Toggles of the model: {', '.join(space.model)}; of the recipe: epochs, "
<<<<<<< HEAD
            "batch_size, schedule, augment, class_weight, early_stopping, precision; of the data: "
            "image_size, interpolation, skip_bad, normalize, train_size, label_noise, "
            "target_outliers, imbalance."
=======
            "batch_size, schedule, augment, class_weight, early_stopping; of the data: image_size, "
            "interpolation, skip_bad, normalize, train_size, label_noise, target_outliers, "
            "imbalance, validation, test."
>>>>>>> 5e20399 (Shares of the splits are levels of a baseline; ablations run and plan take levels; loaded data keep their name)
        )


def test_unknown_toggle_without_a_near_name(space):
    with pytest.raises(StudyError, match="or its data\\. Toggles of the model: filters, "):
        space.toggle("xyzzy")


@pytest.mark.parametrize(
    ("factors", "sentence"),
    [
        (
            {"pool_size": [2, 5]},
            "`pool_size` of `batch_norm` must be one of 1, 2, 3, 4; got 5.",
        ),
        (
            {"pool_size": [2, True]},
            "`pool_size` of `batch_norm` must be one of 1, 2, 3, 4; got True (bool).",
        ),
        (
            {"augment": ["none", True]},
            "`augment` of `Recipe` must be one of 'none', 'crop', 'flip', 'vertical_flip', "
            "'color_jitter', 'cutout', 'cutmix', 'mixup', or several joined by '+'; got True "
            "(bool).",
        ),
        (
            {"epochs": [0, 1]},
            "`epochs` of `Recipe` must be a whole number from 1 to 100000; got 0.",
        ),
        (
            {"label_noise": [0.5, 1.5]},
            "`label_noise` of `load_data` must be a number from 0 to 1; got 1.5.",
        ),
        (
            {"normalization": ["batch", "bacth"]},
            "`normalization` of `batch_norm` must be one of 'none', 'batch', 'layer', 'group'; "
            "got 'bacth'; did you mean 'batch'?",
        ),
    ],
)
def test_level_that_is_not_allowed_raises_everywhere(space, factors, sentence):
    (name,) = factors
    wrong = factors[name][0] if name in ("epochs",) else factors[name][1]
    other = Study("batch_norm", factors={"filters": [8, 16]}, baseline={name: wrong})
    listed = Study("batch_norm", design="list", variants=[{name: wrong}])
    for check in (
        lambda: space.factors(study(factors)),
        lambda: space.baseline(other),
        lambda: space.variants(listed),
    ):
        with pytest.raises(ToggleError) as refused:
            check()
        assert str(refused.value) == sentence


def test_1_and_1_0_are_one_level_of_a_number(space):
    with pytest.raises(StudyError) as refused:
        space.factors(study({"growth": [1, 1.0]}))
    assert str(refused.value) == "`factors`: expected different levels of `growth`; got 1.0, 1.0."


def test_int_bool_and_float_are_three_levels_of_any_type():
    model = "helpers.stub_builders:unnamed"
    space = Space.of(model)
    asked = study({"extra": [1, True, 1.0, "1"]}, model)
    checked = space.factors(asked)
    assert typed(checked["extra"]) == ["1", "True", "1.0", "'1'"]
    keys = {space.trial(asked, {"extra": level}, 0).key for level in [0, False, *checked["extra"]]}
    assert len(keys) == 6


def test_baseline_has_given_levels_and_defaults(space):
    asked = study(
        {"filters": [8, 16], "epochs": [1, 2], "train_size": [0.5, 1.0], "growth": [1.0, 2.0]},
        baseline={"filters": 8, "norm_momentum": 0.5, "growth": 1},
        recipe=Recipe(epochs=2),
    )
    baseline = space.baseline(asked)
    assert dict(baseline) == {
        "filters": 8,
        "norm_momentum": 0.5,
        "growth": 1.0,
        "epochs": 2,
        "train_size": 1.0,
    }
    assert same(baseline["growth"], 1.0)


def test_number_of_examples_stays_whole(space):
    asked = study({"train_size": [200, 0.5]}, baseline={"train_size": 200})
    assert typed(space.factors(asked)["train_size"]) == ["200", "0.5"]
    assert str(space.trial(asked, space.baseline(asked), 0).settings) == "train_size=200"


def test_baseline_has_what_listed_variants_change(space):
    asked = Study("batch_norm", design="list", variants=[{"filters": 8}, {"pool": "max"}])
    assert dict(space.baseline(asked)) == {"filters": 32, "pool": "none"}


def test_defaults_spelled_out_are_the_same_trial(space):
    asked = study({"filters": [8, 32]})
    spelled = space.trial(asked, {"filters": 32, "growth": 2.0, "label_noise": 0.0}, 0)
    assert spelled == space.trial(asked, {}, 0)
    assert spelled.settings == Settings()


def test_whole_default_of_a_number():
    model = "helpers.stub_builders:annotated"  # whose rate is a number with the default 0
    space = Space.of(model)
    asked = study({"rate": [0, 0.5]}, model)
    assert space.factors(asked) == {"rate": (0.0, 0.5)}
    assert space.trial(asked, {"rate": 0.0}, 0).settings == Settings()
    assert same(space.baseline(asked)["rate"], 0.0)


def test_recipe_levels_are_in_the_recipe_of_a_trial(space):
    asked = study({"epochs": [1, 2]}, recipe=Recipe(epochs=5, batch_size=16))
    trial = space.trial(asked, {"epochs": 2, "filters": 8, "train_size": 100}, 7)
    assert trial.recipe == Recipe(epochs=2, batch_size=16)
    assert trial.settings == Settings(filters=8, train_size=100)
    assert trial.seed == 7
    assert by_group(trial.settings) == ({"filters": 8}, {"train_size": 100})


def test_level_without_effect_raises(space):
    asked = study({"filters": [8, 16]})
    trial = space.trial(asked, {"normalization": "none", "norm_momentum": 0.5}, 0)
    with pytest.raises(ToggleError) as refused:
        space.check_trial(trial)
    assert str(refused.value) == (
        "`norm_momentum` of `batch_norm` has no effect unless normalization is batch; got "
        "norm_momentum=0.5 with normalization='none'."
    )


def test_effective_levels(space):
    levels = {"normalization": "none", "norm_momentum": 0.5, "filters": 8, "epochs": 3}
    rest = {"normalization": "none", "filters": 8, "epochs": 3}
    assert space.effective(levels, ()) == rest
    assert space.effective(levels, {"norm_momentum"}) == levels
    on = {**levels, "normalization": "batch"}
    assert space.effective(on, ()) == on


def test_space_loads_no_keras():
    import subprocess
    import sys

    code = (
        "from ablations.study.space import Space; Space.of('downsampling'); import sys; "
        "print([n for n in ('keras', 'tensorflow') if n in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "[]"
