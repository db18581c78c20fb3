import json

import numpy as np
import pandas as pd
import pytest
from helpers.holm import holm_of_statsmodels
from hypothesis import given
from hypothesis import strategies as st

from ablations.stats.metrics import Better
from ablations.stats.verdicts import Verdict, holm, holm_level, verdicts
from ablations.study import Status
from cnnzoo.training.metric_names import Direction

nan = float("nan")
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.04: times 4, 3, 2, 1 is 0.04, 0.06, 0.06, 0.04; then never falling.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06], rel=1e-10)


@given(p_values)
def test_holm_agrees_with_statsmodels(p):
    assert holm(p) == pytest.approx(holm_of_statsmodels(p), abs=1e-12)


@given(p_values, st.integers(0, 5))
def test_nan_does_not_count_as_a_comparison(p, place):
    with_gap = [*p[:place], nan, *p[place:]]
    adjusted = holm(with_gap)
    assert np.isnan(adjusted[min(place, len(p))])
    assert np.delete(adjusted, min(place, len(p))) == pytest.approx(holm(p), rel=1e-10)


@given(p_values)
def test_level_is_where_holm_rejects(p):
    adjusted, alpha = holm(p), 0.05
    level = holm_level(adjusted, alpha)
    clear = np.abs(np.array(p) - level) > 1e-12
    assert ((np.array(p) < level) == (adjusted < alpha))[clear].all()


def test_rows_are_separate_families():
    assert holm([[0.01, 0.02], [nan, 0.5]])[0] == pytest.approx([0.02, 0.02], rel=1e-10)
    assert holm([[0.01, 0.02], [nan, 0.5]])[1, 1] == 0.5


def test_only_nan_stays_nan():
    assert np.isnan(holm([nan, nan])).all()
    assert holm([]).tolist() == []


@pytest.mark.parametrize(
    ("delta", "p", "p_equivalence", "lower", "word"),
    [
        (-1.0, 0.01, nan, True, "better"),
        (1.0, 0.01, nan, True, "worse"),
        (1.0, 0.01, nan, False, "better"),
        (-1.0, 0.01, nan, False, "worse"),
        (1.0, 0.2, nan, True, "inconclusive"),
        (1.0, 0.2, 0.01, True, "equivalent"),
        (1.0, 0.01, 0.01, True, "equivalent"),
        (1.0, 0.01, 0.2, True, "worse"),
        (1.0, 0.05, 0.05, True, "inconclusive"),
        (1.0, nan, nan, True, ""),
    ],
)
def test_verdict_rules(delta, p, p_equivalence, lower, word):
    found = verdicts([delta], [p], [p_equivalence], alpha=0.05, lower_is_better=lower)
    assert found.tolist() == [word]


@pytest.mark.parametrize("words", [Verdict, Status, Better, Direction])
def test_enums_are_plain_words_in_files_and_tables(words):
    plain = [member.value for member in words]
    table = pd.DataFrame({"word": list(words), "count": 1})
    assert json.dumps(list(words)) == json.dumps(plain)
    assert table.to_csv() == pd.DataFrame({"word": plain, "count": 1}).to_csv()
    assert table.to_json() == pd.DataFrame({"word": plain, "count": 1}).to_json()
    assert [type(word) for word in table["word"]] == [str] * len(plain)
    assert table.groupby("word")["count"].sum().to_dict() == dict.fromkeys(plain, 1)
    assert f"{[*words]}" == f"{plain}"
