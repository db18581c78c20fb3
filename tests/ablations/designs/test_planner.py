import pytest
from helpers import stub_trials

from ablations import Settings, Study, StudyError, Variant, plan
from ablations.designs.planner import Planner, planned
from ablations.study.space import Space
from cnnzoo import Recipe, ToggleError


def rows_of(study):
    planner = Planner.of(study)
    return planner.rows(planner.layout.variants, {}, {})


def reasons(study):
    """Return by variant why it cannot be built, as far as signatures tell."""
    return {row.variant: row.infeasible for row, _ in rows_of(study)}


def keys(study):
    return {row.variant: row.key for row, _ in rows_of(study)}


MOMENTUM_OFF = (
    "`norm_momentum` of `batch_norm` has no effect unless normalization is batch; got "
    "norm_momentum=0.9 with normalization='none'."
)


def test_a_single_change_is_one_factor_with_its_levels():
    trial = rows_of(Study("mlp", factors={"units": [8, 128]}, seeds=1))[1][1]
    row = planned(Variant(Settings(units=8)), Settings(units=128), trial)
    assert (row.variant, row.factor, row.level, row.baseline) == ("units=8", "units", 8, 128)
    assert (row.changes, row.seed, row.key, row.infeasible) == ({"units": 8}, 0, trial.key, "")


def test_recipe_without_effect_on_a_custom_fit_is_refused():
    sentence = (
        "{} of `Recipe`: the custom `fit` of `helpers.stub_builders:{}` trains instead of the "
        "recipe, so it would have no effect. Add a parameter `recipe` to `fit` and use it there, "
        "or leave it out{}."
    )
    for name, given, names, end in (
        ("fitting", {"factors": {"batch_size": [8, 16]}}, "`batch_size`", ""),
        ("fitting", {"recipe": Recipe(augment="flip")}, "`augment`", "; got 'flip'"),
        ("Looping", {"recipe": Recipe(epochs=3)}, "`epochs`", "; got 3"),
    ):
        factors = {"rate": [0.0, 0.5]} if name == "fitting" else {"units": [4, 8]}
        study = Study(f"helpers.stub_builders:{name}", **{"factors": factors, **given})
        with pytest.raises((StudyError, ToggleError)) as refused:
            Planner.of(study)
        assert str(refused.value) == sentence.format(names, name, end)
    epochs = Study("helpers.stub_builders:fitting", factors={"epochs": [1, 10]})
    assert Planner.of(epochs).layout.baseline == Settings(epochs=10)


def test_several_changes_are_joined():
    trial = rows_of(Study("mlp", factors={"units": [8, 128]}, seeds=1))[1][1]
    baseline = Settings(units=128, dropout=0.0)
    row = planned(Variant(Settings(units=8, dropout=0.5)), baseline, trial)
    assert (row.factor, row.level, row.baseline) == ("units + dropout", "8 + 0.5", "128 + 0.0")


def test_the_baseline_has_no_factor():
    row = rows_of(Study("mlp", factors={"units": [8, 128]}, seeds=1))[0][0]
    assert (row.variant, row.factor, row.level, row.baseline) == ("baseline", None, None, None)


def test_seeds_are_the_studys_own_or_the_variants():
    planner = Planner.of(Study("mlp", factors={"units": [8, 128]}, seeds=[4, 2]))
    rows = planner.rows(planner.layout.variants, {"units=8": [7]}, {})
    assert [(row.variant, row.seed) for row, _ in rows] == [
        ("baseline", 4),
        ("baseline", 2),
        ("units=8", 7),
    ]
    assert all(trial.seed == row.seed and trial.key == row.key for row, trial in rows)


def test_a_combination_without_effect_is_a_row_with_its_sentence():
    study = Study(
        "batch_norm",
        factors={"normalization": ["batch", "none"], "norm_momentum": [0.99, 0.9]},
        design="full-factorial",
        seeds=2,
    )
    assert reasons(study) == {
        "baseline": "",
        "norm_momentum=0.9": "",
        "normalization=none": "",
        "normalization=none, norm_momentum=0.9": MOMENTUM_OFF,
    }


