"""Invalid input ends with status 2 and one line."""

import pytest
from helpers.tiny_study import TINY

from ablations.results import Results
from ablations.stats import StatisticsError


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "seeds = = 3",
            "StudyError: bad.toml is not TOML: Invalid value (at line 1, column 9).",
        ),
        ("seeds = 3", "StudyError: A Study needs a `model`."),
        (
            TINY.replace("units = [4, 8]", "unit = [4, 8]").replace("units = 8", "epochs = 1"),
            None,
        ),
        (
            TINY.replace("[4, 8]", "[8, 0]"),
            "ToggleError: `units` of `mlp` must be a whole number from 1 to 65536; got 0.",
        ),
        (
            TINY.replace("seeds = 4", "metrics = 4"),
            "StudyError: `metrics`: expected at least one of loss, accuracy, macro_f1, "
            "minority_f1, nll, gap, loss_gap, gradient_ratio, dead_units, mae, rmse, "
            "macro_precision, weighted_precision, macro_recall, weighted_recall, weighted_f1, "
            "macro_auc, weighted_auc, precision[CLASS], recall[CLASS], f1[CLASS], auc[CLASS], "
            "top_k_accuracy[K], ece, ece[BINS], brier; a metric of keras.metrics; or a custom "
            "function, as in ('module:function', 'max'); got 4.",
        ),
        (
            TINY.replace("seeds = 4", "timeout = 'long'"),
            "StudyError: `timeout`: expected a finite number of seconds, or 0 for no limit; got "
            "'long'.",
        ),
        (
            TINY + "[margins]\nloss = inf",
            "StudyError: `margins`: expected a finite number above 0 for loss; got inf.",
        ),
    ],
)
def test_invalid_study_is_refused_in_one_line(tell, serially, tmp_path, text, line):
    (tmp_path / "bad.toml").write_text(text)
    answer = tell("run", "bad.toml")
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    if line is None:
        assert answer.stderr.startswith(
            "StudyError: `unit`: expected a toggle of `mlp`, its recipe or its data; did you mean "
            "`units`? Toggles of the model: units, depth, "
        )
    else:
        assert answer.stderr == f"{line}\n"
    assert not (tmp_path / "studies").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("run", "downsamplin"),
            "StudyError: There is no claim or built-in study `downsamplin`; did you mean "
            "`downsampling`? `ablations list` shows them.",
        ),
        (
            ("run", "missing.toml"),
            "StudyError: Cannot read missing.toml: No such file or directory.",
        ),
    ],
)
def test_unknown_study_is_refused_in_one_line(tell, words, line):
    answer = tell(*words)
    assert (answer.exit_code, answer.stdout, answer.stderr) == (2, "", f"{line}\n")


@pytest.mark.parametrize("seeds", ["0", "-1", "1.5", "all", "", "٣"])
def test_invalid_seeds_are_refused_in_one_line(tell, tiny, seeds):
    answer = tell("run", tiny, f"--seeds={seeds}")
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr == (
        f"StudyError: --seeds: expected a whole number from 1, or auto; got {seeds!r}.\n"
    )


def test_statistics_error_is_printed_in_one_line(tell, tiny, serially, monkeypatch):
    def refuse(self, metrics=None):
        raise StatisticsError("there is no such thing.")

    monkeypatch.setattr(Results, "overall_deltas", refuse)
    answer = tell("run", tiny)
    assert answer.exit_code == 2
    assert answer.stderr.splitlines()[-1] == "StatisticsError: there is no such thing."


@pytest.mark.parametrize("words", [("run",), ("run", "x", "--seeds", "0"), ("fly",)])
def test_wrong_command_exits_with_2(tell, words):
    assert tell(*words).exit_code == 2
