"""Mistakes of a newcomer with searches: one sentence each, before anything is trained."""

import pytest
from typer.testing import CliRunner

import cnnzoo
from cnnzoo.cli import app


def test_a_search_is_opened_by_the_path_of_its_directory():
    with pytest.raises(cnnzoo.SearchError) as refused:
        cnnzoo.open_search(5)
    assert str(refused.value) == "`directory`: expected the path of a search; got 5."


def test_a_directory_that_cannot_be_written_is_refused(searched):
    with pytest.raises(cnnzoo.SearchError) as refused:
        searched("mlp", "digits", {"units": [4, 8]}, directory="/proc/mine")
    assert str(refused.value) == (
        "`directory`: cannot write to /proc/mine: No such file or directory. Choose another "
        "directory."
    )


def test_commas_alone_do_not_search_everything():
    answer = CliRunner().invoke(app, ["tune", "mlp", "--search", ", ,"])
    sentence = (
        "ToggleError: `--search`: expected names of toggles separated by commas; got ', ,'.\n"
    )
    assert (answer.exit_code, answer.stderr) == (2, sentence)