def test_factorial_with_a_switched_off_baseline_is_refused():
    study = Study(
        "batch_norm",
        factors={"normalization": ["batch", "none"], "norm_momentum": [0.99, 0.9]},
        baseline={"norm_momentum": 0.9},
        design="full-factorial",
        seeds=1,
    )
    assert reasons(study)["normalization=none"] == MOMENTUM_OFF


@pytest.mark.parametrize("design", ["one-at-a-time", "full-factorial"])
def test_variant_drops_the_options_that_it_switches_off(design):
    factors = {"normalization": ["batch", "none"]}
    study = Study(
        "batch_norm", factors=factors, baseline={"norm_momentum": 0.9}, design=design, seeds=1
    )
    plainly = Study("batch_norm", factors=factors, design=design, seeds=1)
    assert reasons(study) == {"baseline": "", "normalization=none": ""}
    assert keys(study)["normalization=none"] == keys(plainly)["normalization=none"]
    assert keys(study)["baseline"] != keys(plainly)["baseline"]


def test_leaving_out_what_others_depend_on_is_possible():
    study = Study(
        "batch_norm",
        factors={"normalization": ["none", "batch"], "norm_momentum": [0.99, 0.9]},
        design="leave-one-out",
        seeds=1,
    )
    # the default momentum is on
    assert reasons(study) == {"baseline": "", "normalization=none": "", "norm_momentum=0.9": ""}


def test_variant_that_sets_an_option_without_effect_is_infeasible():
    study = Study(
        "batch_norm",
        design="list",
        variants=[{"normalization": "none", "norm_momentum": 0.9}, {"normalization": "none"}],
        seeds=1,
    )
    assert reasons(study) == {
        "baseline": "",
        "normalization=none, norm_momentum=0.9": MOMENTUM_OFF,
        "normalization=none": "",
    }


@pytest.mark.parametrize(
    ("variants", "sentence"),
    [
        (
            [{"units": 8}, {}],
            "`variants` of a Study: number 2, {}, is the baseline by another name.",
        ),
        (
            [{"units": 128}],
            "`variants` of a Study: number 1, {'units': 128}, is the baseline by another name.",
        ),
        (
            [{"units": 8, "depth": 2}, {"units": 16}, {"depth": 2, "units": 8}],
            "`variants` of a Study: number 3, {'depth': 2, 'units': 8}, is number 1 by another "
            "name.",
        ),
    ],
)
def test_two_names_for_one_configuration_are_refused(variants, sentence):
    with pytest.raises(StudyError) as refused:
        Planner.of(Study("mlp", design="list", variants=variants))
    assert str(refused.value) == (
        f"{sentence} The same configuration and seed give the same numbers, so it would say "
        "nothing: leave it out."
    )


def test_a_reason_that_building_gave_is_kept():
    planner = Planner.of(Study("mlp", factors={"units": [8, 128]}, seeds=1))
    rows = planner.rows(planner.layout.variants, {}, {"units=8": "too few"})
    assert [row.infeasible for row, _ in rows] == ["", "too few"]


@pytest.mark.parametrize("engine", ["serial"])
def test_plan_has_one_row_per_trial_with_its_cost(stubbed, engine):
    study = Study("mlp", factors={"units": [8, 13, 128]}, seeds=2, recipe=Recipe(epochs=3))
    table = plan(study, engine=engine)
    assert list(table.columns) == [
        *("variant", "factor", "level", "baseline", "seed", "params", "macs", "seconds"),
        *("seconds_from", "infeasible", "status", "key"),
    ]
    assert list(table["variant"]) == ["baseline"] * 2 + ["units=8"] * 2 + ["units=13"] * 2
    assert list(table["seed"]) == [0, 1] * 3
    assert list(table["params"].iloc[:4]) == [100] * 4
    assert table["params"].iloc[4:].isna().all()
    # three passes' worth of 1000 multiplications for 100 examples and 3 epochs take no time
    assert list(table["seconds"].iloc[:4]) == [1.0] * 4
    assert list(table["infeasible"]) == [""] * 4 + ["ValueError: 13 is bad luck"] * 2
    assert not stub_trials.CALLS
    assert len(stub_trials.MEASURED) == 3  # one a variant, not one a seed


