"""Which code of the packages themselves a result depends on."""

import shutil
from importlib.metadata import version as installed
from pathlib import Path

import pytest

import ablations
import cnnzoo
from ablations.store.provenance import context_of, difference, trial_code_version


@pytest.fixture
def packages(tmp_path):
    """Copies of both packages, side by side."""
    for package in (cnnzoo, ablations):
        folder = Path(package.__file__).parent
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folder, tmp_path / folder.name, ignore=ignored)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("cnnzoo/training/train.py", True),
        ("cnnzoo/models/plain.py", True),
        ("cnnzoo/data/sources/packaged.py", True),
        ("ablations/running/trial.py", True),
        ("ablations/study/models.py", True),
        ("cnnzoo/cli.py", False),
        ("cnnzoo/runtime/console.py", False),
        ("cnnzoo/tuning/oracle.py", False),
        ("ablations/running/run.py", False),
        ("ablations/report/study/document.py", False),
    ],
)
def test_a_change_of_what_a_trial_runs_is_another_version_of_the_packages(packages, name, counts):
    folders = packages / "cnnzoo", packages / "ablations"
    before = trial_code_version(*folders)
    path = packages / name
    path.write_text(path.read_text() + "# changed\n")
    assert (trial_code_version(*folders) != before) == counts


def test_a_file_more_or_elsewhere_is_another_version_of_the_packages(packages):
    folders = packages / "cnnzoo", packages / "ablations"
    versions = [trial_code_version(*folders)]
    (packages / "cnnzoo" / "models" / "mine.py").touch()
    versions.append(trial_code_version(*folders))
    (packages / "cnnzoo" / "models" / "mine.py").rename(packages / "cnnzoo" / "mine.py")
    versions.append(trial_code_version(*folders))
    assert len(set(versions)) == 3


def test_the_version_of_the_packages_is_that_of_their_files_wherever_they_are(packages):
    here = [Path(package.__file__).parent for package in (cnnzoo, ablations)]
    version = trial_code_version(*here)
    assert version == trial_code_version(packages / "cnnzoo", packages / "ablations")
    assert len(version) == 12
    assert context_of("mlp", "f", "a")["cnnzoo"] == f"{installed('cnnzoo')} ({version})"


def test_results_belong_to_the_backend_and_its_version(monkeypatch):
    before = context_of("mlp", "f", "a")
    assert before["backend"] == f"tensorflow {installed('tensorflow')}"
    monkeypatch.setattr("keras.config.backend", lambda: "numpy")
    assert difference(before, context_of("mlp", "f", "a")) == (
        f"backend from tensorflow {installed('tensorflow')} to numpy {installed('numpy')}"
    )
