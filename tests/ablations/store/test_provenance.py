"""Which code, versions and machine a result depends on."""

import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

import ablations
import cnnzoo
from ablations.running.trial import run_trial
from ablations.store.provenance import (
    RUN_TRIAL,
    all_machines,
    context_of,
    other_machine,
)
from cnnzoo.runtime.code_version import difference, files_version, imported_files


@pytest.mark.parametrize(
    ("earlier", "now", "sentence"),
    [
        ({"cpu": "A", "cores": "2"}, {"cpu": "A", "cores": "64"}, ""),
        ({"cpu": "A"}, {"cpu": "A", "gpus": "L4"}, "gpus none, here L4"),
        ({"cpu": "A", "gpus": "L4"}, {"cpu": "B"}, "cpu A, here B; gpus L4, here none"),
        ({"python": "3.11"}, {"cpu": "B"}, ""),  # a system that does not tell its CPU
    ],
)
def test_machines_differ_if_they_compute_differently(earlier, now, sentence):
    assert other_machine(earlier, now) == sentence


def test_no_results_have_no_machine():
    assert all_machines([]) == {}


@pytest.fixture
def packages(tmp_path):
    """A folder with copies of both packages."""
    for package in (cnnzoo, ablations):
        folder = Path(package.__file__).parent
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folder, tmp_path / folder.name, ignore=ignored)
    return tmp_path


def test_entry_is_the_module_of_run_trial():
    assert run_trial.__module__ == RUN_TRIAL


@pytest.mark.parametrize(
    "name",
    [
        "ablations/running/trial.py",
        "ablations/study/study.py",
        "cnnzoo/builders.py",
        "cnnzoo/data/sources/packaged.py",
        "cnnzoo/doctor/chance.py",
        "cnnzoo/models/plain.py",
        "cnnzoo/models/pretrained.py",
        "cnnzoo/runtime/seeding.py",
        "cnnzoo/training/train.py",
        "cnnzoo/vocabulary.py",
    ],
)
def test_changed_file_of_a_trial_is_another_version(packages, name):
    before = files_version(imported_files(RUN_TRIAL, packages))
    path = packages / name
    path.write_text(path.read_text() + "# changed\n")
    assert files_version(imported_files(RUN_TRIAL, packages)) != before


def test_only_files_of_a_trial_count(packages):
    files = imported_files(RUN_TRIAL, packages)
    rooms = {"/".join(name.split("/")[:2]) for name in files}
    assert rooms == {
        "ablations/running",
        "ablations/study",
        "cnnzoo/analysis",
        "cnnzoo/builders.py",
        "cnnzoo/data",
        "cnnzoo/doctor",
        "cnnzoo/folds.py",
        "cnnzoo/given_model.py",
        "cnnzoo/hp_discovery.py",
        "cnnzoo/kinds.py",
        "cnnzoo/levels.py",
        "cnnzoo/model_paths.py",
        "cnnzoo/models",
        "cnnzoo/objects.py",
        "cnnzoo/own_fit.py",
        "cnnzoo/parts",
        "cnnzoo/runtime",
        "cnnzoo/shared_toggles.py",
        "cnnzoo/signature.py",
        "cnnzoo/toggle.py",
        "cnnzoo/training",
        "cnnzoo/vocabulary.py",
        "cnnzoo/zoo.py",
    }
    assert [name for name in files if "running/" in name] == ["ablations/running/trial.py"]


def test_imported_module_becomes_part_of_a_trial(packages):
    before = imported_files(RUN_TRIAL, packages)
    added = packages / "cnnzoo" / "models" / "mine.py"
    added.write_text("import cnnzoo.analysis.tiles\n")
    assert imported_files(RUN_TRIAL, packages) == before
    importing = packages / "cnnzoo" / "training" / "train.py"
    importing.write_text(
        f"{importing.read_text()}\n\ndef later():\n    import cnnzoo.models.mine\n"
    )
    after = imported_files(RUN_TRIAL, packages)
    assert after.keys() - before.keys() == {
        "cnnzoo/analysis/tiles.py",
        "cnnzoo/models/mine.py",
    }


def test_unknown_entry_raises(packages):
    with pytest.raises(ModuleNotFoundError) as missing:
        imported_files("ablations.trial", packages)
    assert str(missing.value) == f"There is no module ablations.trial in {packages}."


def test_context_holds_the_version_of_the_packages_anywhere(packages):
    digest = files_version(imported_files(RUN_TRIAL))
    assert digest == files_version(imported_files(RUN_TRIAL, packages))
    assert len(digest) == 12
    assert context_of("mlp", "f", "a") == {
        "keras": version("keras"),
        "tensorflow": version("tensorflow"),
        "numpy": version("numpy"),
        "cnnzoo": f"{version('cnnzoo')} ({digest})",
        "backend": f"tensorflow {version('tensorflow')}",
        "data": "f",
        "arithmetic": "a",
    }
    assert context_of("mlp", "f", "a", weights="w")["weights"] == "w"
    assert len(context_of("helpers.stub_builders:plain", "f", "a")["model"]) == 12


def test_context_holds_the_backend_and_its_version(monkeypatch):
    before = context_of("mlp", "f", "a")
    monkeypatch.setattr("keras.config.backend", lambda: "numpy")
    assert difference(before, context_of("mlp", "f", "a")) == (
        f"backend from tensorflow {version('tensorflow')} to numpy {version('numpy')}"
    )
