"""Template of a study."""


def test_new_writes_a_runnable_study(tell, tmp_path):
    answer = tell("new", "mine.toml")
    assert answer.exit_code == 0
    assert answer.output == "Edit mine.toml, then: ablations run mine.toml\n"
    assert 'name = "mine"' in (tmp_path / "mine.toml").read_text()


def test_new_does_not_overwrite(tell, tmp_path):
    (tmp_path / "mine.toml").write_text("precious")
    answer = tell("new", "mine.toml")
    assert answer.exit_code == 2
    assert answer.stderr == "StudyError: mine.toml already exists; choose another name.\n"
    assert (tmp_path / "mine.toml").read_text() == "precious"


def test_new_says_that_a_folder_is_missing(tell):
    answer = tell("new", "nowhere/mine.toml")
    assert answer.exit_code == 2
    assert answer.stderr.count("\n") == 1
    assert (
        "StudyError: Cannot write nowhere/mine.toml: the folder nowhere does not exist."
        in answer.stderr
    )
