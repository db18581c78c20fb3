"""One remedy for one fault: `check`, `Doctor` and `diagnose` name the same number."""

import re

import keras
import numpy as np
import pytest
from keras import layers

import cnnzoo

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype("float32")
Y = np.digitize(X[:, 0], [-0.5, 0.5])


def model(optimizer, penalty=0.0):
    keras.utils.set_random_seed(0)
    regularizer = keras.regularizers.L2(penalty) if penalty else None
    hidden = layers.Dense(16, "relu", kernel_regularizer=regularizer)
    built = keras.Sequential([keras.Input((6,)), hidden, layers.Dense(3, "softmax")])
    built.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return built


def remedies(build, code):
    """Return the number in the remedy of a code, by who names it."""
    doctor, built = cnnzoo.Doctor(cadence="epochs"), build()
    tables = {
        "check": cnnzoo.check(built, (X, Y)),
        "diagnose": cnnzoo.diagnose(built, (X, Y), epochs=2).causes,
    }
    built.fit(X, Y, epochs=2, verbose=0, callbacks=[doctor])
    tables["doctor"] = doctor.findings()
    found = {}
    for name, table in tables.items():
        (remedy,) = table.loc[table["code"] == code, "remedy"]
        found[name] = float(re.findall(r"[\d.]+(?:e[+-]\d+)?$", remedy)[0])
    return found


@pytest.mark.parametrize(
    ("build", "code"),
    [
        (lambda: model(keras.optimizers.SGD(1000.0)), "rate-high"),
        (lambda: model(keras.optimizers.SGD(0.05), penalty=1.0), "penalty-high"),
        (lambda: model(keras.optimizers.SGD(0.1, clipnorm=1e-5)), "gradient-clipped"),
    ],
    ids=["rate", "penalty", "clipping"],
)
def test_check_doctor_and_diagnose_name_one_number(build, code):
    named = remedies(build, code)
    assert len(set(named.values())) == 1, named
