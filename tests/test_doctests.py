"""Every example in a docstring runs, against the installed packages."""

import doctest
import importlib
import pkgutil

import pytest

import ablations
import cnnzoo

MODULES = sorted(
    module.name
    for package in (cnnzoo, ablations)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_are_true(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNZOO_CACHE", raising=False)  # other tests set it
    module = importlib.import_module(name)
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.testmod(module, optionflags=options).failed == 0
