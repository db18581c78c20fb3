"""Which changes give a custom builder another version."""

import subprocess
import sys
import types
from importlib import import_module

import pytest

from cnnzoo.runtime.code_version import code_version, difference, imported_files

PROGRAM = """
import keras

WIDTH = 8

def block(units):
    return units + WIDTH

def build(input_shape, classes, units=4):
    return block(units)

def unrelated():
    return 1
"""


def console(source, name="build", module="__main__"):
    """Define a builder as a console does: without a source that could be read."""
    namespace = {"__name__": module}
    exec(compile(source, "<console>", "exec"), namespace)  # noqa: S102
    return namespace[name]


def version(source, name="build"):
    return code_version(console(source, name))


def version_of(model):
    """The version of a builder in a file, as "module:function"."""
    module = import_module(model.partition(":")[0])
    return code_version(getattr(module, model.partition(":")[2]), module)


# Without a file


def test_builder_in_a_console_has_a_stable_version():
    assert len(version(PROGRAM)) == 12
    assert version(PROGRAM) == version(PROGRAM)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return block(units)", "return block(units) + 1"),
        ("return block(units)", "return -block(units)"),
        ("units=4", "units=5"),  # a default
        ("return units + WIDTH", "return units * WIDTH"),  # what it calls
        ("WIDTH = 8", "WIDTH = 9"),  # what that names
        ("WIDTH = 8", "WIDTH = 8.0"),
    ],
)
def test_change_of_the_builder_or_what_it_uses(before, after):
    assert version(PROGRAM.replace(before, after)) != version(PROGRAM)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return 1", "return 2"),  # what the builder does not name
        ("\nimport keras", "\n\n\n# a comment\nimport keras"),
    ],
)
def test_change_elsewhere_keeps_the_version(before, after):
    assert version(PROGRAM.replace(before, after)) == version(PROGRAM)


@pytest.mark.parametrize(
    ("source", "change"),
    [
        (
            "class Tuned:\n    size = 3\n    def build(self, hp):\n        return hp, 1\n",
            ("hp, 1", "hp, 2"),
        ),
        (
            "class Tuned:\n    size = 3\n    def build(self, hp):\n        return hp, 1\n",
            ("size = 3", "size = 4"),
        ),
        (
            "class Base:\n    def more(self): return 1\n"
            "class Tuned(Base):\n    def build(self, hp): return self.more()\n",
            ("return 1", "return 2"),
        ),
        (
            "class Inner:\n    def __init__(self): self.width = 3\n"
            "    def build(self, hp): return self.width\nTuned = Inner()\n",
            ("self.width = 3", "self.width = 4"),
        ),
        (
            "import functools\ndef make(units, width): return units\n"
            "Tuned = functools.partial(make, width=3)\n",
            ("width=3", "width=4"),
        ),
        (
            "def times(n):\n    def wrap(f):\n        def g(units=4): return f(units) * n\n"
            "        return g\n    return wrap\n"
            "@times(2)\ndef Tuned(units=4): return units\n",
            ("times(2)", "times(3)"),
        ),
        (
            "def Tuned(kind): return [k for k in (1, 2) if kind in {'a', 'b', 'c'}]\n",
            ("'c'", "'d'"),
        ),
    ],
    ids=["method", "attribute", "base", "instance", "partial", "closure", "nested"],
)
def test_change_of_any_kind_of_builder(source, change):
    assert version(source, "Tuned") == version(source, "Tuned")
    assert version(source.replace(*change), "Tuned") != version(source, "Tuned")


ENCLOSING = """
import functools

import numpy as np

class Sizes:
    def __init__(self, units):
        self.units = units

def make(value):
    def build(input_shape, classes):
        return value
    return build

build = {}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("make(3)", "make(4)"),
        ("make(np.arange(3))", "make(np.arange(4))"),
        ("make([{'a': np.zeros(3)}])", "make([{'a': np.ones(3)}])"),
        ("make(Sizes(3))", "make(Sizes(4))"),
        ("make(make(3))", "make(make(4))"),
        ("functools.partial(make, Sizes(3))", "functools.partial(make, Sizes(4))"),
        ("lambda units: units + 1", "lambda units: units + 2"),
    ],
)
def test_what_a_function_encloses_counts(before, after):
    assert version(ENCLOSING.format(before)) == version(ENCLOSING.format(before))
    assert version(ENCLOSING.format(before)) != version(ENCLOSING.format(after))


HOLDING = """
import functools
import pathlib

