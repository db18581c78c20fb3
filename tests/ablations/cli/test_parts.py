"""The command `ablations parts`."""

import pytest

import ablations


def test_parts_are_listed(tell):
    answer = tell("parts", "residual")
    assert answer.exit_code == 0, answer.output
    lines = answer.stdout.splitlines()
    assert lines[0].split() == ["residual:", "9", "blocks"]
    (first,) = (line for line in lines if line.strip().startswith("stage1_block1"))
    assert first.split()[:6] == ["stage1_block1", "residual", "3", "4,736", "1.7%", "11.6%"]
    assert lines[-4:] == [
        "Possible for all of them: remove, linear, no_norm, no_skip, freeze, shuffle, halve, "
        "double.",
        "Not possible for any of them: no_bias.",
        "The model also has 0 branches and 70 layers: --level layers lists them. The column `note` "
        "of ablations.parts says what prevents an operation.",
        "Built for inputs of 32x32x3 and 10 classes, unless --data gives others.",
    ]
    assert max(map(len, lines[:-4])) <= 100


def test_builder_of_the_working_folder(tell, tmp_path):
    (tmp_path / "nets_of_parts.py").write_text(
        "import keras\n"
        "def build(input_shape, classes):\n"
        "    conv = keras.layers.Conv1D(4, 3, name='conv')\n"
        "    return keras.Sequential([keras.Input(input_shape), conv])\n"
    )
    answer = tell("parts", "nets_of_parts:build", "--level", "layers", "--data", "mnist1d")
    assert answer.exit_code == 0, answer.output
    assert "conv" in answer.stdout
    assert answer.stdout.splitlines()[-1] == "Built for inputs of 40x1 and 10 classes."


def test_model_without_blocks(tell):
    answer = tell("parts", "mlp")
    assert answer.stdout.splitlines() == [
        "mlp has no blocks. It has 4 layers: --level layers lists them.",
        "Built for inputs of 28x28x1 and 10 classes, unless --data gives others.",
    ]


def test_unknown_level(tell):
    answer = tell("parts", "mlp", "--level", "stages")
    assert answer.exit_code == 2
    assert answer.output.splitlines()[-1] == (
        "StudyError: --level: expected one of blocks, branches, layers; got stages."
    )


@pytest.mark.parametrize("columns", ["40", "100"])
def test_no_number_and_no_name_is_cut(columns, tell, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    answer = tell("parts", "residual", "--level", "layers")
    words = [line.split() for line in answer.stdout.splitlines()]
    rows = {line[0]: line for line in words if line}
    table = ablations.parts("residual")
    for layer in table[table["level"] == "layers"].to_dict("records"):
        shares = [f"{100 * layer[name]:.1f}%" for name in ("params_share", "macs_share")]
        numbers = [str(layer["depth"]), f"{layer['params']:,}", *shares]
        assert rows[layer["part"]][2:6] == numbers, layer["part"]


@pytest.mark.parametrize(
    ("signature", "built"),
    [
        ("", "8x8x1."),
        ("input_shape", "8x8x1, unless --data gives others."),
        ("classes=3", "8x8x1 and 10 classes, unless --data gives others."),
    ],
)
def test_built_for_the_inputs_of_the_model(signature, built, tell, tmp_path):
    name = f"nets_of_8_{signature.partition('=')[0]}"
    (tmp_path / f"{name}.py").write_text(
        "import keras\n"
        f"def seq({signature}):\n"
        "    layers = [keras.layers.Flatten(), keras.layers.Dense(2)]\n"
        "    return keras.Sequential([keras.Input((8, 8, 1)), *layers])\n"
    )
    answer = tell("parts", f"{name}:seq", "--level", "layers")
    assert answer.stdout.splitlines()[-1] == f"Built for inputs of {built}", answer.output
