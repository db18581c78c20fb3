"""Built-in studies."""

import pytest
from ablations.study.built_in import CLAIMS, STUDIES, get_study

from ablations.designs.planner import Planner
from ablations.study.errors import StudyError


def test_the_built_in_studies_are_listed(tell):
    answer = tell("list")
    assert answer.exit_code == 0
    for name, study in STUDIES.items():
        (line,) = [ln for ln in answer.output.splitlines() if ln.split()[:1] == [name]]
        known = [study.model_name, study.data, str(len(study.seed_blocks)), CLAIMS[name]]
        assert line.split()[1:5] == known
    assert "pool_size: 1, 2, 3, 4" in answer.output
    assert answer.output.count("baseline: pool=average") == 1  # what tells two rows apart
    assert set(CLAIMS) == set(STUDIES)


@pytest.mark.parametrize("name", STUDIES)
def test_every_built_in_study_can_be_planned(name):
    planner = Planner.of(get_study(name))
    rows = planner.rows(planner.layout.variants, {}, {})
    assert len(rows) >= 2
    assert not any(row.infeasible for row, _ in rows)


@pytest.mark.parametrize(
    ("name", "pool"), [("downsampling", "max"), ("downsampling-average", "average")]
)
def test_both_poolings_are_studied_over_all_sizes(name, pool):
    planner = Planner.of(get_study(name))
    trials = [trial for _, trial in planner.rows(planner.layout.variants, {}, {})]
    assert {trial.settings.get("pool", "max") for trial in trials} == {pool}
    assert {trial.settings.get("pool_size", 2) for trial in trials} == {1, 2, 3, 4}


def test_unknown_study_is_refused_with_the_nearest():
    with pytest.raises(StudyError) as refused:
        get_study("downsamplin")
    assert str(refused.value) == (
        "There is no built-in study `downsamplin`; did you mean `downsampling`? Known: "
        f"{', '.join(STUDIES)}."
    )