import keras

class Config:
    __slots__ = ("width",)

    def __init__(self, width):
        self.width = width

class Holder:
    def __init__(self, **settings):
        self.settings = settings

    def make(self, units=4):
        return units

def make(units=4, option=None):
    return units

build = {}
"""


@pytest.mark.parametrize("module", ["__main__", "proj.holding"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Holder(width=8).make", "Holder(width=16).make"),
        ("Holder(config=Config(8))", "Holder(config=Config(16))"),
        ("functools.partial(make, option=Config(1))", "functools.partial(make, option=Config(2))"),
        (
            "functools.partial(make, option=keras.layers.LeakyReLU(0.1))",
            "functools.partial(make, option=keras.layers.LeakyReLU(0.3))",
        ),
        ("Holder(sizes={{(3, 3): 1}}, depth=2)", "Holder(sizes={{(3, 3): 1}}, depth=4)"),
        ("Holder(parts={{'a', 'b'}})", "Holder(parts={{'a', 'c'}})"),
        ("Holder(at=pathlib.Path('a'))", "Holder(at=pathlib.Path('b'))"),
    ],
)
def test_what_instances_hold_counts(project, module, before, after):
    def version_with(text):
        source = HOLDING.format(text.replace("{{", "{").replace("}}", "}"))
        if module == "__main__":
            return version(source)
        (project / "proj/holding.py").write_text(HOLDING.split("build =")[0])
        sys.modules.pop(module, None)
        namespace = {**vars(import_module(module))}
        return code_version(eval(text.replace("{{", "{").replace("}}", "}"), namespace))  # noqa: S307

    assert version_with(before) == version_with(before)
    assert version_with(before) != version_with(after)


def test_line_of_a_lambda_does_not_count(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "cells.py").write_text("pair = (lambda units: units + 1, 3)\n")
    function = import_module("cells").pair[0]
    monkeypatch.setattr(function, "__module__", "__main__")
    before = code_version(function)
    (tmp_path / "cells.py").write_text("pair = (lambda units: units + 1, 4)\n")
    assert code_version(function) == before


def test_values_without_a_text_keep_the_version():
    source = "things = {(1, 2): object(), 'self': None}\nthings['self'] = things\n" + (
        "def build(units=1, thing=object()): return things, thing\n"
    )
    assert version(source) == version(source)


def test_version_is_the_same_in_every_process(tmp_path):
    """Texts have another order in sets, and objects another address, in each."""
    program = tmp_path / "program.py"
    program.write_text(
        "from cnnzoo.runtime.code_version import code_version\n"
        f"{PROGRAM.replace('import keras', '')}"
        "    return units in {'a', 'b', 'c', 'd'}\n"
        'source = \'def build(units=1):\\n    return units in {"a", "b", "c", "d"}\'\n'
        "namespace = {'__name__': '__main__'}\n"
        "exec(source, namespace)\n"
        "print(code_version(build), code_version(namespace['build']))\n"
    )
    runs = [
        subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert len(set(runs[0].stdout.split())) == 2
    # a study further down in the program is none of the builder's code
    program.write_text(program.read_text() + "seeds = 20\n")
    again = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert again.stdout == runs[0].stdout


def test_version_of_a_builder_in_a_notebook(no_ports):
    from nbclient import NotebookClient
    from nbformat import v4

    show = "code_version(build)"
    cells = [
        "from cnnzoo.runtime.code_version import code_version\ndef build(units=4): return units",
        show,
        "seeds = 3",
        show,
        "def build(units=4): return units + 1",
        show,
        "def build(units=4): return units",
        show,
    ]
    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=600, config=no_ports).execute()
    first, same, other, back = (
        cell.outputs[0]["data"]["text/plain"] for cell in notebook.cells if cell.source == show
    )
    assert first == same != other
    # the first cell had another line in it, which is not the builder's
    assert back == first


# In files


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A package whose builder imports in every way, and a module beside it."""
    files = {
        "proj_beside.py": "WIDTH = 1\n",
        "proj/__init__.py": "",
        "proj/builder.py": (
            "from . import blocks\nfrom .deep.inner import one\nimport proj_beside\n"
            "def build(input_shape, classes, units=8):\n"
            "    from proj.lazy import two\n    return two\n"
        ),
        "proj/blocks.py": "import proj.indirect\n",
        "proj/indirect.py": "",
        "proj/lazy.py": "two = 2\n",
        "proj/deep/__init__.py": "",
        "proj/deep/inner.py": "from ..upward import three as one\n",
        "proj/upward.py": "three = 3\n",
        "proj/unrelated.py": "from proj import builder\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("proj")]:
        monkeypatch.delitem(sys.modules, name)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("proj")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("proj/builder.py", True),
        ("proj/blocks.py", True),
        ("proj/indirect.py", True),
        ("proj/lazy.py", True),
        ("proj/deep/inner.py", True),
        ("proj/upward.py", True),
        ("proj_beside.py", True),
        ("proj/unrelated.py", False),
    ],
)
def test_imports_from_the_package_and_the_folder_count(project, name, counts):
    before = version_of("proj.builder:build")
    path = project / name
    path.write_text(path.read_text() + "# changed\n")
    assert (version_of("proj.builder:build") != before) == counts


