"""Versions of code: which code a stored result depends on, and what changed since.

`trial_versions` describes the packages and the files of this project that a trial runs;
`code_version` is a digest of a custom builder.
"""

import ast
import dis
import functools
import hashlib
import inspect
import json
import re
import sys
import sysconfig
from collections.abc import Container, Iterator, Mapping, Sequence
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from cnnzoo.runtime.keras_backend import backend_version

INSTALLED = {"site-packages", "dist-packages"}

STANDARD_LIBRARY = Path(sysconfig.get_paths()["stdlib"]).resolve()

LOOKUPS = ("LOAD_GLOBAL", "LOAD_NAME")

MAIN = ("__main__", "__mp_main__")
"""Names of the main program, which is another one in each process."""

PROJECTS = ("cnnzoo", "ablations")
"""Packages of this project, which every machine has installed."""

PROJECT = Path(__file__).parents[2]
"""Folder that contains this package."""


def trial_versions(entry: str, packages: Sequence[str], **others: str) -> dict[str, str]:
    """Return the versions that the result of a trial depends on.

    Parameters
    ----------
    entry
        Module that runs a trial, such as "cnnzoo.training.train". The digest beside the version of
        ``cnnzoo`` covers all files that it imports; see `imported_files`.
    packages
        Names of the packages to list.
    **others
        Further versions, such as ``weights``; empty ones are omitted.

    Examples
    --------
    >>> versions = trial_versions("cnnzoo.training.train", ["numpy"], data="6f0a", weights="")
    >>> list(versions)
    ['numpy', 'cnnzoo', 'backend', 'data']
    """
    versions = {name: _installed(name) for name in (*packages, "cnnzoo")}
    versions["cnnzoo"] += f" ({_project_version(entry)})"
    given = {name: text for name, text in others.items() if text}
    return {**versions, "backend": backend_version(), **given}


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Describe what changed between two mappings.

    Examples
    --------
    >>> difference({"keras": "3.14", "numpy": "2.1"}, {"keras": "3.15", "numpy": "2.1"})
    'keras from 3.14 to 3.15'
    >>> difference({"recipe": {"epochs": 1}, "weights": "6f0a"}, {"recipe": {"epochs": 2}})
    'recipe.epochs from 1 to 2; weights from 6f0a to none'
    """
    return "; ".join(_changes(before, now))


def _changes(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name in {**now, **before}:
        old, new = before.get(name, "none"), now.get(name, "none")
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changes(old, new, f"{prefix}{name}.")
        elif old != new:
            yield f"{prefix}{name} from {old} to {new}"


def imported_files(entry: str, root: Path = PROJECT) -> dict[str, Path]:
    """Return the files of this project that a module imports, directly or through others.

    The import statements are read, wherever they stand in a file; nothing is imported.

    Parameters
    ----------
    entry
        Name of the module.
    root
        Folder that contains the packages.

    Returns
    -------
    dict
        Path by name relative to `root`, the module itself included. Of other packages than this
        one and that of `entry` there are none.

    Raises
    ------
    ModuleNotFoundError
        If there is no such module.

    Examples
    --------
    >>> list(imported_files("cnnzoo.runtime.seeding"))
    ['cnnzoo/runtime/seeding.py']
    """
    modules = [(entry, path) for path in _module_files(entry, root)]
    if not modules:
        raise ModuleNotFoundError(f"There is no module {entry} in {root}.")
    packages = {entry.partition(".")[0], __name__.partition(".")[0]}
    found = _follow_imports(modules, root, packages)
    return {path.relative_to(root).as_posix(): path for path in sorted(found)}


def files_version(files: Mapping[str, Path]) -> str:
    """Return a digest of files by name: 12 hexadecimal digits, wherever the files are."""
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        for part in (name.encode(), path.read_bytes()):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:12]


@functools.cache
def _project_version(entry: str) -> str:
    """Return the digest of what a trial imports, as it was when this process first asked."""
    return files_version(imported_files(entry))


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def code_version(*builder: Any) -> str:
    """Return a digest of a custom builder's code.

    For a builder in a file, the digest covers the file and all files that it imports, directly or
    through others, from its own package and folder. For a builder in a notebook, a console or the
    main program, it covers the builder's source (or compiled code if there is no source, and for a
    lambda) and the functions, classes, instances of these, arrays and plain values there that it
    uses, so that an edit of another cell changes nothing. What a function inside another one takes
    from it is covered wherever it is defined. Not covered are other packages and files that the
    code reads; loaded weights have their own digest,
    `cnnzoo.models.loaded_weights.loaded_digest`.

    Parameters
    ----------
    *builder
        Function, class or instance of a class, and the module that it is taken from.

    Returns
    -------
    str
        12 hexadecimal digits, the same in every process.

    Examples
    --------
    >>> def build(units=8): ...
    >>> len(code_version(build))
    12
    """
    digest = hashlib.sha256()
    seen = set[int]()
    for thing in builder:
        for part in _parts(thing, seen):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:12]


def _parts(thing: Any, seen: set[int]) -> Iterator[bytes]:
    """Yield the parts of the code that an object depends on, each once."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, functools.partial):
        yield _plain({"args": thing.args, "keywords": thing.keywords})
        yield from _within([thing.args, thing.keywords], seen)
        yield from _parts(thing.func, seen)
    elif inspect.ismethod(thing):
        yield from _parts(thing.__func__, seen)
        yield from _within(thing.__self__, seen)
    elif (path := _file_of(thing)) and _has_code(thing):
        yield from _files(path)
        yield from _of_members(_enclosed(thing), seen)
    elif isinstance(thing, FunctionType):
        yield from _of_function(thing, seen)
    elif isinstance(thing, type):
        yield from _of_class(thing, seen)
    elif not isinstance(thing, ModuleType):
        yield _plain(_settings(thing))
        yield from _within(_settings(thing), seen)
        yield from _parts(type(thing), seen)