def test_baseline_that_sets_an_option_without_effect_is_refused(stubbed):
    study = Study(
        "batch_norm",
        factors={"filters": [8, 32]},
        baseline={"normalization": "none", "norm_momentum": 0.9},
    )
    with pytest.raises(StudyError) as refused:
        plan(study, engine="serial")
    assert str(refused.value) == f"The baseline of the study cannot be trained: {MOMENTUM_OFF}"


def test_a_baseline_that_cannot_be_built_is_refused(stubbed):
    study = Study("mlp", factors={"units": [13, 8]}, baseline={"units": 13})
    with pytest.raises(StudyError) as refused:
        plan(study, engine="serial")
    assert str(refused.value) == (
        "The baseline of the study cannot be trained: ValueError: 13 is bad luck"
    )


def test_equal_variants_are_measured_once_and_share_the_cost(stubbed):
    study = Study(
        "batch_norm",
        baseline={"norm_momentum": 0.9},
        design="list",
        variants=[{"normalization": "none"}, {"normalization": "none", "norm_momentum": 0.99}],
        seeds=1,
    )
    table = plan(study, engine="serial")
    assert table["key"].iloc[1] == table["key"].iloc[2]
    assert list(table["params"]) == [100, 100, 100]
    assert len(stub_trials.MEASURED) == 2


def test_the_types_of_levels_stay_apart_in_a_plan(stubbed):
    study = Study(
        "helpers.stub_builders:unnamed", factors={"extra": [0, 1, True, 1.0, "1"]}, seeds=1
    )
    table = plan(study, engine="serial")
    assert [*map(repr, table["level"])] == ["None", "1", "True", "1.0", "'1'"]
    assert table["key"].nunique() == 5


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        (
            {"factors": {"units": [8, 0]}},
            ToggleError,
            "`units` of `mlp` must be a whole number from 1 to 65536; got 0.",
        ),
        (
            {"factors": {"units": [8, 16]}},
            StudyError,
            "The baseline's level of `units`, 128, is not among the study's levels 8, 16. Add it, "
            "or give baseline={'units': 8}.",
        ),
        (
            {"factors": {"units": [8, 128]}, "design": "fraction"},
            StudyError,
            "There is no design `fraction`. Known: one-at-a-time, leave-one-out, add-one-in, "
            "full-factorial, fractional-factorial, plackett-burman, path, list, pairs, "
            "progressive.",
        ),
        (
            {"design": "list", "variants": [{"epochs": 0}]},
            ToggleError,
            "`epochs` of `Recipe` must be a whole number from 1 to 100000; got 0.",
        ),
    ],
)
def test_a_study_that_cannot_be_planned_is_refused(stubbed, given, error, sentence):
    with pytest.raises(error) as refused:
        plan(Study("mlp", **given), engine="serial")
    assert str(refused.value) == sentence
    assert not stub_trials.MEASURED


def test_an_unknown_engine_is_answered_with_the_nearest(stubbed):
    with pytest.raises(StudyError) as refused:
        plan(Study("mlp", factors={"units": [8, 128]}), engine="process")
    assert str(refused.value) == (
        "There is no engine `process`; did you mean `processes`? Known: processes, ray, serial."
    )


def test_trials_of_a_plan_match_their_rows():
    for row, trial in rows_of(Study("mlp", factors={"units": [8, 128], "epochs": [1, 10]})):
        assert row.key == trial.key
        assert Space.of("mlp").toggle("units").check(trial.settings.get("units", 128), "mlp")
        assert trial.recipe.epochs == row.changes.get("epochs", 10)
