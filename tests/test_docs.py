"""The documentation builds without a warning, is complete, and its links and numbers are right."""

import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from sphinx.util.inventory import InventoryFile

import ablations
import cnnzoo

ROOT = Path(__file__).parent.parent
PAPERS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
RESULTS = "tests/benchmarks/results"
SOURCES = ("docs", "notebooks", "examples", RESULTS)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site from a copy, because the build writes pages beside its sources."""
    folder = tmp_path_factory.mktemp("docs")
    generated = shutil.ignore_patterns("_build", "api", "benchmarks", "notebooks")
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=generated)
    for name in PAPERS:
        shutil.copy(ROOT / name, folder)
    command = ["-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", "site"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "NO_COLOR": "1"}
    build = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert build.returncode == 0, build.stderr
    return folder / "site"


def test_every_public_name_is_in_the_reference(site):
    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    documented = {name for kind, names in inventory.data.items() if "py:" in kind for name in names}
    public = {
        f"{package.__name__}.{name}" for package in (cnnzoo, ablations) for name in package.__all__
    }
    assert public - documented == set()
    methods = {
        f"{name}.{method}"
        for name in public
        for method, value in vars_of(find(name)).items()
        if not method.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
    }
    assert "ablations.Results.deltas" in methods
    assert methods - documented == set()


def find(name):
    package, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(package), attribute)


def vars_of(value):
    """Collect the attributes of a class and of its bases in this project."""
    bases = value.__mro__ if inspect.isclass(value) else ()
    own = [base for base in bases if base.__module__.startswith(("cnnzoo", "ablations"))]
    return {name: attribute for base in own for name, attribute in vars(base).items()}


def test_reference_lists_every_model_and_toggle(site):
    page = (site / "reference" / "zoo.html").read_text()
    for model in cnnzoo.list_models():
        assert f'title="cnnzoo.{model}"' in page
        for toggle in cnnzoo.toggles(model):
            assert f">{toggle}<" in page


def test_reference_shows_the_help_of_the_commands(site):
    page = (site / "reference" / "commands.html").read_text()
    for option in ("--tuner", "--retry-failed", "--beside"):
        assert option in page


@pytest.mark.parametrize("paper", PAPERS)
def test_relative_links_lead_to_files(paper):
    links = re.findall(r"\]\(([^)#\s]+)", (ROOT / paper).read_text())
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert missing == []


def test_numbers_on_the_statistics_page_are_simulated():
    simulated = set(re.findall(r"\d+\.\d+", (ROOT / RESULTS / "statistics.md").read_text()))
    page = (ROOT / "docs" / "statistics.md").read_text()
    numbers = {number for number in re.findall(r"\d+\.\d+", page) if number != "0.05"}
    assert len(numbers) > 20
    assert numbers - simulated == set()


@pytest.mark.parametrize("paper", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_paths_in_the_text_exist(paper):
    named = re.findall(r"`((?:cnnzoo|ablations|tests|docs)/[\w./]*)`", (ROOT / paper).read_text())
    assert len(named) > 8
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_citation_names_the_version_and_the_license():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == project["version"] == cnnzoo.__version__
    assert citation["license"] == project["license"]


def test_workflow_runs_the_pythons_that_the_package_names():
    workflow = yaml.safe_load((ROOT / ".github/workflows/checks.yml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: 3."
    named = [line[len(prefix) - 2 :] for line in project["classifiers"] if line.startswith(prefix)]
    assert workflow["jobs"]["checks"]["strategy"]["matrix"]["python"] == named
    assert workflow["jobs"]["checks"]["steps"][-1]["run"] == ".ci/run"