def _has_code(thing: Any) -> bool:
    """Return whether an object is a module, a class or a function."""
    return isinstance(thing, type | ModuleType) or inspect.isroutine(thing)


def _settings(thing: Any) -> dict[str, Any]:
    """Return the attributes of an instance by name."""
    slots = [
        name
        for kind in type(thing).__mro__
        for name in _names_of(vars(kind).get("__slots__", ()))
        if hasattr(thing, name) and not name.startswith("__")
    ]
    return {name: getattr(thing, name) for name in slots} | getattr(thing, "__dict__", {})


def _names_of(slots: Any) -> Sequence[str]:
    return [slots] if isinstance(slots, str) else [*slots]


def _file_of(thing: Any) -> tuple[str, Path] | None:
    """Return name and file of the module that defines an object.

    Return None for the main program, because it contains the study too.
    """
    name = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", None)
    file = getattr(sys.modules.get(str(name)), "__file__", None)
    if name in MAIN or file is None or not Path(file).is_file():
        return None
    return str(name), Path(file)


def _of_function(function: FunctionType, seen: set[int]) -> Iterator[bytes]:
    try:
        if function.__name__ == "<lambda>":  # its line may contain a whole study
            raise OSError
        yield inspect.getsource(function).encode()
    except (OSError, TypeError):
        yield _compiled(function.__code__).encode()
    yield _plain({"positional": function.__defaults__, "keyword": function.__kwdefaults__})
    yield from _within([function.__defaults__, function.__kwdefaults__], seen)
    for annotation in getattr(function, "__annotations__", {}).values():
        for metadata in getattr(annotation, "__metadata__", ()):  # objects of a toggle
            yield from _within(getattr(metadata, "objects", None), seen)
    known = function.__globals__
    named = {name: known[name] for name in sorted(_names(function.__code__)) if name in known}
    named |= _enclosed(function)
    yield from _of_members(named, seen)
    if hasattr(function, "__wrapped__"):
        yield from _parts(function.__wrapped__, seen)


def _of_class(kind: type, seen: set[int]) -> Iterator[bytes]:
    yield kind.__qualname__.encode()
    for base in kind.__bases__:
        yield from _parts_if_local(base, seen)
    members = {
        name: getattr(value, "fget", None) or getattr(value, "__func__", value)
        for name, value in sorted(vars(kind).items())
        if not name.startswith("__") or isinstance(value, FunctionType)
    }
    yield from _of_members(members, seen)


