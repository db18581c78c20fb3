"""The command line of the zoo."""

import functools
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import cnnzoo
from cnnzoo.cli import app
from cnnzoo.zoo import get_model

WIDTHS = (60, 160)
PATTERNS = {60: "d*", 160: "*"}


def run(*arguments, columns=160):
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": str(columns), "NO_COLOR": "1"})
    result.text = re.sub(r"\x1b\[[\d;]*m", "", result.stdout)
    return result


def unfolded(text):
    """The text without whitespace, to ignore line breaks."""
    return re.sub(r"\s+", "", text)


def rows(text):
    """The words of each line, with folded first cells joined."""
    found = []
    for line in text.splitlines():
        if re.match(r" \S+\s*$", line) and found and found[-1]:
            found[-1][0] += line.strip()
        else:
            found.append(line.split())
    return found


@functools.cache
def parameters_of(name):
    return f"{get_model(name).blank(compile=False).count_params():,}"


@pytest.fixture(scope="module")
def listings():
    return {columns: run("list", PATTERNS[columns], columns=columns) for columns in WIDTHS}


@pytest.mark.parametrize("columns", WIDTHS)
def test_list_shows_every_model(listings, columns):
    result = listings[columns]
    assert result.exit_code == 0
    assert result.stderr == ""
    assert all(len(line) <= columns for line in result.text.splitlines())
    lines = rows(result.text)
    for name in cnnzoo.list_models(PATTERNS[columns]):
        model = get_model(name)
        line = next(line for line in lines if line[:1] == [name])
        expected = [name, *model.document.split(), parameters_of(name)]
        assert line[: len(expected)] == expected


def test_wide_list_describes_each_model(listings):
    for name in cnnzoo.list_models():
        assert unfolded(get_model(name).summary) in unfolded(listings[160].text)
    assert unfolded(get_model("downsampling").summary) not in unfolded(listings[60].text)


def test_list_of_80_columns_describes_each_model():
    words = run("list", "downsampling", columns=80).text.split()
    assert "downsampling." in words


def test_list_has_the_parameters_of_the_documents(listings):
    lines = {line[0]: line for line in rows(listings[160].text) if line}
    assert "96,266" in lines["downsampling"]
    assert "101,770" in lines["mlp"]


def test_list_is_filtered_by_a_pattern():
    result = run("list", "ml*")
    assert result.exit_code == 0
    assert [line[0] for line in rows(result.text) if line and line[0] in cnnzoo.list_models()] == [
        "mlp"
    ]


@pytest.mark.parametrize("columns", WIDTHS)
def test_describe_shows_the_layers(columns):
    result = run("describe", "downsampling", "pool_size=3", "filters=8", columns=columns)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert all(len(line) <= columns for line in result.text.splitlines())
    lines = rows(result.text)
    model = cnnzoo.build("downsampling", pool_size=3, filters=8)
    heading = f"downsampling (document 000 ex. 1): {model.count_params():,} parameters"
    assert heading in " ".join(result.text.split())
    for layer in model.layers:
        line = next(line for line in lines if line[:1] == [layer.name])
        shape = "x".join(str(size) for size in layer.output.shape[1:])
        assert line[1:4] == [type(layer).__name__, shape, f"{layer.count_params():,}"]


def test_describe_shows_cost_and_receptive_fields_in_100_columns():
    result = run("describe", "downsampling", "padding=same", columns=100)
    lines = {line[0]: line for line in rows(result.text) if line}
    headings = next(line for name, line in lines.items() if name.startswith("layer"))
    assert headings[3:] == ["parameters", "MACs", "sees", "jump", "padding", "bytes"]
    # 3 * 3 * 32 * 64 weights at 14 * 14 positions; float32 values at 14 * 14 * 64
    assert lines["stage2_conv"][3:] == ["18,496", "3.61", "M", "8x8", "2x2", "yes", "50.2", "k"]
    assert lines["stage1_pool"][3:] == ["0", "0", "4x4", "2x2", "yes", "25.1", "k"]
    assert lines["head"][3:] == ["125,450", "125", "k", "28x28", "0x0", "yes", "40"]
    assert "jump: pixels between adjacent units" in " ".join(result.text.split())
    assert all(len(line) <= 100 for line in result.text.splitlines())


@pytest.mark.parametrize("columns", WIDTHS)
def test_describe_shows_every_toggle(columns):
    result = run("describe", "downsampling", "pool_size=3", "filters=8", columns=columns)
    toggles = cnnzoo.toggles("downsampling")
    values = {name: toggle.default for name, toggle in toggles.items()}
    values |= {"pool_size": 3, "filters": 8}
    lines = [line.strip() for line in result.text.splitlines()]
    for name, value in values.items():
        assert f"{name}={value}" in lines
        assert unfolded(toggles[name].meaning) in unfolded(result.text)
        assert unfolded(toggles[name].allowed) in unfolded(result.text)
    assert unfolded("only where pool is max or average") in unfolded(result.text)


