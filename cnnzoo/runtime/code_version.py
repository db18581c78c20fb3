"""Which code a builder is, or a training runs: a digest that changes where the code does."""

import ast
import dis
import functools
import hashlib
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

INSTALLED = {"site-packages", "dist-packages"}

LOOKUPS = ("LOAD_GLOBAL", "LOAD_NAME")

NO_PART_OF_TRAINING = ("cli.py", "code_version.py", "console.py", "engine", "tuning")
"""What of this package no training runs."""


def training_files(package: Path) -> dict[str, Path]:
    """Return the files of this package that a training runs, by their names in it.

    Parameters
    ----------
    package
        The folder of it, or of a copy.
    """
    found = {path.relative_to(package): path for path in package.rglob("*.py")}
    return {
        name.as_posix(): path
        for name, path in found.items()
        if name.parts[0] not in NO_PART_OF_TRAINING
    }


def files_version(files: Mapping[str, Path]) -> str:
    """Return a digest of files.

    Parameters
    ----------
    files
        By the names that they go by.

    Returns
    -------
    str
        12 hexadecimal digits, which do not depend on where the files are.
    """
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        for part in (name.encode(), path.read_bytes()):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:12]


def code_version(*builder: Any) -> str:
    """Return a digest of a builder's code.

    Of a builder in a file, the whole file counts, and so do the files that it imports from its own
    package and folder, and those that they import. Of one in a notebook, a console or the program
    itself, its source counts (or its compiled code, where there is no source), with the
    functions, classes and plain values there that it names, so that another cell changes nothing.
    Other packages are not watched, nor is what the code reads from files (loaded weights are, by
    `cnnzoo.models.loaded_weights.loaded_digest`).

    Parameters
    ----------
    *builder
        A function, a class or an instance of one, and the module that it is taken from.

    Returns
    -------
    str
        12 hexadecimal digits, the same in every process.
    """
    digest = hashlib.sha256()
    seen = set[int]()
    for thing in builder:
        for part in _parts(thing, seen):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:12]


def _parts(thing: Any, seen: set[int]) -> Iterator[bytes]:
    """Yield all that a thing's behaviour is read from, each once."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, functools.partial):
        yield _plain({"args": thing.args, "keywords": thing.keywords})
        yield from _parts(thing.func, seen)
    elif path := _file_of(thing):
        yield from _files(path)
        if not (isinstance(thing, type | ModuleType) or inspect.isroutine(thing)):
            yield _plain(getattr(thing, "__dict__", {}))  # of an instance, its settings
    elif isinstance(thing, FunctionType):
        yield from _of_function(thing, seen)
    elif isinstance(thing, type):
        yield from _of_class(thing, seen)
    elif hasattr(thing, "__func__"):  # a method
        yield from _parts(thing.__func__, seen)
    elif not isinstance(thing, ModuleType):
        yield _plain(getattr(thing, "__dict__", {}))
        yield from _parts(type(thing), seen)


def _file_of(thing: Any) -> tuple[str, Path] | None:
    """Return the name and the file of the module that defines a thing.

    The program itself is no such module: the study stands in it too.
    """
    name = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", None)
    file = getattr(sys.modules.get(str(name)), "__file__", None)
    if name in ("__main__", "__mp_main__") or file is None or not Path(file).is_file():
        return None
    return str(name), Path(file)


def _of_function(function: FunctionType, seen: set[int]) -> Iterator[bytes]:
    try:
        yield inspect.getsource(function).encode()
    except (OSError, TypeError):
        yield _compiled(function.__code__).encode()
    yield _plain({"positional": function.__defaults__, "keyword": function.__kwdefaults__})
    known = function.__globals__
    named = {name: known[name] for name in sorted(_names(function.__code__)) if name in known}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        named[name] = cell.cell_contents
    yield from _of_members(named, seen)
    if hasattr(function, "__wrapped__"):
        yield from _parts(function.__wrapped__, seen)


def _of_class(kind: type, seen: set[int]) -> Iterator[bytes]:
    yield kind.__qualname__.encode()
    for base in kind.__bases__:
        yield from _own(base, seen)
    members = {
        name: getattr(value, "fget", None) or getattr(value, "__func__", value)
        for name, value in sorted(vars(kind).items())
        if not name.startswith("__") or isinstance(value, FunctionType)
    }
    yield from _of_members(members, seen)


def _of_members(members: dict[str, Any], seen: set[int]) -> Iterator[bytes]:
    for name, value in members.items():
        if isinstance(value, FunctionType | type | ModuleType | functools.partial):
            yield from _own(value, seen)
        else:
            yield _plain({name: value})


def _own(thing: Any, seen: set[int]) -> Iterator[bytes]:
    """Go on with what the program defines, or a file in its folder, not with what is installed."""
    place = _file_of(thing)
    program = getattr(sys.modules["__main__"], "__file__", None) or "./-"  # a notebook has no file
    if place is None or _root(*place) == Path(program).resolve().parent:
        yield from _parts(thing, seen)


def _plain(value: Any) -> bytes:
    """Write a value of numbers and texts; what else it holds has no text that stays."""
    try:
        return json.dumps(value, sort_keys=True, default=_kind).encode()
    except (TypeError, ValueError):  # keys that are no texts, or a value that holds itself
        return _kind(value).encode()


def _kind(value: Any) -> str:
    return type(value).__name__


def _names(code: CodeType) -> set[str]:
    """Return the names that code looks up around it."""
    inner = (_names(const) for const in code.co_consts if isinstance(const, CodeType))
    looks = (part.argval for part in dis.get_instructions(code) if part.opname in LOOKUPS)
    return set(looks).union(*inner)


def _compiled(const: Any) -> str:
    """Write compiled code, or a constant in it, without addresses, line numbers or file names."""
    if isinstance(const, CodeType):
        names = (const.co_names, const.co_varnames, const.co_freevars, const.co_cellvars)
        return f"{const.co_code.hex()} {names} {[_compiled(part) for part in const.co_consts]}"
    if isinstance(const, tuple):
        return str([_compiled(part) for part in const])
    if isinstance(const, frozenset):  # in an order of its own in each process
        return str(sorted(map(_compiled, const)))
    return f"{type(const).__name__} {const!r}"


def _root(name: str, path: Path) -> Path:
    """Return the folder that the module's top package, or the module itself, lies in."""
    return path.resolve().parents[name.count(".") + (path.name == "__init__.py")]


def _files(module: tuple[str, Path]) -> Iterator[bytes]:
    """Yield a module's file and the files that it imports from its own package and folder."""
    root = _root(*module)
    waiting, found = [module], dict[Path, bytes]()
    while waiting:
        name, path = waiting.pop()
        if path in found:
            continue
        found[path] = path.read_bytes()
        for other in _imports(found[path], name, path.name == "__init__.py"):
            place = root.joinpath(*other.split("."))
            for file in (place.with_suffix(".py"), place / "__init__.py"):
                own = other.partition(".")[0] == name.partition(".")[0]
                if file.is_file() and (own or not INSTALLED & {*root.parts}):
                    waiting.append((other, file))
    for path in sorted(found):
        yield path.name.encode() + found[path]


def _imports(source: bytes, name: str, package: bool) -> Iterator[str]:
    """Yield the names of the modules that a source may import, wherever in it."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return  # not Python's
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = name.split(".")
            above = parts[: len(parts) + package - node.level] if node.level else []
            base = [*above, *filter(None, [node.module])]
            yield ".".join(base)
            yield from (".".join([*base, alias.name]) for alias in node.names)
