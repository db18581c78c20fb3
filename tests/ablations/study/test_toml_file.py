import pytest

from ablations import Study, StudyError, plan
from ablations.study.toml_file import read_study, write_template
from cnnzoo import Recipe, ToggleError


def refusal(path):
    with pytest.raises(StudyError) as refused:
        read_study(path)
    return str(refused.value)


def test_template_is_a_valid_study(tmp_path):
    path = write_template(tmp_path / "mine.toml")
    assert path == tmp_path / "mine.toml"
    study = read_study(path)
    assert study == Study(
        "downsampling",
        factors={"pool_size": [1, 2, 3, 4]},
        seeds=10,
        recipe=Recipe(epochs=3, batch_size=32),
        name="mine",
    )


def test_commented_lines_of_the_template_are_valid(tmp_path):
    path = write_template(tmp_path / "mine.toml")
    text = path.read_text()
    given = (
        "timeout = 600",
        "retries = 1",
        "max_seeds = 30",
        "cpus = 1",
        "gpus = 0.25",
        "filters = 16",
        "accuracy = 0.005",
    )
    for line in given:
        assert f"# {line}" in text
        text = text.replace(f"# {line}", line)
    path.write_text(text)
    study = read_study(path)
    assert (study.timeout, study.retries) == (600.0, 1)
    assert (study.cpus, study.gpus) == (1, 0.25)
    assert dict(study.baseline) == {"filters": 16}
    assert dict(study.margins) == {"accuracy": 0.005}


def test_template_lists_every_design():
    from ablations.designs import DESIGNS
    from ablations.study.toml_file import TEMPLATE

    assert all(name in TEMPLATE.replace("\n# ", " ") for name in [*DESIGNS, "list"])


def test_template_creates_no_folder(tmp_path):
    path = tmp_path / "none" / "mine.toml"
    with pytest.raises(StudyError) as refused:
        write_template(path)
    assert str(refused.value) == f"Cannot write {path}: the folder {path.parent} does not exist."


def test_template_does_not_replace_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("precious")
    with pytest.raises(StudyError) as refused:
        write_template(path)
    assert str(refused.value) == f"{path} already exists; choose another name."
    assert path.read_text() == "precious"


def test_name_of_the_file_is_the_default_name(tmp_path):
    path = tmp_path / "pooling.toml"
    path.write_text('model = "downsampling"\nfactors = {pool_size = [1, 2]}\n')
    assert read_study(path).name == "pooling"
    path.write_text('name = "other"\nmodel = "downsampling"\nfactors = {pool_size = [1, 2]}\n')
    assert read_study(path).name == "other"


def test_path_below_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_template("~/mine.toml")
    assert read_study("~/mine.toml").name == "mine"


def test_levels_keep_their_types(tmp_path):
    path = tmp_path / "typed.toml"
    path.write_text(
        'model = "mlp"\n[factors]\nskip = [true, false]\nunits = [1, 2]\n'
        'dropout = [0.0, 1.0]\npool = ["max"]\n'
    )
    levels = {name: [*map(repr, levels)] for name, levels in read_study(path).factors.items()}
    assert levels == {
        "skip": ["True", "False"],
        "units": ["1", "2"],
        "dropout": ["0.0", "1.0"],
        "pool": ["'max'"],
    }


def test_missing_file(tmp_path):
    path = tmp_path / "none.toml"
    assert refusal(path) == f"Cannot read {path}: No such file or directory."


def test_folder_instead_of_a_file(tmp_path):
    assert refusal(tmp_path) == f"Cannot read {tmp_path}: Is a directory."


def test_invalid_toml_names_the_place(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text('model = "mlp"\nseeds = = 3\n')
    assert refusal(path) == f"{path} is not TOML: Invalid value (at line 2, column 9)."


def test_binary_file(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(b"\xff\xfe")
    assert refusal(path) == (
        f"{path} is not TOML: 'utf-8' codec can't decode byte 0xff in position 0: invalid start "
        "byte."
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("seeds = 3", "A Study needs a `model`."),
        (
            'model = "mlp"\nfactors = 3',
            "`factors`: expected at least one toggle with its levels, as in "
            "{'pool_size': [1, 2, 3, 4]}; got 3.",
        ),
        (
            'model = "mlp"\nfactors = {units = [1]}\nvariants = 3',
            "`variants`: expected a list of levels by toggle, as in [{'pool_size': 2}]; got 3.",
        ),
        (
            'model = "mlp"\nfactors = {units = [2020-01-01]}',
            "`factors`: expected a bool, a number, a str, None, a tuple of these, or a function or "
            "class that can be imported as level of `units`; got datetime.date(2020, 1, 1). Give "
            "other objects names by `objects` of a cnnzoo.Toggle of the builder.",
        ),
    ],
)
def test_invalid_study_in_a_file(tmp_path, text, sentence):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    assert refusal(path) == sentence


def test_planning_checks_the_levels_of_a_file(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text('model = "downsampling"\n[factors]\npool_size = [2, 5]\n')
    with pytest.raises(ToggleError) as refused:
        plan(read_study(path))
    assert str(refused.value) == "`pool_size` of `downsampling` must be one of 1, 2, 3, 4; got 5."