def _of_members(members: dict[str, Any], seen: set[int]) -> Iterator[bytes]:
    for name, value in members.items():
        if isinstance(value, FunctionType | type | ModuleType | functools.partial):
            yield from _parts_if_local(value, seen)
        else:
            yield _plain({name: value})
            yield from _within(value, seen)


def _enclosed(thing: Any) -> dict[str, Any]:
    """Return what a function takes from the function around it, by name."""
    cells = getattr(thing, "__closure__", None)
    if not isinstance(thing, FunctionType) or not cells:
        return {}
    filled = zip(thing.__code__.co_freevars, cells, strict=True)
    return {name: cell.cell_contents for name, cell in filled if cell != CellType()}


def _within(value: Any, seen: set[int]) -> Iterator[bytes]:
    """Yield what `_plain` leaves out of a value: arrays, code, and instances of local classes."""
    if isinstance(value, FunctionType | type | functools.partial):
        yield from _parts_if_local(value, seen)
    elif isinstance(value, Mapping | list | tuple):
        if id(value) not in seen:  # it may contain itself
            seen.add(id(value))
            for each in value.values() if isinstance(value, Mapping) else value:
                yield from _within(each, seen)
    elif type(value).__module__ == "numpy" and hasattr(value, "tobytes"):
        yield f"{value.dtype} {value.shape}".encode() + value.tobytes()
    elif isinstance(value, set | frozenset):
        for each in sorted(value, key=lambda one: json.dumps(_stable(one))):
            yield from _within(each, seen)
    elif inspect.ismethod(value) or (not _has_code(value) and _is_written_by_users(type(value))):
        yield from _parts(value, seen)


def _is_written_by_users(kind: type) -> bool:
    """Return whether a class is neither of Python nor of an installed package."""
    if kind.__module__ in MAIN:
        return True
    place = _file_of(kind)
    if place is None or place[1].resolve().is_relative_to(STANDARD_LIBRARY):
        return False
    return not INSTALLED & {*place[1].resolve().parts}


def _parts_if_local(thing: Any, seen: set[int]) -> Iterator[bytes]:
    """Yield the parts of an object of the main program or its folder; none if it is installed."""
    place = _file_of(thing)
    program = getattr(sys.modules["__main__"], "__file__", None) or "./-"  # a notebook has no file
    if place is None or _root(*place) == Path(program).resolve().parent:
        yield from _parts(thing, seen)


def own_modules() -> tuple[Path, ...]:
    """Return what this program has imported that is not installed: files and folders of packages.

    Parts of this project are left out, and so is the main program.

    Examples
    --------
    >>> all(path.exists() for path in own_modules())
    True
    """
    found = set()
    for name, module in [*sys.modules.items()]:
        top, _, rest = name.partition(".")
        file = getattr(module, "__file__", None)
        if rest or file is None or top in (*MAIN, *PROJECTS) or not file.endswith(".py"):
            continue
        path = Path(file).resolve()
        if not path.is_file() or path.is_relative_to(STANDARD_LIBRARY) or INSTALLED & {*path.parts}:
            continue
        found.add(path.parent if path.name == "__init__.py" else path)
    return tuple(sorted(found))


def _plain(value: Any) -> bytes:
    """Encode what of a value is the same in every process."""
    return json.dumps(_stable(value), sort_keys=True).encode()


