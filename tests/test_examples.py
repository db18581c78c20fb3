"""The scripts of `examples` and the examples of the guides run and print what the docs show."""

import doctest
import re
import runpy
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from cnnzoo.engine import ENGINES, Serial

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))
SCRIPTS.sort(key="read_stored_study".__eq__)  # last, because it reads what another one stores

HOW_TO = sorted(set((ROOT / "docs" / "how_to").glob("*.md")) - {ROOT / "docs/how_to/index.md"})

NUMBER = re.compile(r"[-+]?\b\d+(\.\d+)?\b")


def run_example(name, monkeypatch):
    monkeypatch.setattr(sys, "argv", [name])
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")


def mask_numbers(text):
    return NUMBER.sub("#", text).split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("examples")


@pytest.fixture
def without_workers(monkeypatch):
    """Run trials in this process, which has loaded Keras and has trained before."""
    monkeypatch.setitem(ENGINES, "processes", Serial)


@pytest.mark.usefixtures("unexplained", "without_workers")
@pytest.mark.parametrize("name", SCRIPTS)
def test_example_prints_the_stored_output(name, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    if name == "read_stored_study" and not Path("studies/hidden-units").exists():
        run_example("study_from_python", monkeypatch)
        capsys.readouterr()
    run_example(name, monkeypatch)
    stored = (ROOT / "examples" / "output" / f"{name}.txt").read_text()
    assert mask_numbers(capsys.readouterr().out) == mask_numbers(stored)


def test_every_example_is_in_the_gallery():
    page = (ROOT / "docs" / "examples.md").read_text()
    for name in SCRIPTS:
        assert f"../examples/{name}.py" in page
        assert f"../examples/output/{name}.txt" in page


COMMANDS_ONLY = ["how_to/several_machines", "how_to/watch"]
"""Guides without examples in Python."""

GUIDES = ["tutorial", "insight", *sorted(f"how_to/{path.stem}" for path in HOW_TO)]


@pytest.mark.filterwarnings("ignore:currentThread|getName:DeprecationWarning")  # KerasTuner's own
@pytest.mark.usefixtures("unexplained")
@pytest.mark.parametrize("guide", [guide for guide in GUIDES if guide not in COMMANDS_ONLY])
def test_guide_shows_what_its_examples_return(guide, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained = folder / "studies" / "hidden-units"
    if guide == "tutorial" and trained.exists():
        # its study is that of study_from_python, so it finds the trials and repeats none
        shutil.copytree(trained, tmp_path / "studies" / "hidden-units")
    monkeypatch.syspath_prepend(tmp_path)
    page = (ROOT / "docs" / f"{guide}.md").read_text()
    for name, module in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", page, re.DOTALL):
        Path(name).write_text(module)
    text = re.sub(r"^```.*$", "", page, flags=re.MULTILINE)
    examples = doctest.DocTestParser().get_doctest(text, {}, guide, f"{guide}.md", 0)
    session = ModuleType("__main__")  # functions that a guide defines belong to the main program
    monkeypatch.setitem(sys.modules, "__main__", session)
    examples.globs = vars(session)
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    outcome = doctest.DocTestRunner(optionflags=options).run(examples)
    assert outcome.attempted > 3
    assert outcome.failed == 0


@pytest.mark.parametrize("path", HOW_TO, ids=lambda path: path.stem)
def test_python_blocks_of_a_guide_are_run(path):
    blocks = re.findall(r"^```python\n(.*)$", path.read_text(), flags=re.MULTILINE)
    assert [first for first in blocks if not re.match(r">>> |# \w+\.py$", first)] == []


def test_every_guide_is_listed():
    listed = (ROOT / "docs" / "how_to" / "index.md").read_text().split()
    assert {path.stem for path in HOW_TO} - {*listed} == set()
