"""Stored studies whose trials have the values that a test says."""

from dataclasses import replace

import pytest

from ablations import TrialResult, open_results
from ablations.designs.planner import Planner
from ablations.store import Store


@pytest.fixture
def stored(tmp_path):
    """Return a function that stores a study; each trial has the fields that a function returns.

    A trial without fields is pending.
    """

    def stored(study, told):
        planner = Planner.of(study)
        rows = planner.rows(planner.layout.variants, {}, {})
        levels = dict(planner.layout.baseline)
        with Store(tmp_path / study.name, write=True) as store:
            store.begin(replace(study, baseline=levels), {}, [row for row, _ in rows])
            for _, trial in rows:
                fields = told(trial)
                if fields is not None:
                    store.add(TrialResult(trial, **{"status": "done", **fields}), {}, {})
        return open_results(tmp_path / study.name)

    return stored
