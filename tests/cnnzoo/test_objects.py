"""Objects as levels: their texts, and back."""

import math

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnzoo.model_paths import BuilderError, import_builder
from cnnzoo.objects import ObjectError, object_of, text_of

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TUPLES = st.recursive(PLAIN | st.text(), lambda inner: st.lists(inner, max_size=3).map(tuple))


@given(TUPLES.filter(lambda value: value is None or isinstance(value, tuple)))
def test_tuples_survive_their_text(value):
    again = object_of(text_of(value))
    assert again == value
    assert repr(again) == repr(value)  # which tells 1, True and 1.0 apart


def test_numbers_of_numpy_become_pythons():
    assert text_of(tuple(np.array([0.5, 2.0]))) == text_of([np.float64(0.5), 2.0]) == "(0.5, 2.0)"
    assert object_of(text_of((np.int64(3), np.bool(True)))) == (3, True)


@pytest.mark.parametrize("name", ["activations.gelu", "layers.ReLU", "optimizers.AdamW"])
def test_objects_of_keras_have_their_public_name(name):
    module, function = name.split(".")
    found = getattr(getattr(keras, module), function)
    assert text_of(found) == f"keras.{module}:{function}"
    assert object_of(text_of(found)) is found


@pytest.mark.parametrize(
    "value",
    [lambda: None, keras.layers.ReLU(), (print,), {1}, (math.inf, 3), (np.zeros(2), 1)],
    ids=lambda value: str(type(value)),
)
def test_objects_that_no_text_finds(value):
    with pytest.raises(ObjectError):
        text_of(value)


@pytest.mark.parametrize("text", ["relu", "a:b", "(1, 2", "(print)", "1", "none", "C:/data"])
def test_other_texts_stay_as_they_are(text):
    assert object_of(text) == text


def test_missing_object_of_a_module():
    with pytest.raises(ObjectError, match=r"^'keras.layers:Relu' cannot be imported.$"):
        object_of("keras.layers:Relu")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("exit(3)", "SystemExit: 3"),
    ],
)
def test_failing_module_is_named_with_its_reason(tmp_path, monkeypatch, line, reason):
    (tmp_path / "failing_module.py").write_text(f"import sys\nfrom sys import exit\n{line}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ObjectError) as caught:
        object_of("failing_module:act")
    assert str(caught.value) == f"'failing_module:act' cannot be imported: {reason}"
    with pytest.raises(BuilderError) as refused:
        import_builder("failing_module:act")
    assert str(refused.value) == (
        f"`model`: cannot import 'failing_module:act' ({reason}). Expected "
        "'package.module:function'."
    )
