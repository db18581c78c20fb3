import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import partial_dependence

from cnnzoo.tuning.reading.importance import TREES
from cnnzoo.tuning.reading.surface import CELLS, surface


@pytest.fixture
def search():
    random = np.random.default_rng(5)
    rate, units = 10 ** random.uniform(-4, -1, 60), random.integers(4, 65, 60).astype(float)
    kind = random.choice(["a", "b"], 60)
    scores = -((np.log10(rate) + 2) ** 2) + 0.01 * units + (kind == "b")
    return pd.DataFrame({"rate": rate, "units": units, "kind": kind}), scores


def test_surface_is_the_partial_dependence_of_a_forest(search):
    settings, scores = search
    table = surface(settings, scores, ("rate", "units"), (True, False))
    assert len(table) == CELLS**2
    inputs = settings.assign(kind=(settings["kind"] == "b").astype(float)).to_numpy()
    forest = RandomForestRegressor(TREES, random_state=0).fit(inputs, scores)
    grids = {at: table[name].drop_duplicates().to_numpy() for at, name in enumerate("xy")}
    expected = partial_dependence(
        forest, inputs, [0, 1], method="brute", custom_values=grids, kind="average"
    )
    found = table["score"].to_numpy().reshape(CELLS, CELLS)
    assert found == pytest.approx(expected["average"][0], rel=1e-9)


def test_cells_are_even_on_the_scale_of_their_hyperparameter(search):
    table = surface(*search, ("rate", "kind"), (True, False))
    assert table["y"].unique().tolist() == ["a", "b"]
    assert table["y_low"].isna().all()
    ends = table[["x_low", "x_high"]].drop_duplicates()
    ratios = ends["x_high"] / ends["x_low"]
    assert ratios.to_numpy() == pytest.approx(ratios.iloc[0], rel=1e-9)
    assert ends["x_low"].min() == pytest.approx(search[0]["rate"].min())


def test_diverged_score_does_not_decide_the_surface(search):
    settings, scores = search
    diverged = np.where(np.arange(60) == 7, -1e9, scores)
    table = surface(settings, diverged, ("rate", "units"))
    assert table["score"].min() > -20


def test_single_level_has_no_surface(search):
    settings, scores = search
    assert surface(settings.assign(kind="a"), scores, ("rate", "kind")).empty
