"""The declarations themselves, and that what has a table of its own agrees with them."""

import math
import typing

import pytest

from cnnzoo import vocabulary
from cnnzoo.toggle import Toggle, toggle_of

ALIASES = {
    name: toggle_of(name, alias)
    for name, alias in vars(vocabulary).items()
    if any(isinstance(metadata, Toggle) for metadata in getattr(alias, "__metadata__", ()))
}

# What is promised by name: a builder's, a recipe's and the data's toggles share no name.
GROUPS = {
    "builder": "filters growth depth kernel_size strides padding padding_mode dilation conv pool "
    "pool_size activation normalization norm_momentum norm_position skip dropout weight_decay "
    "kernel_initializer head loss label_smoothing optimizer learning_rate",
    "recipe": "epochs batch_size schedule augment class_weight early_stopping precision",
    "data": "normalize train_size label_noise target_outliers imbalance image_size interpolation "
    "skip_bad",
}


def snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]


def test_promised_toggles_are_declared_in_one_group_each():
    promised = [name for names in GROUPS.values() for name in names.split()]
    assert len(set(promised)) == len(promised)
    assert set(promised) <= {snake_case(name) for name in ALIASES}


@pytest.mark.parametrize("name", ALIASES)
class TestEveryAlias:
    def test_has_a_meaning_in_one_phrase(self, name):
        meaning = ALIASES[name].meaning
        assert meaning.strip() == meaning != ""
        assert not meaning.endswith(".")
        assert "\n" not in meaning

    def test_has_either_levels_or_a_range(self, name):
        toggle = ALIASES[name]
        assert bool(toggle.levels) != (toggle.low is not None)
        if toggle.levels:
            assert len(set(toggle.levels)) == len(toggle.levels)
            assert {type(level) for level in toggle.levels} == {toggle.type}
            assert None not in toggle.levels
        else:
            assert toggle.type in (int, float)
            assert -math.inf < toggle.low < toggle.high < math.inf

    def test_is_off_at_a_level_of_its_own(self, name):
        toggle = ALIASES[name]
        if toggle.off is None:
            return
        assert type(toggle.off) is toggle.type
        assert toggle.check(toggle.off, "a model") == toggle.off
        assert toggle.off not in (False, "none") or toggle.type in (int, float)

    def test_searches_within_its_range(self, name):
        toggle = ALIASES[name]
        if toggle.levels:
            assert toggle.search is None
            return
        low, high = toggle.search_range
        assert toggle.low <= low < high <= toggle.high
        assert toggle.check(toggle.type(low), "search") == low
        assert toggle.check(toggle.type(high), "search") == high
        if toggle.log:
            assert low > 0

    def test_has_a_default_that_it_allows_if_it_has_one(self, name):
        toggle = ALIASES[name]
        if toggle.default is not None:
            assert toggle.check(toggle.default, "vocabulary") == toggle.default

    def test_depends_on_known_levels_of_a_known_toggle(self, name):
        if ALIASES[name].when is None:
            return
        parent, levels = ALIASES[name].when
        declared = {snake_case(other): toggle for other, toggle in ALIASES.items()}
        assert levels
        assert set(levels) < set(declared[parent].levels)


def test_builders_take_common_arguments_and_toggles_with_defaults():
    hints = typing.get_type_hints(vocabulary.Shared, include_extras=True)
    shared = {name: toggle_of(name, alias) for name, alias in hints.items()}
    plain = [name for name, toggle in shared.items() if toggle is None]
    assert plain == ["input_shape", "classes", "compile", "seed", "name"]
    assert list(shared)[: len(plain)] == plain
    toggles = {name: toggle for name, toggle in shared.items() if toggle is not None}
    assert all(toggle.default is not None for toggle in toggles.values())
    assert all(
        ALIASES[to_alias(name)] == toggle_of(to_alias(name), hints[name]) for name in toggles
    )


def to_alias(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def test_shared_toggles_depend_on_shared_toggles_only():
    hints = typing.get_type_hints(vocabulary.Shared, include_extras=True)
    toggles = {name: toggle_of(name, alias) for name, alias in hints.items()}
    assert {toggle.when[0] for toggle in toggles.values() if toggle and toggle.when} <= set(toggles)


def test_losses_are_the_levels_of_the_toggle():
    from cnnzoo.models.losses import LOSSES

    assert tuple(LOSSES) == ALIASES["Loss"].levels
    assert all(choice.name == name for name, choice in LOSSES.items())


def test_optimizers_are_the_levels_of_the_toggle():
    from cnnzoo.models.optimizers import DECOUPLED, OPTIMIZERS

    assert tuple(OPTIMIZERS) == ALIASES["Optimizer"].levels
    assert set(DECOUPLED) <= set(OPTIMIZERS)


@pytest.mark.parametrize(
    ("toggle", "option"),
    [("LabelSmoothing", "label_smoothing"), ("Logits", "from_logits")],
)
def test_loss_options_are_available_as_in_keras(toggle, option):
    from cnnzoo.models.losses import LOSSES

    takes = [name for name, choice in LOSSES.items() if option in choice.make().get_config()]
    assert sorted(ALIASES[toggle].when[1]) == sorted(takes)


def test_interpolations_are_those_of_resizing():
    from cnnzoo.data.resizing import KERNELS

    assert {*KERNELS, "nearest", "area"} == {*ALIASES["Interpolation"].levels}


def test_activations_and_initializers_have_the_names_of_keras():
    import keras

    for name in ALIASES["Activation"].levels:
        assert keras.activations.get(name).__name__ == name
    for name in ALIASES["KernelInitializer"].levels:
        assert snake_case(type(keras.initializers.get(name)).__name__) == name
