"""What both command lines have in common."""

import importlib
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import cnnzoo
from cnnzoo.zoo import DOCUMENTS

PROGRAMS = ("cnnzoo", "ablations")


def tell(program, *words):
    app = importlib.import_module(f"{program}.cli").app
    return CliRunner().invoke(app, words, env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_says_its_name_and_version(program):
    answer = tell(program, "--version")
    assert answer.exit_code == 0
    assert answer.output == f"{program} {cnnzoo.__version__}\n"


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("option", ["--version", "--help"])
def test_a_program_loads_nothing_slow_to_say_what_it_is(program, option):
    code = f"""
import sys
from {program}.cli import app
try:
    app(["{option}"])
except SystemExit:
    print(*sorted({{"numpy", "pandas", "keras", "tensorflow"}} & {{*sys.modules}}))
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_without_a_command_shows_its_help(program):
    assert tell(program).output == tell(program, "--help").output


def test_the_list_of_models_says_which_documents_they_are_from():
    lines = [line.rstrip() for line in tell("cnnzoo", "list", "[fm][el]*").output.splitlines()]
    start = lines.index("documents that describe the models")
    assert lines[start + 1 :] == [f"  000  {DOCUMENTS['000']}", f"  003  {DOCUMENTS['003']}"]
