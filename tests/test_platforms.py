"""macOS and Windows: nothing of Linux alone is imported, and workers start without fork."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

STUDY = """
import ablations, cnnzoo
study = ablations.Study(
    "mlp", "digits", name="tiny", factors={"units": [4, 8]}, seeds=2,
    baseline={"units": 8, "train_size": 100}, recipe=cnnzoo.Recipe(epochs=1),
)
"""

HERE = f"""{STUDY}
print(ablations.run(study, workers=1, progress=False).trials["test_loss"].tolist())
"""

THERE = f"""
import json
import sys
from pathlib import Path

sys.path.append({str(Path(__file__).parent)!r})
from helpers.other_platform import pretend

pretend(sys.argv[1])
{STUDY}
import ablations.cli
import cnnzoo.cli
from cnnzoo.engine.forkserver import METHOD
from typer.testing import CliRunner

results = ablations.run(study, engine=sys.argv[2], progress=False)
said = {{"method": METHOD, "losses": results.trials["test_loss"].tolist()}}
for name, program, words in [
    ("help of cnnzoo", cnnzoo.cli.app, ["--help"]),
    ("help of ablations", ablations.cli.app, ["--help"]),
    ("list", cnnzoo.cli.app, ["list"]),
    ("report", ablations.cli.app, ["report", "studies/tiny", "--to", "report.html"]),
]:
    answer = CliRunner().invoke(program, words)
    said[name] = [answer.exit_code, answer.output]
Path("said.json").write_text(json.dumps(said), encoding="utf-8")
"""


def python(code, folder, *arguments):
    command = [sys.executable, "-X", "warn_default_encoding", "-c", code, *arguments]
    process = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process


@pytest.fixture(scope="module")
def losses_here(tmp_path_factory):
    """Test losses of the study on this platform."""
    return json.loads(python(HERE, tmp_path_factory.mktemp("here")).stdout)


@pytest.mark.parametrize(
    ("platform", "engine"), [("darwin", "processes"), ("win32", "serial")], ids=["macOS", "Windows"]
)
def test_studies_and_programs_run_without_linux(platform, engine, tmp_path, losses_here):
    process = python(THERE, tmp_path, platform, engine)
    said = json.loads((tmp_path / "said.json").read_text(encoding="utf-8"))
    assert said.pop("method") == "spawn"
    losses = said.pop("losses")
    assert len(losses) == 4
    assert losses == losses_here
    assert [code for code, _ in said.values()] == [0] * 4, said
    assert "downsampling" in said["list"][1]
    assert (tmp_path / "report.html").stat().st_size > 100_000
    warned = [line for line in process.stderr.splitlines() if "EncodingWarning" in line]
    assert not [line for line in warned if "/cnnzoo/" in line or "/ablations/" in line]
