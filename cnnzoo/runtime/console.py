"""What both command lines share: quiet loading, errors in one line, choices from text."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnnzoo.toggle import Level, Toggle, ToggleError, did_you_mean


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send what this process and those it starts write to stderr nowhere, for a while.

    TensorFlow's start-up messages come from C++ and heed no option.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


@contextlib.contextmanager
def without_advice() -> Iterator[None]:
    """Keep back TensorFlow's advice not to trace models again and again, as trials must."""
    logger = logging.getLogger("tensorflow")
    logger.addFilter(_is_no_advice)
    try:
        yield
    finally:
        logger.removeFilter(_is_no_advice)


def _is_no_advice(record: logging.LogRecord) -> bool:
    return "retracing" not in str(record.msg)


def say(line: str) -> None:
    """Tell the user something at once, on stderr."""
    print(line, file=sys.stderr, flush=True)


def load_keras() -> None:
    """Load Keras without TensorFlow's start-up messages."""
    with quiet_stderr():
        import keras

        keras.ops.zeros(())  # the devices have something to say too


def version_option(program: str) -> Any:
    """Make the option ``--version`` of a program, which says its name and version, and ends it."""
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
    """End the program with status 2 and the message alone where the user's input is at fault."""
    import typer

    try:
        yield
    except (ValueError, OSError) as error:
        words = str(error)
        if isinstance(error, OSError) and error.filename and error.strerror:
            words = f"{error.filename}: {error.strerror}."
        typer.secho(f"{type(error).__name__}: {words}", fg="red", err=True)
        raise typer.Exit(2) from error


def parse_choices(
    texts: Sequence[str], toggles: Mapping[str, Toggle], owner: str
) -> dict[str, Level]:
    """Read choices written as ``toggle=value``.

    Raises
    ------
    ToggleError
        If one is not of that form, not known or not allowed.

    Examples
    --------
    >>> from cnnzoo.zoo import toggles
    >>> parse_choices(["pool_size=3", "pool=average"], toggles("downsampling"), "downsampling")
    {'pool_size': 3, 'pool': 'average'}
    """
    from cnnzoo.builders import owner_of

    choices: dict[str, Level] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ToggleError(f"A choice is written toggle=value; got {text!r}.")
        if name not in toggles:
            raise ToggleError(
                f"`{owner}` has no toggle `{name}`{did_you_mean(name, toggles)} "
                f"Its toggles: {', '.join(toggles)}."
            )
        choices[name] = toggles[name].parse(value, owner_of(name, owner))
    return choices


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Sequence[str] = (),
    title: str = "",
) -> Any:
    """Lay out rows for the terminal; the columns named in `right` are numbers.

    Where the terminal is narrow the last column gives way or, if it holds numbers, those that do
    not: numbers are cut last.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    laid_out = Table(
        title=title,
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
    """Lay out what the names in a table mean."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    laid_out = Table.grid(padding=(0, 2, 0, 0))
    for name, meaning in meanings.items():
        laid_out.add_row("", Text(name), Text(meaning))
    return Group(Text(title, "bold"), laid_out)
