"""Fixtures of the tests of the command line."""

import pytest
from helpers import stub_trials
from helpers.tiny_study import TINY
from typer.testing import CliRunner

from ablations.cli import app
from ablations.running import run as runner


@pytest.fixture
def tell(monkeypatch, tmp_path):
    """Return a function that runs a command in an empty folder, 200 columns wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    cli = CliRunner()
    return lambda *words: cli.invoke(app, [*map(str, words)])


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture
def serially(stubbed, monkeypatch):
    """Run stub trials, in this process."""
    from cnnzoo.engine.serial import Serial

    monkeypatch.setattr(runner, "start_engine", lambda _, *given: Serial(*given[:2]))
    return stub_trials
