"""Checks that read the code instead of running it, so that one command runs all checks."""

import ast
import graphlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

ROOMS = (
    "ablations.cli",
    "ablations.claims",
    "ablations.search",
    "ablations.running",
    "ablations.watch",
    "ablations.results",
    "ablations.report",
    "ablations.export",
    "ablations.stats",
    "ablations.designs",
    "ablations.store",
    "ablations.claims.catalogue",
    "ablations.claims.document_000",
    "ablations.claims.document_001",
    "ablations.claims.document_002",
    "ablations.claims.document_003",
    "ablations.claims.document_004",
    "ablations.claims.claim",
    "ablations.study",
    "cnnzoo.cli",
    "cnnzoo.tuning",
    "cnnzoo.toggle_groups",
    "cnnzoo.doctor",
    "cnnzoo.training",
    "cnnzoo.builders",
    "cnnzoo.hp_discovery",
    "cnnzoo.own_fit",
    "cnnzoo.given_model",
    "cnnzoo.model_paths",
    "cnnzoo.shared_toggles",
    "cnnzoo.training.recipe",
    "cnnzoo.zoo",
    "cnnzoo.parts",
    "cnnzoo.analysis",
    "cnnzoo.models",
    "cnnzoo.data",
    "cnnzoo.engine",
    "cnnzoo.runtime",
    "cnnzoo.signature",
    "cnnzoo.levels",
    "cnnzoo.vocabulary",
    "cnnzoo.parts.names",
    "cnnzoo.toggle",
    "cnnzoo.objects",
    "cnnzoo.kinds",
    "cnnzoo.folds",
)
"""Rooms from the top down: a module imports from its own room and from lower ones only.

The declared claims lie below reports, which name the command of a built-in study.
"""


@pytest.mark.parametrize(
    "command",
    [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]],
    ids=lambda command: " ".join(command),
)
def test_code_passes(command):
    tool = shutil.which(command[0], path=str(Path(sys.executable).parent)) or command[0]
    run = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def modules() -> dict[str, Path]:
    """Return the files of both packages by module name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for package in ("cnnzoo", "ablations")
        for path in (ROOT / package).rglob("*.py")
    }


def imports() -> dict[str, set[str]]:
    """Return the project modules that each module imports anywhere, annotations included."""
    files = modules()
    graph: dict[str, set[str]] = {name: set() for name in files}
    for name, path in files.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            targets = []
            if isinstance(node, ast.ImportFrom):
                assert not node.level, f"{name} has a relative import"
                targets = [f"{node.module}.{alias.name}" for alias in node.names]
                targets = [target if target in files else node.module for target in targets]
            elif isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            graph[name] |= {target for target in targets if target in files} - {name}
    return graph


def room_of(module: str) -> int:
    """Return the place in ROOMS of a module's innermost room; the packages are above all."""
    rooms = [room for room in ROOMS if f"{module}.".startswith(f"{room}.")]
    return ROOMS.index(max(rooms, key=len))


def test_imports_run_down_the_rooms():
    upward = [
        f"{module} imports {target}"
        for module, targets in imports().items()
        for target in targets
        if "." in module and "." in target and room_of(target) < room_of(module)
    ]
    assert not upward


def test_imports_form_no_circle():
    # A package's own module re-exports names of its modules: it is not a place of its own.
    files = modules()
    graph = {
        module: {target for target in targets if files[target].name != "__init__.py"}
        for module, targets in imports().items()
    }
    graphlib.TopologicalSorter(graph).prepare()