@pytest.mark.parametrize(
    "arguments",
    [
        ("residual", "depth=8", "filters=4", "skip=false"),
        ("sequence", "filters=4"),
        ("efficientnet", "depth=1", "filters=8"),
    ],
    ids=" ".join,
)
def test_narrow_terminal_folds_names_and_keeps_numbers(arguments):
    name, *choices = arguments
    result = run("describe", *arguments, columns=40)
    assert result.exit_code == 0
    settings = {}
    for choice in choices:
        toggle, value = choice.split("=")
        settings[toggle] = cnnzoo.toggles(name)[toggle].parse(value, name)
    model = get_model(name).blank(**settings)
    assert unfolded(f"{model.count_params():,} parameters") in unfolded(result.text)
    assert "…" not in result.text
    layers = result.text.partition("\ntoggles")[0]
    ends = [line.split()[-1] for line in layers.splitlines() if line.strip()]
    for layer in model.layers:
        assert f"{layer.count_params():,}" in ends


def refusal(*arguments, columns=60) -> str:
    """The single line of a refused command."""
    result = run(*arguments, columns=columns)
    assert result.exit_code == 2
    assert result.text == ""
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.stderr
    (line,) = result.stderr.splitlines()
    return re.sub(r"\x1b\[[\d;]*m", "", line)


MODELS = ", ".join(cnnzoo.list_models())
TOGGLES = ", ".join(cnnzoo.toggles("downsampling"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["describe", "downsamplin"],
            "The zoo has no model `downsamplin`; did you mean `downsampling`? "
            f"Its models: {MODELS}.",
        ),
        (["describe", "zzz"], f"The zoo has no model `zzz`. Its models: {MODELS}."),
        (["list", "zzz*"], f"No model matches 'zzz*'. The models are {MODELS}."),
        (
            ["describe", "downsampling", "pool_sise=3"],
            "`downsampling` has no toggle `pool_sise`; did you mean `pool_size`? "
            f"Its toggles: {TOGGLES}.",
        ),
        (
            ["describe", "downsampling", "pool_size=5"],
            "`pool_size` of `downsampling` must be one of 1, 2, 3, 4; got 5.",
        ),
        (
            ["describe", "downsampling", "pool_size"],
            "Expected toggle=value; got 'pool_size'.",
        ),
        (
            ["describe", "downsampling", "activation=rleu"],
            "`activation` of `downsampling` must be one of 'relu', 'leaky_relu', 'gelu', 'silu', "
            "'tanh', 'sigmoid', 'linear'; got 'rleu'; did you mean 'relu'?",
        ),
        (
            ["describe", "downsampling", "pool=none", "pool_size=3"],
            "`pool_size` of `downsampling` has no effect unless pool is max or average; got "
            "pool_size=3 with pool='none'.",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_invalid_arguments_are_refused_in_one_line(arguments, sentence):
    assert refusal(*arguments) == f"ToggleError: {sentence}"


def test_incompatible_values_are_refused_in_one_line():
    line = refusal("describe", "downsampling", "kernel_size=29")
    assert line == (
        "ToggleError: `stage1_conv` of `downsampling`: kernel_size=29 does not fit a map of 28x28 "
        "with padding='valid'; at most 28 fits."
    )


def test_help_is_shown_without_a_command():
    result = run()
    assert result.exit_code == 2
    assert "Usage:" in result.output
    for command in ("list", "describe"):
        assert command in result.output


def test_unknown_command_is_refused():
    result = run("descibe", "mlp")
    assert result.exit_code == 2
    assert "No such command 'descibe'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--help"], "describe"), (["tune", "--help"], "--checkpoints")]
)
def test_help_loads_no_framework(arguments, said):
    code = f"""
import sys
from cnnzoo.cli import app
try:
    app({arguments}, standalone_mode=False)
finally:
    heavy = {{"keras", "tensorflow", "pandas", "numpy", "sklearn", "rich"}}
    print("loaded:", sorted(heavy & set(sys.modules)))
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert said in answer.stdout
    assert answer.stdout.splitlines()[-1] == "loaded: []"
    assert answer.stderr == ""


def test_refusal_in_a_process_loads_no_framework():
    code = """
import sys
from cnnzoo.cli import app
try:
    app(["describe", "mlp", "units=0"])
except SystemExit as exit:
    heavy = sorted({"keras", "tensorflow", "pandas"} & set(sys.modules))
    print(exit.code, heavy)
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "2 []\n"
    assert answer.stderr == (
        "ToggleError: `units` of `mlp` must be a whole number from 1 to 65536; got 0.\n"
    )
