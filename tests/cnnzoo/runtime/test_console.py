"""What the command lines share: choices from text, errors in one line, tables that fit."""

import logging
import os
import re
import sys

import pytest
import typer
from rich.console import Console

import cnnzoo
from cnnzoo import ToggleError
from cnnzoo.cli import parse_choices
from cnnzoo.runtime.console import load_keras, one_line_errors, table, without_advice

TOGGLES = cnnzoo.toggles("downsampling")


def parse(*texts):
    return parse_choices(texts, TOGGLES, "downsampling")


def test_advice_against_tracing_is_kept_back_and_nothing_else(caplog):
    logger = logging.getLogger("tensorflow")
    with without_advice():
        logger.warning("%d calls triggered tf.function retracing.", 5)
        logger.warning("The disk is full.")
    logger.warning("%d calls triggered tf.function retracing.", 6)
    assert caplog.messages == ["The disk is full.", "6 calls triggered tf.function retracing."]


def test_choices_become_values_of_the_types_of_their_toggles():
    found = parse("pool_size=3", "growth=1", "pool=average", "dropout=0.25", "logits=True")
    assert found == {
        "pool_size": 3,
        "growth": 1.0,
        "pool": "average",
        "dropout": 0.25,
        "logits": True,
    }
    assert [type(value) for value in found.values()] == [int, float, str, float, bool]


def test_no_choices_are_none():
    assert parse() == {}


def test_the_last_of_two_choices_counts():
    assert parse("pool_size=3", "pool_size=4") == {"pool_size": 4}


@pytest.mark.parametrize(("text", "value"), [("true", True), ("FALSE", False), ("True", True)])
def test_a_switch_is_written_in_any_case(text, value):
    assert parse(f"logits={text}") == {"logits": value}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("pool_size", "Expected toggle=value; got 'pool_size'."),
        ("", "Expected toggle=value; got ''."),
        (
            "pool_sizes=3",
            "`downsampling` has no toggle `pool_sizes`; did you mean `pool_size`? "
            f"Its toggles: {', '.join(TOGGLES)}.",
        ),
        (
            "=3",
            f"`downsampling` has no toggle ``. Its toggles: {', '.join(TOGGLES)}.",
        ),
        ("pool_size=5", "`pool_size` of `downsampling` must be one of 1, 2, 3, 4; got 5."),
        ("pool_size=", "`pool_size` of `downsampling` must be one of 1, 2, 3, 4; got '' (str)."),
        (
            "pool_size=two",
            "`pool_size` of `downsampling` must be one of 1, 2, 3, 4; got 'two' (str).",
        ),
        (
            "pool_size=2.0",
            "`pool_size` of `downsampling` must be one of 1, 2, 3, 4; got '2.0' (str).",
        ),
        ("dropout=nan", "`dropout` of `downsampling` must be a number from 0 to 0.95; got nan."),
        (
            "pool=maximum",
            "`pool` of `downsampling` must be one of 'max', 'average', 'none'; got 'maximum'; "
            "did you mean 'max'?",
        ),
        (
            "logits=yes",
            "`logits` of `downsampling` must be one of False, True; got 'yes' (str).",
        ),
    ],
)
def test_unreadable_choice_is_refused(text, sentence):
    with pytest.raises(ToggleError) as caught:
        parse(text)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "error", [ToggleError("No."), ValueError("No."), FileNotFoundError("No."), OSError("No.")]
)
def test_user_error_is_one_line_with_status_2(error, capsys):
    with pytest.raises(typer.Exit) as caught, one_line_errors():
        raise error
    assert caught.value.exit_code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.sub(r"\x1b\[\d*m", "", err) == f"{type(error).__name__}: No.\n"


def test_what_the_program_did_wrong_is_raised():
    with pytest.raises(RuntimeError), one_line_errors():
        raise RuntimeError("a defect")


def test_without_an_error_nothing_is_said(capsys):
    with one_line_errors():
        pass
    assert capsys.readouterr() == ("", "")


def test_loading_keras_is_silent_and_leaves_stderr_as_it_was(capfd):
    load_keras()
    assert "keras" in sys.modules
    assert capfd.readouterr().err == ""
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def lines(columns, rows, width, **options):
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(table(columns, rows, **options))
    console.file.close()
    return [line.rstrip() for line in console.export_text().splitlines()]


ROWS = [("depthwise_separable", "001 ex. 3", "1,234,567"), ("mlp", "003", "10")]
COLUMNS = ("model", "document", "parameters")


def test_a_table_of_numbers_is_set_flush_right():
    found = lines(COLUMNS, ROWS, 100, right=("parameters",), title="models")
    assert found[0] == "models"
    header, first, second = (
        next(line for line in found if word in line) for word in ("model ", "depthwise", "mlp")
    )
    assert len(header) == len(first) == len(second)
    assert first.split() == ["depthwise_separable", "001", "ex.", "3", "1,234,567"]
    assert header.index("document") == first.index("001") == second.index("003")


@pytest.mark.parametrize("width", [24, 30, 40])
def test_wide_table_folds_texts_but_not_numbers(width):
    found = lines(COLUMNS, ROWS, width, right=("parameters",))
    assert all(len(line) <= width for line in found)
    assert any(line.endswith("1,234,567") for line in found)
    text = "".join("".join(line.split()) for line in found)
    assert "…" not in text
    for cell in ("mlp", "003", "10"):
        assert cell in text
    folded = "".join(line[: found[1].index("doc")].strip() for line in found[2:])
    assert "depthwise_separable" in folded


@pytest.mark.parametrize("width", [40, 60])
def test_last_text_column_alone_is_folded(width):
    rows = [("stage1_conv", "1,234", "a sentence that goes on for more than a narrow line takes")]
    found = lines(("layer", "parameters", "meaning"), rows, width, right=("parameters",))
    assert all(len(line) <= width for line in found)
    words = " ".join(found).split()
    assert "stage1_conv" in words
    assert "1,234" in words
    assert [word for word in words if word in rows[0][2].split()] == rows[0][2].split()


def test_cells_are_shown_as_they_are():
    found = lines(("level",), [("[bold]x[/bold]",), (3,), (None,), (":smile:",)], 60)
    assert [line.strip() for line in found[-5:] if line] == [
        "[bold]x[/bold]",
        "3",
        "None",
        ":smile:",
    ]
