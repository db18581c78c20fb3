"""The page of traps: every entry is complete, and every test that it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "traps.md"
FIELDS = ("Version", "Source", "Behaviour", "Met by", "Guard")
TEST = re.compile(r"`(tests/[^`\s]+\.py::[^`\s]+)`")


def entries_of(text):
    """Return the fields of each entry by its title."""
    entries = {}
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        body = re.split(r"^#", body, maxsplit=1, flags=re.MULTILINE)[0]
        items = re.findall(r"^- \*\*(.+?)\*\*: (.+?)(?=^- \*\*|\Z)", body, re.MULTILINE | re.DOTALL)
        fields = {name: " ".join(content.split()) for name, content in items}
        assert len(fields) == len(items), f"{title}: a field occurs twice"
        assert title not in entries, f"{title} occurs twice"
        entries[title] = fields
    return entries


@cache
def names_in(path):
    """Return the names of the tests of a file, those of classes with the class before them."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    names = set()
    for node in tree.body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        owner = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        names |= {owner + one.name for one in inside if isinstance(one, ast.FunctionDef)}
    return {name for name in names if name.rpartition("::")[2].startswith("test_")}


def faults_of(title, fields):
    """Yield what is wrong with an entry."""
    missing = [name for name in FIELDS if not fields.get(name)]
    if missing:
        yield f"{title}: no {', '.join(missing)}"
    unmet = re.match(r"Not met here( yet)?: \S+ \S+", fields.get("Guard", ""))
    if not unmet and not TEST.findall(fields.get("Test", "")):
        yield f"{title}: neither a test of its guard nor a reason why it is not met here"
    if re.sub(TEST, "", fields.get("Test", "")).strip(", "):
        yield f"{title}: more than names of tests"


ENTRIES = entries_of(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}


def test_page_has_entries():
    assert len(ENTRIES) > 50


@pytest.mark.parametrize("title", ENTRIES)
def test_entry_is_complete(title):
    assert [*faults_of(title, ENTRIES[title])] == []


def test_named_tests_exist():
    named = TEST.findall(PAGE.read_text(encoding="utf-8"))
    assert len(named) > 50
    lost = [
        name
        for name in dict.fromkeys(named)
        for path, _, test in [name.partition("::")]
        if not (ROOT / path).is_file() or test not in names_in(path)
    ]
    assert lost == []


def test_incomplete_entries_are_found():
    page = """
## Library

### One
- **Version**: 1
- **Source**: a file
- **Behaviour**: odd
- **Met by**: all
- **Guard**: none so far.

### Two
- **Version**: 1
- **Source**: a file
- **Behaviour**: odd
- **Met by**: nobody
- **Guard**: Not met here: nothing
  calls it.

### Three
- **Version**: 1
- **Guard**: Not met here:
- **Test**: `tests/a.py::test_a`, see there
## More
"""
    faults = [fault for entry in entries_of(page).items() for fault in faults_of(*entry)]
    assert faults == [
        "One: neither a test of its guard nor a reason why it is not met here",
        "Three: no Source, Behaviour, Met by",
        "Three: more than names of tests",
    ]
