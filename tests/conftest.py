"""What all tests share: quiet and repeatable Hypothesis, Keras's global settings put back."""

import gc
import os
import tempfile

# TensorFlow and NumPy read these when they are imported, which no test does before this file.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# pytest-xdist starts one process per core, so further threads would only compete for it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import hypothesis
import pytest

hypothesis.settings.register_profile(
    "cnnzoo",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("cnnzoo")


LONGEST = (
    "test_notebooks.py",
    "test_examples.py",
    "test_house_rules.py",
    "test_crashes.py",
    "test_workers.py",
    "test_trial.py",
    "test_every_model.py",
    "test_real_studies.py",
    "test_doctor.py",
    "test_custom_hypermodel.py",
    "test_tune.py",
    "test_docs.py",
    "test_check_zoo.py",
    "test_doctests.py",
    "test_program_builders.py",
    "test_diagnose.py",
    "test_imports.py",
    "test_kerastuner_chief.py",
    "test_command.py",
    "test_backbones.py",
)
"""Files that take the longest. They begin, for what comes last runs beside nothing else."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


def pytest_collection_finish() -> None:
    """Collect garbage more rarely, and leave what the imports made out of it."""
    collect_and_freeze()
    gc.set_threshold(50_000)


def collect_and_freeze() -> None:
    """Leave what lives now out of garbage collection.

    Trials and KerasTuner collect after each model. With TensorFlow's half a million objects and
    what the tests before have left that takes half a second each time.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def frozen():
    """Let each file collect its own garbage only."""
    yield
    collect_and_freeze()


def pytest_configure(config: pytest.Config) -> None:
    # TensorFlow's variables and NumPy 2 disagree about `__array__`; Keras's saving meets it.
    config.addinivalue_line(
        "filterwarnings",
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    )


@pytest.fixture(scope="module")
def no_ports():
    """Reach a notebook's kernel over files: a port may be taken before it listens there."""
    from traitlets.config import Config

    with tempfile.TemporaryDirectory() as folder:  # of a short name, as sockets need it
        yield Config(KernelManager={"transport": "ipc", "ip": f"{folder}/kernel"})


@pytest.fixture
def unexplained(monkeypatch):
    """Look for no causes of bad results, which takes longer than a tiny training."""
    monkeypatch.setattr("cnnzoo.doctor.after_training.CAUSES", ())


@pytest.fixture
def mixed_precision():
    """Keras's mixed precision, for one test."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy(before)


@pytest.fixture
def channels_first():
    """Keras's image data format "channels_first", for one test."""
    import keras

    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format(before)