def _stable(value: Any, around: tuple[Any, ...] = ()) -> Any:
    """Return a value as JSON can hold it; of parts without a text, only the type.

    Parameters
    ----------
    value
        The value.
    around
        The values that it stands in, because it may contain itself.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if any(value is one for one in around):
        return _kind(value)
    inside = (*around, value)
    if isinstance(value, Mapping):
        pairs = [[_stable(name, inside), _stable(one, inside)] for name, one in value.items()]
        return {"mapping": sorted(pairs, key=json.dumps)}
    if isinstance(value, list | tuple):
        return [_stable(one, inside) for one in value]
    if isinstance(value, set | frozenset):
        return {"set": sorted((_stable(one, inside) for one in value), key=json.dumps)}
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Enum):
        return [_kind(value), value.name]
    return [_kind(value), _stable(_configuration(value), inside)]


def _configuration(value: Any) -> Any:
    """Return the configuration of an object of Keras, without the number that Keras counts.

    That of a model is left out, because its layers have such numbers too.
    """
    describe = getattr(value, "get_config", None)
    if not callable(describe) or isinstance(value, type) or hasattr(value, "layers"):
        return None
    try:
        config = dict(describe())
    except Exception:  # a custom class may raise anything
        return None
    if isinstance(config.get("name"), str):
        config["name"] = re.sub(r"_\d+$", "", config["name"])
    return config


def _kind(value: Any) -> str:
    return type(value).__name__


def _names(code: CodeType) -> set[str]:
    """Return the global names that code looks up."""
    inner = (_names(const) for const in code.co_consts if isinstance(const, CodeType))
    lookups = (part.argval for part in dis.get_instructions(code) if part.opname in LOOKUPS)
    return set(lookups).union(*inner)


def _compiled(const: Any) -> str:
    """Encode compiled code or a constant, without addresses, line numbers and file names."""
    if isinstance(const, CodeType):
        names = (const.co_names, const.co_varnames, const.co_freevars, const.co_cellvars)
        return f"{const.co_code.hex()} {names} {[_compiled(part) for part in const.co_consts]}"
    if isinstance(const, tuple):
        return str([_compiled(part) for part in const])
    if isinstance(const, frozenset):  # its order differs between processes
        return str(sorted(map(_compiled, const)))
    return f"{type(const).__name__} {const!r}"


def _root(name: str, path: Path) -> Path:
    """Return the folder that contains a module's top-level package, or the module itself."""
    return path.resolve().parents[name.count(".") + (path.name == "__init__.py")]


def _files(module: tuple[str, Path]) -> Iterator[bytes]:
    """Yield a module's file and the files that it imports from its own package and folder."""
    name, root = module[0], _root(*module)
    packages = {name.partition(".")[0]} if INSTALLED & {*root.parts} else None
    found = _follow_imports([module], root, packages)
    for path in sorted(found):
        yield path.name.encode() + found[path]


def _follow_imports(
    modules: Sequence[tuple[str, Path]], root: Path, packages: Container[str] | None
) -> dict[Path, bytes]:
    """Return the contents of modules and of what they import below a folder.

    Without `packages`, modules of any top-level name are followed.
    """
    waiting, found, followed = [*modules], dict[Path, bytes](), set[str]()
    while waiting:
        name, path = waiting.pop()
        if path in found:
            continue
        found[path] = path.read_bytes()
        for other in _imports(found[path], name, path.name == "__init__.py"):
            if other in followed or not (packages is None or other.partition(".")[0] in packages):
                continue
            followed.add(other)
            waiting += [(other, file) for file in _module_files(other, root)]
    return found


def _module_files(name: str, root: Path) -> list[Path]:
    place = root.joinpath(*name.split("."))
    files = (place.with_suffix(".py"), place / "__init__.py")
    return [file for file in files if file.is_file()]


def _imports(source: bytes, name: str, package: bool) -> Iterator[str]:
    """Yield the names of the modules that a source file may import."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return  # not Python source
    # only calls of import_module are inside expressions, which are most of a tree
    nodes = ast.walk(tree) if b"import_module" in source else _statements(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = name.split(".")
            above = parts[: len(parts) + package - node.level] if node.level else []
            base = [*above, *filter(None, [node.module])]
            yield ".".join(base)
            yield from (".".join([*base, alias.name]) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            target = getattr(node.args[0], "value", None)
            if called == "import_module" and isinstance(target, str) and target[:1] != ".":
                yield target


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the statements of a module, at every depth."""
    waiting: list[ast.AST] = [tree]
    for node in waiting:  # which grows
        yield node
        for block in ("body", "handlers", "orelse", "finalbody", "cases"):
            waiting += getattr(node, block, ())
