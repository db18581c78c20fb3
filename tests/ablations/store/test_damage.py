"""Damaged files: refused with the place, never read as other results; the rest is copied."""

import shutil
import sqlite3
from dataclasses import replace

import pandas as pd
import pytest
from helpers.drawn_networks import chain
from helpers.stored_trials import CONTEXT, result, trial
from helpers.stub_trials import STUDY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablations import StudyError, open_results
from ablations.store import FILE, Planned, Store, read_study
from ablations.store.repair import repair
from cnnzoo.data import load_data
from cnnzoo.data.description import describe_data
from cnnzoo.folds import HeldOut
from cnnzoo.training.outcomes import pack

SEEDS = 6


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the directory of a small study and the tables that it is read as."""
    directory = tmp_path_factory.mktemp("whole") / "study"
    with Store(directory, write=True) as store:
        plan = [
            Planned("baseline", {}, None, None, None, seed, trial(seed).key)
            for seed in range(SEEDS)
        ]
        store.begin(STUDY, CONTEXT, plan)
        for seed in range(SEEDS):
            outcomes = pack({"correct": [bool(seed), True, False]})
            found = {"held_out": HeldOut(3, 30, 24), "outcomes": outcomes, "load": 1}
            store.add(result(seed, reason="x" * 300, **found), CONTEXT, {"python": "3"})
    return directory, tables(directory)


def tables(directory):
    results = open_results(directory)
    stored = results._results
    return results.trials, results.study, {k: v.outcomes for k, v in stored.items()}, stored


def results_of_copy(damaged, directory):
    """Return the results that a repair copies; none if it refuses."""
    shutil.rmtree(directory, ignore_errors=True)
    try:
        repair(damaged, directory)
    except StudyError:
        return {}
    with Store(directory) as store:
        return store.results(CONTEXT)


def changed(whole, tmp_path, change):
    directory = tmp_path / "damaged"
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(whole[0], directory)
    change(directory / FILE)
    return directory


def by(statement):
    def change(file):
        with sqlite3.connect(file) as connection:
            connection.execute(statement)
        connection.close()

    return change


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE results SET metrics = replace(metrics, '2.5', '2.4')", "result 3 is"),
        ("UPDATE results SET seconds = 1e9 WHERE id = 5", "result 5 is"),
        ("UPDATE results SET load = NULL WHERE id = 5", "result 5 is"),
        ("UPDATE outcomes SET packed = x'00' WHERE result = 2", "result 2 is"),
        ("DELETE FROM outcomes WHERE result = 2", "result 2 is"),
        ("DELETE FROM results WHERE id = 4", "its results are"),
        ("DELETE FROM results WHERE id = 6", "its results are"),
        ("UPDATE results SET digest = NULL WHERE id = 2", "its results are"),
        (
            "UPDATE study SET spec = replace(spec, 'digits', 'mnist5k')",
            "its declaration or plan are",
        ),
        ("DELETE FROM plan WHERE seed = 0", "its declaration or plan are"),
        ("UPDATE plan SET variant = 'other' WHERE seed = 0", "its declaration or plan are"),
        ("DELETE FROM specs", "its earlier declarations are"),
    ],
)
def test_changed_rows_are_refused_with_the_place(whole, tmp_path, statement, what):
    directory = changed(whole, tmp_path, by(statement))
    with pytest.raises(StudyError) as refused:
        open_results(directory)
    was = "it was" if what.startswith("result ") else "they were"
    assert str(refused.value) == (
        f"The study in {directory} is damaged: {what} not as {was} stored. ablations repair "
        f"{directory} --to DIRECTORY copies the results that are whole."
    )


@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_file_is_refused_or_read_as_it_was(whole, tmp_path_factory, at, bit, cut):
    def damage(file):
        content = bytearray(file.read_bytes())
        place = int(at * len(content))
        if cut:
            content = content[:place]
        else:
            content[place] ^= 1 << bit
        file.write_bytes(content)

    directory = changed(whole, tmp_path_factory.getbasetemp(), damage)
    try:
        trials, study, outcomes, results = tables(directory)
    except StudyError:  # in one sentence
        copied = results_of_copy(directory, tmp_path_factory.getbasetemp() / "copy")
        assert copied.items() <= whole[1][3].items()
    else:
        pd.testing.assert_frame_equal(trials, whole[1][0])
        assert (study, outcomes, results) == whole[1][1:]


def test_repair_copies_what_is_whole(whole, tmp_path):
    directory = changed(whole, tmp_path, by("UPDATE results SET seconds = 9 WHERE id IN (2, 5)"))
    done = repair(directory, tmp_path / "copy")
    assert (done.kept, done.lost, done.has_study) == (4, (2, 5), True)
    copied, _, outcomes, _ = tables(tmp_path / "copy")
    lost = copied["seed"].isin([1, 4])
    assert copied["status"].where(~lost, "done").eq("done").all()
    assert copied.loc[lost, "status"].eq("pending").all()
    names = ["seed", "test_loss", "seconds", "key"]
    pd.testing.assert_frame_equal(copied.loc[~lost, names], whole[1][0].loc[~lost, names])
    assert outcomes.items() <= whole[1][2].items()
    with pytest.raises(StudyError) as refused:
        repair(directory, tmp_path / "copy")
    assert str(refused.value) == (
        f"`to`: expected a new directory; got {tmp_path / 'copy'}, which has a study."
    )


def test_repaired_results_without_declaration_are_used_by_the_next_run(whole, tmp_path):
    directory = changed(whole, tmp_path, by("UPDATE study SET spec = '{'"))
    done = repair(directory, tmp_path / "copy")
    assert (done.kept, done.lost, done.has_study) == (SEEDS, (), False)
    with Store(tmp_path / "copy", write=True) as store:
        assert set(store.results(CONTEXT)) == {trial(seed).key for seed in range(SEEDS)}


def test_repair_keeps_the_history(whole, tmp_path):
    """That seeds were changed after results existed is said of the copy too."""
    directory = changed(whole, tmp_path, lambda file: None)
    with Store(directory, write=True) as store:
        store.begin(replace(STUDY, seeds=3), CONTEXT, store.plan())
        store.describe(describe_data("digits", load_data("digits")))
        store.draw(chain(3))
    done = repair(directory, tmp_path / "copy")
    assert (done.lost, done.has_study, done.has_history) == ((), True, True)
    with Store(directory) as one, Store(tmp_path / "copy") as other:
        assert len(one.studies) == 2
        assert other.studies == one.studies
        assert other.descriptions == one.descriptions != {}
        assert other.plan() == one.plan()
        assert other.network == one.network == chain(3)


def test_damaged_network_is_refused_and_left_out_of_the_copy(whole, tmp_path):
    directory = changed(whole, tmp_path, lambda file: None)
    with Store(directory, write=True) as store:
        store.draw(chain(3))
    by("UPDATE network SET structure = replace(structure, '3', '4')")(directory / FILE)
    with pytest.raises(StudyError) as refused:
        open_results(directory)
    assert str(refused.value) == (
        f"The study in {directory} is damaged: its graph and parts of the model are not as they "
        f"were stored. ablations repair {directory} --to DIRECTORY copies the results that are "
        "whole."
    )
    done = repair(directory, tmp_path / "copy")
    assert (done.kept, done.has_study, done.has_history) == (SEEDS, True, False)
    assert open_results(tmp_path / "copy").network is None


@pytest.mark.parametrize("cut", [0, 4096])
def test_damaged_end_loses_only_what_is_there(whole, tmp_path, cut):
    def damage(file):
        content = file.read_bytes()
        end = content[-4096:] if not cut else b""
        file.write_bytes(content[:-4096] + b"\0" * len(end))

    directory = changed(whole, tmp_path, damage)
    with pytest.raises(StudyError, match=r"is damaged: .* ablations repair"):
        open_results(directory)
    done = repair(directory, tmp_path / "copy")
    assert done.kept + len(done.lost) == SEEDS
    assert done.kept >= SEEDS - 2


def test_repair_reads_a_read_only_folder_and_can_be_interrupted(whole, tmp_path, monkeypatch):
    directory, copy = changed(whole, tmp_path, lambda file: None), tmp_path / "copy"

    def interrupted(store, row):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Store, "adopt", interrupted)
        with pytest.raises(KeyboardInterrupt):
            repair(directory, copy)
    assert list(copy.iterdir()) == []
    directory.chmod(0o555)
    assert repair(directory, copy).kept == SEEDS
    directory.chmod(0o755)
    assert sorted(path.name for path in directory.iterdir()) == ["study.lock", FILE]


def test_study_that_changes_while_it_is_read_is_read_again(whole, tmp_path):
    """It is opened as immutable, and a writer begins and ends before it is read."""
    directory = changed(whole, tmp_path, lambda file: None)
    reads = []

    def read(store):
        reads.append(1)
        if len(reads) == 1:
            with Store(directory, write=True) as writer:
                writer.add(result(100), CONTEXT, {})
            raise StudyError("it looks damaged")
        return len(store.results(CONTEXT))

    assert read_study(directory, read) == SEEDS + 1
    with pytest.raises(StudyError, match="it is damaged"):
        read_study(directory, lambda store: (_ for _ in ()).throw(StudyError("it is damaged")))


def test_reading_leaves_no_files(whole):
    assert sorted(path.name for path in whole[0].iterdir()) == ["study.lock", FILE]
