import pytest

from ablations import Settings, Study, StudyError
from ablations.study.space import Space
from cnnzoo import Recipe, ToggleError
from cnnzoo.builders import by_group
from cnnzoo.levels import same


@pytest.fixture(scope="module")
def space():
    return Space.of("batch_norm")


def study(factors, model="batch_norm", **given):
    return Study(model, factors=factors, **given)


def typed(levels):
    return [*map(repr, levels)]


def test_factors_may_be_the_models_the_recipes_and_the_datas(space):
    factors = {"filters": [8, 16], "epochs": [1, 2], "label_noise": [0.0, 0.5]}
    assert space.factors(study(factors)) == {
        "filters": (8, 16),
        "epochs": (1, 2),
        "label_noise": (0.0, 0.5),
    }


def test_the_three_groups_share_no_name(space):
    names = [*space.model, *space.recipe, *space.data]
    assert len(names) == len(set(names))


def test_levels_come_as_the_toggle_takes_them(space):
    checked = space.factors(study({"growth": [1, 2], "dropout": [0, 0.5]}))
    assert typed(checked["growth"]) == ["1.0", "2.0"]
    assert typed(checked["dropout"]) == ["0.0", "0.5"]


def test_an_unknown_toggle_is_answered_with_the_nearest_of_all_three_groups(space):
    for wrong, right in {"filter": "filters", "epoch": "epochs", "trainsize": "train_size"}.items():
        with pytest.raises(StudyError) as refused:
            space.factors(study({wrong: [1, 2]}))
        assert str(refused.value) == (
            f"`{wrong}` is not a toggle of `batch_norm`, its recipe or its data; did you mean "
            f"`{right}`? Toggles of the model: {', '.join(space.model)}; of the recipe: epochs, "
            "batch_size, schedule, augment, class_weight, early_stopping; of the data: normalize, "
            "train_size, label_noise, imbalance."
        )


def test_a_name_like_no_other_gets_no_suggestion(space):
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
def test_a_level_that_is_not_allowed_is_refused_in_every_place_where_one_is_given(
    space, factors, sentence
):
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


def test_one_and_one_point_nought_are_one_level_where_a_number_is_asked_for(space):
    with pytest.raises(StudyError) as refused:
        space.factors(study({"growth": [1, 1.0]}))
    assert str(refused.value) == "`factors`: expected different levels of `growth`; got 1.0, 1.0."


def test_one_true_and_one_point_nought_are_three_levels_where_anything_is_taken():
    model = "stub_builders:unnamed"
    space = Space.of(model)
    asked = study({"extra": [1, True, 1.0, "1"]}, model)
    checked = space.factors(asked)
    assert typed(checked["extra"]) == ["1", "True", "1.0", "'1'"]
    keys = {space.trial(asked, {"extra": level}, 0).key for level in [0, False, *checked["extra"]]}
    assert len(keys) == 6


def test_the_baseline_is_what_the_study_says_and_else_the_default(space):
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


def test_a_number_of_examples_is_shown_as_one(space):
    asked = study({"train_size": [200, 0.5]}, baseline={"train_size": 200})
    assert typed(space.factors(asked)["train_size"]) == ["200", "0.5"]
    assert str(space.trial(asked, space.baseline(asked), 0).settings) == "train_size=200"


def test_the_baseline_knows_what_listed_variants_change(space):
    asked = Study("batch_norm", design="list", variants=[{"filters": 8}, {"pool": "max"}])
    assert dict(space.baseline(asked)) == {"filters": 32, "pool": "none"}


def test_two_ways_to_say_the_same_are_one_trial(space):
    asked = study({"filters": [8, 32]})
    spelled = space.trial(asked, {"filters": 32, "growth": 2.0, "label_noise": 0.0}, 0)
    assert spelled == space.trial(asked, {}, 0)
    assert spelled.settings == Settings()


def test_a_default_written_as_a_whole_number_is_the_number():
    model = "stub_builders:annotated"  # whose rate is a number with the default 0
    space = Space.of(model)
    asked = study({"rate": [0, 0.5]}, model)
    assert space.factors(asked) == {"rate": (0.0, 0.5)}
    assert space.trial(asked, {"rate": 0.0}, 0).settings == Settings()
    assert same(space.baseline(asked)["rate"], 0.0)


def test_a_trial_has_the_recipes_levels_in_its_recipe(space):
    asked = study({"epochs": [1, 2]}, recipe=Recipe(epochs=5, batch_size=16))
    trial = space.trial(asked, {"epochs": 2, "filters": 8, "train_size": 100}, 7)
    assert trial.recipe == Recipe(epochs=2, batch_size=16)
    assert trial.settings == Settings(filters=8, train_size=100)
    assert trial.seed == 7
    assert by_group(trial.settings) == ({"filters": 8}, {"train_size": 100})


def test_a_choice_without_effect_is_refused(space):
    asked = study({"filters": [8, 16]})
    trial = space.trial(asked, {"normalization": "none", "norm_momentum": 0.5}, 0)
    with pytest.raises(ToggleError) as refused:
        space.check_trial(trial)
    assert str(refused.value) == (
        "`norm_momentum` of `batch_norm` has no effect unless normalization is batch; got "
        "norm_momentum=0.5 with normalization='none'."
    )


def test_what_others_switch_off_is_left_out_unless_it_was_chosen(space):
    levels = {"normalization": "none", "norm_momentum": 0.5, "filters": 8, "epochs": 3}
    rest = {"normalization": "none", "filters": 8, "epochs": 3}
    assert space.effective(levels, ()) == rest
    assert space.effective(levels, {"norm_momentum"}) == levels
    on = {**levels, "normalization": "batch"}
    assert space.effective(on, ()) == on


def test_reading_the_toggles_loads_no_keras():
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