def test_reexported_builder_is_followed_to_its_file(project):
    (project / "proj/__init__.py").write_text("from proj.builder import build\n")
    before = version_of("proj:build")
    (project / "proj/builder.py").write_text("# changed\n")
    assert version_of("proj:build") != before


def test_settings_of_an_instance_count(project):
    (project / "proj/tuned.py").write_text(
        "class Tuned:\n    def __init__(self, units): self.units = units\n"
        "one, same, other = Tuned(4), Tuned(4), Tuned(8)\n"
    )
    one, same, other = (version_of(f"proj.tuned:{name}") for name in ("one", "same", "other"))
    assert one == same != other


def test_installed_packages_do_not_count(tmp_path, monkeypatch):
    installed = tmp_path / "site-packages"
    installed.mkdir()
    (installed / "projbuilder.py").write_text("import projother\ndef build(units=8): ...\n")
    other = installed / "projother.py"
    other.write_text("")
    monkeypatch.syspath_prepend(installed)
    before = version_of("projbuilder:build")
    other.write_text("# changed\n")
    assert version_of("projbuilder:build") == before


def test_builder_of_a_program_is_followed_into_its_folder(project, monkeypatch):
    program = types.ModuleType("__main__")
    program.__file__ = str(project / "program.py")
    monkeypatch.setitem(sys.modules, "__main__", program)
    source = "from proj import blocks\nimport numpy\ndef build(units=8): return blocks, numpy\n"
    monkeypatch.syspath_prepend(project)
    before = version(source)
    import_module("proj.blocks")
    (project / "proj/indirect.py").write_text("# changed\n")
    assert version(source) != before


def test_wrapped_builder_is_followed():
    source = (
        "import functools\n"
        "def checked(f):\n    @functools.wraps(f)\n    def g(*a, **k): return f(*a, **k)\n"
        "    return g\n@checked\ndef build(units=8): return 1\n"
    )
    assert version(source.replace("return 1", "return 2")) != version(source)


# Imports and differences


def test_imported_files_follow_constant_dynamic_imports(tmp_path):
    for name, text in {
        "proj/start.py": (
            "from importlib import import_module\n"
            "def load(name):\n"
            "    import_module('proj.fixed')\n    import_module('.near', __package__)\n"
            "    return import_module(name)\n"
        ),
        "proj/fixed.py": "import other.module\n",
        "proj/near.py": "",
        "other/module.py": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert imported_files("proj.start", tmp_path) == {
        "proj/fixed.py": tmp_path / "proj/fixed.py",
        "proj/start.py": tmp_path / "proj/start.py",
    }


@pytest.mark.parametrize(
    ("before", "now", "sentence"),
    [
        ({"a": 1}, {"a": 1}, ""),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, "b from 2 to 3"),
        ({}, {"weights": "6f"}, "weights from none to 6f"),
        ({"weights": "6f"}, {}, "weights from 6f to none"),
        ({"r": {"e": 1, "s": 2}}, {"r": {"e": 3, "s": 2}}, "r.e from 1 to 3"),
        ({"r": {"e": 1}}, {"r": "none"}, "r from {'e': 1} to none"),
    ],
)
def test_difference(before, now, sentence):
    assert difference(before, now) == sentence
