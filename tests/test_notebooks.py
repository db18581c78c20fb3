"""Every notebook runs from its first cell to its last, and its text is about its numbers.

The metadata of a notebook has a table "tests": under "smaller" texts of its code and what replaces
them, so that it runs in seconds; and under "numbers from elsewhere" the numbers of its text that it
does not compute itself.

All run in one kernel, which imports TensorFlow once and is emptied before each of them. Studies
run in it too; the guide to notebooks (`test_examples.py`) sends their functions to workers.
"""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import v4

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))

NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?![\w.]*\d)")

EMPTIED = """
%reset -f
import altair, pandas
from cnnzoo.doctor import after_training
from cnnzoo.engine import ENGINES, Serial
altair.renderers.enable("default")
pandas.reset_option("display")
after_training.CAUSES = ()  # as the fixture `unexplained`
ENGINES["processes"] = Serial
del ENGINES, Serial, after_training, altair, pandas
"""

by_name = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def client(no_ports, tmp_path_factory):
    resources = {"metadata": {"path": str(tmp_path_factory.mktemp("notebooks"))}}
    client = NotebookClient(v4.new_notebook(), timeout=600, resources=resources, config=no_ports)
    with client.setup_kernel():
        yield client


@by_name
def test_notebook_runs_on_small_settings(path, client):
    notebook = nbformat.read(path, as_version=4)
    stored = [_kinds(cell) for cell in notebook.cells]
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for full, small in notebook.metadata["tests"]["smaller"].items():
        assert any(full in cell.source for cell in cells), full
        for cell in cells:
            cell.source = cell.source.replace(full, small)
    emptied = v4.new_code_cell(EMPTIED)
    client.nb = v4.new_notebook(cells=[emptied, *notebook.cells])
    for place, cell in enumerate(client.nb.cells):
        client.execute_cell(cell, place)
    assert emptied.outputs == []
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert [_kinds(cell) for cell in notebook.cells] == stored


@by_name
def test_numbers_in_the_text_are_among_the_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    texts = [
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    ]
    known = {abs(number) for text in texts for number in _numbers(text)}
    sources = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    known |= set(_numbers(sources))
    said = [
        text
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for text in NUMBER.findall(cell.source)
        if "." in text or "," in text
    ]
    assert said
    stale = {text for text in said if not any(_rounds_to(number, text) for number in known)}
    assert stale == {*notebook.metadata["tests"]["numbers from elsewhere"]}


def _kinds(cell):
    """Say of what kinds a cell's outputs are: text that it printed, a table, a picture."""
    return {
        (output.output_type, *sorted(output.get("data", {})))
        for output in cell.get("outputs", [])
        if output.get("name") != "stderr"
        # TensorFlow counts how often it traces, which the smaller settings change
        and not str(output.get("text", "")).startswith("WARNING:tensorflow:")
    }


def _numbers(text):
    return [float(found.replace(",", "")) for found in NUMBER.findall(text)]


def _rounds_to(number, text):
    decimals = len(text.partition(".")[2])
    # the outputs are rounded themselves, to three digits
    return abs(number - float(text.replace(",", ""))) <= 0.5 * 10**-decimals + 0.0005
