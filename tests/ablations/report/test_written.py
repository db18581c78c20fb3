"""Which files a report may replace: those that its study wrote and nobody changed."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.report import ReportError, write_report
from ablations.report.written import WrittenFiles


@pytest.fixture
def study(tmp_path):
    (tmp_path / "studies" / "mine").mkdir(parents=True)
    return WrittenFiles(tmp_path / "studies" / "mine")


@pytest.mark.parametrize("suffix", [".html", ".md", ".csv", ".tex", ".json"])
def test_own_report_is_written_again(contents, tmp_path, study, suffix):
    path = tmp_path / f"report{suffix}"
    for _ in range(2):
        assert write_report(contents, path, written=study) == path
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ReportError) as refused:
        write_report(contents, path, written=study)
    assert str(refused.value) == (
        f"{path} already exists; choose another name or pass overwrite=True (--overwrite)."
    )
    write_report(contents, path, written=study, overwrite=True)
    write_report(contents, path, written=study)


def test_report_of_another_study_is_not_replaced(contents, tmp_path, study):
    path = write_report(contents, tmp_path / "report.md", written=study)
    (tmp_path / "another").mkdir()
    with pytest.raises(ReportError, match="already exists"):
        write_report(contents, path, written=WrittenFiles(tmp_path / "another"))


def test_files_that_move_with_the_study_are_still_its_own(tmp_path, study):
    study.write(tmp_path / "studies" / "report.md", b"# Report")
    shutil.move(tmp_path / "studies", tmp_path / "moved")
    assert tmp_path / "moved" / "report.md" in WrittenFiles(tmp_path / "moved" / "mine")


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"../report.md": 1}', "\x00"])
def test_unreadable_list_counts_as_empty(tmp_path, study, content):
    path = tmp_path / "studies" / "report.md"
    study.write(path, b"# Report")
    (study.directory / "written.json").write_text(content)
    assert path not in study
    study.write(path, b"# Report")
    assert path in study


@given(first=st.binary(max_size=9), second=st.binary(max_size=9))
def test_only_the_same_content_is_known(tmp_path_factory, first, second):
    place = tmp_path_factory.mktemp("study")
    written = WrittenFiles(place)
    written.write(place / "report.md", first)
    (place / "report.md").write_bytes(second)
    assert (place / "report.md" in written) == (first == second)


def test_removed_study_is_not_created_again(tmp_path):
    written = WrittenFiles(tmp_path / "gone")
    written.write(tmp_path / "report.md", b"# Report")
    assert not (tmp_path / "gone").exists()
    assert tmp_path / "report.md" not in written
