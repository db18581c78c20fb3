"""Console: quiet loading of Keras, one-line errors and tables for both commands."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnnzoo.runtime.keras_backend import refusal_of_backend


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard everything that this process and its children write to stderr in this block.

    TensorFlow's start-up messages come from C++ and cannot be switched off otherwise.
    """
    sys.stderr.flush()
    try:
        stderr = os.dup(2)
    except OSError:  # the process has no stderr
        yield
        return
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


@contextlib.contextmanager
def without_advice() -> Iterator[None]:
    """Hide TensorFlow's advice against repeated tracing, which trials cannot avoid."""
    logger = logging.getLogger("tensorflow")
    logger.addFilter(_is_no_advice)
    try:
        yield
    finally:
        logger.removeFilter(_is_no_advice)


def _is_no_advice(record: logging.LogRecord) -> bool:
    return "retracing" not in str(record.msg)


def say(line: str) -> None:
    """Print a line to stderr and flush it."""
    print(line, file=sys.stderr, flush=True)


def load_keras() -> None:
    """Load Keras without TensorFlow's start-up messages.

    Raises
    ------
    ValueError
        If the Keras backend cannot train or is not installed.
    """
    refusal = refusal_of_backend()
    if refusal:
        raise ValueError(refusal)
    with quiet_stderr():
        import keras

        keras.ops.zeros(())  # the devices write messages too


def version_option(program: str) -> Any:
    """Return the option ``--version`` of a program, which prints its name and version and exits."""
    import typer

    from cnnzoo import __version__

    def tell(wanted: bool) -> None:
        if wanted:
            typer.echo(f"{program} {__version__}")
            raise typer.Exit

    words = "Show the version and exit."
    return typer.Option("--version", callback=tell, is_eager=True, help=words)


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Exit with status 2 and the message alone if an error is due to the user's input."""
    import typer

    try:
        yield
    except (ValueError, OSError) as error:
        words = str(error)
        if isinstance(error, OSError) and error.filename and error.strerror:
            words = f"{error.filename}: {error.strerror}."
        typer.secho(f"{type(error).__name__}: {words}", fg="red", err=True)
        raise typer.Exit(2) from error


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Sequence[str] = (),
    title: str = "",
) -> Any:
    """Return a table for the terminal; the columns named in `right` hold numbers.

    On a narrow terminal the last column wraps or, if it holds numbers, the columns of text do.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    laid_out = Table(
        title=Text(title) if title else None,  # brackets are no markup
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    texts = [column for column in columns if column not in right]
    flexible = columns[-1:] if columns[-1] in texts else texts
    for column in columns:
        laid_out.add_column(
            column,
            justify="right" if column in right else "left",
            no_wrap=column not in flexible,
            overflow="fold",
        )
    for row in rows:
        laid_out.add_row(*(Text(str(cell)) for cell in row))
    return laid_out


def legend(title: str, meanings: Mapping[str, str]) -> Any:
    """Return a list of names and their meanings for the terminal."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    laid_out = Table.grid(padding=(0, 2, 0, 0))
    for name, meaning in meanings.items():
        laid_out.add_row("", Text(name), Text(meaning))
    return Group(Text(title, "bold"), laid_out)
