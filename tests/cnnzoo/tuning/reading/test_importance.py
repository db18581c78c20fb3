import math

import numpy as np
import pandas as pd
import pytest

import cnnzoo
from cnnzoo.tuning.reading.importance import importance


def response(count, seed, noise=0.005):
    """Draw a search over a formula of independent terms, whose standard deviations are known."""
    random = np.random.default_rng(seed)
    settings = pd.DataFrame(
        {
            "aside": random.random(count),
            "rate": 10 ** random.uniform(-4, -1, count),
            "skip": random.random(count) < 0.5,
            "kind": random.choice(["a", "b", "c"], count),
            "also_aside": random.integers(0, 4, count),
        }
    )
    terms = {
        "rate": -0.04 * (np.log10(settings["rate"]) + 2) ** 2,  # sd 0.04 * sqrt(2.2 - 1) = 0.044
        "kind": settings["kind"].map({"a": 0.0, "b": 0.03, "c": 0.06}),  # sd 0.024
        "skip": 0.02 * settings["skip"],  # sd 0.010
    }
    return settings, sum(terms.values()) + random.normal(0, noise, count)


@pytest.mark.parametrize("seed", range(3))
def test_the_toggles_are_ranked_as_the_formula_weighs_them(seed):
    settings, scores = response(150, seed)
    table = importance(settings, scores).set_index("toggle")
    assert list(table.index[:3]) == ["rate", "kind", "skip"]
    assert (table.loc[["rate", "kind", "skip"], "low"] > 0).all()
    shares = {"rate": 0.00192, "kind": 0.0006, "skip": 0.0001}  # the terms' variances
    for name, variance in shares.items():
        share = variance / (sum(shares.values()) + 0.005**2)
        assert table.loc[name, "importance"] == pytest.approx(share, abs=0.2)
    for name in ("aside", "also_aside"):
        assert table.loc[name, "low"] <= 0 <= table.loc[name, "high"]
    assert set(table["note"]) == {""}
    assert table.attrs["predicted"][0] > 0.6


def test_direction_and_a_diverged_training_keep_the_order():
    settings, scores = response(120, 0)
    table = importance(settings, scores)
    for other in (-scores, scores.where(scores > scores.min(), -1e9)):
        assert importance(settings, other)["toggle"][:3].tolist() == table["toggle"][:3].tolist()


def test_scores_of_nothing_but_noise_show_nothing():
    settings, _ = response(40, 1)
    table = importance(settings, np.random.default_rng(1).normal(size=40))
    assert (table["low"] <= 0).all()
    assert set(table["note"]) == {
        "too few trials: from the others' scores, those of held-out configurations cannot be "
        "predicted yet"
    }


def test_too_few_configurations_give_no_numbers():
    settings, scores = response(19, 0)
    table = importance(settings, scores)
    assert table["importance"].isna().all()
    assert set(table["note"]) == {
        "too few trials: 19 configurations can be compared; at least 20 are needed"
    }


def test_one_configuration_is_counted_in_the_singular():
    settings, scores = response(1, 0)
    assert set(importance(settings, scores)["note"]) == {
        "too few trials: 1 configuration can be compared; at least 20 are needed"
    }


def test_a_few_configurations_for_each_toggle_are_called_early():
    settings, scores = response(45, 0)
    table = importance(settings.assign(width=8), scores).set_index("toggle")
    assert table["note"]["width"] == "only one level was tried"
    assert math.isnan(table["importance"]["width"])
    assert table["note"]["rate"] == "early: 45 configurations for 5 hyperparameters"


def test_switching_off_is_counted_for_the_toggle_that_does_it():
    random = np.random.default_rng(2)
    pool = random.choice(["max", "none"], 100)
    size = [int(random.integers(1, 5)) if chosen == "max" else None for chosen in pool]
    settings = pd.DataFrame({"pool_size": pd.array(size, dtype="Int64"), "pool": pool})
    scores = (pool == "max") * 1.0 + random.normal(0, 0.01, 100)
    table = importance(settings, scores).set_index("toggle")
    assert table["importance"]["pool"] == pytest.approx(1, abs=0.3)
    assert table["low"]["pool_size"] <= 0.01
    assert table["importance"]["pool_size"] < 0.03


def test_a_search_knows_its_importance(searches):
    table = cnnzoo.open_search(searches["random"]).importance()
    assert sorted(table["toggle"]) == ["learning_rate", "pool", "pool_size", "skip"]
    assert table["note"][0].startswith("too few trials: 6 configurations")
