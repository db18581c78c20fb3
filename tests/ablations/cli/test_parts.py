"""The command `ablations parts`."""


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
        "Built for inputs of 28x28x1 and 10 classes, unless --data gives others.",
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
