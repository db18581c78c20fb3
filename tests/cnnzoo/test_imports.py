"""What is loaded when."""

import subprocess
import sys

import pytest

HEAVY = ("tensorflow", "keras", "torch", "jax", "pandas", "scipy", "sklearn", "ray", "altair")


def loaded_by(code: str) -> list[str]:
    """Names out of HEAVY that a fresh interpreter has loaded after running the code."""
    probe = f"{code}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    return eval(answer.stdout.splitlines()[-1])  # noqa: S307


@pytest.mark.parametrize(
    "code",
    [
        "import cnnzoo; dir(cnnzoo)",
        "import cnnzoo.vocabulary, cnnzoo.toggle, cnnzoo.runtime.seeding",
        "import cnnzoo; cnnzoo.list_models(); cnnzoo.toggles('residual'); cnnzoo.residual.__doc__",
    ],
)
def test_importing_and_listing_load_no_framework(code):
    assert loaded_by(code) == []


def test_invalid_argument_is_refused_before_keras_is_loaded():
    code = """
import cnnzoo
try:
    cnnzoo.build("downsampling", pool_size=5)
except cnnzoo.ToggleError as error:
    assert str(error) == "`pool_size` of `downsampling` must be one of 1, 2, 3, 4; got 5."
else:
    raise AssertionError("not refused")
"""
    assert loaded_by(code) == []


@pytest.mark.parametrize(("before", "after"), [(None, "true"), ("false", "false")])
def test_gpu_memory_grows_by_default(monkeypatch, before, after):
    name = "TF_FORCE_GPU_ALLOW_GROWTH"
    monkeypatch.delenv(name, raising=False)
    if before is not None:
        monkeypatch.setenv(name, before)
    code = f"import cnnzoo, os; print(os.environ[{name!r}])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == after


@pytest.mark.parametrize(("level", "lines"), [(None, False), ("0", True)])
def test_start_up_lines_of_tensorflow_are_hidden_unless_asked_for(monkeypatch, level, lines):
    """TensorFlow's C++ writes them to file descriptor 2 as its module is imported."""
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    if level is not None:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    code = "import cnnzoo, keras, os; keras.ops.zeros(()); os.write(2, b'the end')"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stderr.endswith("the end")
    assert (told.stderr != "the end") == lines


def test_every_public_name_is_there():
    import cnnzoo

    assert {"build", "list_models", "toggles", "Toggle", "ToggleError"} <= set(cnnzoo.__all__)
    assert set(cnnzoo.list_models()) <= set(cnnzoo.__all__)
    for name in ("build", "list_models", "toggles", "Toggle", "ToggleError"):
        assert getattr(cnnzoo, name).__name__ == name


def test_workers_load_the_plots_of_keras_only_on_demand():
    code = """
import cnnzoo.engine.lean_keras, sys
print([name for name in ("keras", "matplotlib", "sklearn") if name in sys.modules])
import sklearn.datasets, keras
print(keras.__name__, len(sklearn.datasets.load_digits().target))
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines() == ["['keras']", "keras 1797"]
