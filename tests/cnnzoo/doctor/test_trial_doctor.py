"""The doctor in the trials of a search, and what is stored and read of it."""

import json

from cnnzoo import Recipe, open_search, tune
from cnnzoo.doctor.finding import Finding
from cnnzoo.tuning.records import Execution, TrialStatus, read_executions, write_executions


def test_findings_of_an_execution_are_stored(tmp_path):
    note = Finding("x", "X", "1", "Do", severity="note", layer="conv", epoch=2, source="S")
    execution = Execution(TrialStatus.DONE, 0.5, seed=3, findings=(note,))
    write_executions(tmp_path, [execution])
    (stored,) = read_executions(tmp_path)
    assert stored.findings == (note,)
    (path,) = tmp_path.iterdir()
    rows = json.loads(path.read_text())
    del rows[0]["findings"]  # as earlier versions wrote it
    path.write_text(json.dumps(rows))
    assert read_executions(tmp_path)[0].findings == ()


def test_search_names_the_cause_of_a_trial_at_chance_level(tmp_path):
    search = tune(
        "mlp",
        "digits",
        {"learning_rate": [0.01, 1e-7]},
        tuner="grid",
        units=8,
        train_size=100.0,
        recipe=Recipe(epochs=2),
        directory=tmp_path,
        progress=False,
    )
    trials = open_search(search.directory).trials.set_index("learning_rate")
    assert trials["codes"][1e-7] == "at-chance rate-low"
    assert "Set the learning rate to " in trials["findings"][1e-7]
