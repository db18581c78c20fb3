"""The check of a declared claim: refusals before anything trains."""

import subprocess
import sys
from dataclasses import replace

import pytest

from ablations import Study, StudyError
from ablations.claims import check as checks
from ablations.claims.check import check_claim, exact_checks
from ablations.claims.claim import Claim, Hypothesis, higher
from cnnzoo.levels import Settings

STUDY = Study(
    "batch_norm",
    factors={"normalization": ["none", "batch"], "depth": [2, 4]},
    baseline={"normalization": "none", "filters": 8},
    design="full-factorial",
    seeds=6,
    name="deep",
)
INTERACTION = Hypothesis(
    "normalization helps more if deep",
    "test_loss",
    (
        (Settings(depth=2, normalization="batch"), -1.0),
        (Settings(depth=4, normalization="batch"), 1.0),
        (Settings(), 1.0),
        (Settings(depth=4), -1.0),
    ),
    margin=0.01,
)
CLAIM = Claim("C99", "deep", ("000",), "Depth matters", (STUDY,), (INTERACTION,))
DEEP = higher("deep", "test_loss", {"depth": 4}, margin=0.1)
WHERE = "C99, 'deep': "


def changed(**changes):
    return replace(CLAIM, hypotheses=(replace(DEEP, **changes),))


@pytest.mark.parametrize(
    "hypothesis",
    [
        INTERACTION,
        DEEP,
        replace(DEEP, weights=((Settings(depth=4), 1.0),), constant=0.5),
        replace(DEEP, weights=((Settings(depth=4), 1.0), (Settings(), -2.0))),  # a ratio
        replace(DEEP, weights=((Settings(), 1.0),), measure="gap"),
    ],
)
def test_testable_hypotheses_pass(hypothesis):
    check_claim(replace(CLAIM, hypotheses=(hypothesis,)))


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (
            changed(weights=((Settings(depth=3), 1.0), (Settings(), -1.0))),
            f"{WHERE}the study deep has no variant depth=3. It has baseline; depth=4; "
            "normalization=batch; normalization=batch, depth=4.",
        ),
        (
            changed(weights=((Settings(depth=4), 1.0), (Settings(depth=4, filters=8), -1.0))),
            f"{WHERE}expected one weight per variant; depth=4 has several.",
        ),
        (
            changed(weights=((Settings(depth=4), 1.0), (Settings(), -1.0), (Settings(), 0.5))),
            f"{WHERE}expected weights that sum to 0, a constant, or two weights of opposite sign; "
            "got weights that sum to 0.5.",
        ),
        (
            changed(weights=((Settings(depth=4), 1.0),)),
            f"{WHERE}expected weights that sum to 0, a constant, or two weights of opposite sign; "
            "got weights that sum to 1.",
        ),
        (
            changed(weights=((Settings(depth=4), 0.0),)),
            f"{WHERE}expected finite weights other than 0; got [0.0].",
        ),
        (
            changed(margin=0.0),
            f"{WHERE}expected a finite margin above 0, the smallest contrast that matters; got "
            "0.0.",
        ),
        (
            changed(constant=float("nan")),
            f"{WHERE}expected a finite constant; got nan.",
        ),
        (
            changed(measure="dead_units"),
            f"{WHERE}dead_units is measured on request only. Add it to `metrics` of the study "
            "deep.",
        ),
        (changed(study="depp"), "C99 has no study `depp`; did you mean `deep`? Known: deep."),
        (
            replace(CLAIM, studies=()),
            "C99: expected a study for its hypotheses; got none.",
        ),
        (
            replace(CLAIM, studies=(STUDY, STUDY)),
            "C99: expected different names of its studies; got deep, deep.",
        ),
        (
            replace(CLAIM, studies=(replace(STUDY, seeds="auto"),)),
            "C99: expected a fixed number of seeds in the study deep, because its verdict is "
            "computed once; got 'auto'.",
        ),
        (
            replace(CLAIM, hypotheses=()),
            "C99: expected hypotheses or an exact check; got neither.",
        ),
    ],
)
def test_untestable_claim_is_refused(claim, message):
    with pytest.raises(StudyError) as refused:
        check_claim(claim)
    assert str(refused.value) == message


def test_unknown_measure_is_refused_before_training():
    with pytest.raises(StudyError) as refused:
        check_claim(changed(measure="test_acuracy"))
    assert str(refused.value).startswith(
        f"{WHERE}the trials will hold no measure `test_acuracy`; did you mean `test_accuracy`? "
    )


def test_losses_of_different_kinds_are_refused():
    study = Study(
        "loss_choice",
        factors={"loss": ["sparse_categorical_crossentropy", "mse"]},
        baseline={"loss": "sparse_categorical_crossentropy"},
        name="losses",
    )
    claim = Claim(
        "C98",
        "losses",
        ("002",),
        "The loss matters",
        (study,),
        (higher("worse", "mean_val_loss", {"loss": "mse"}, margin=0.1),),
    )
    with pytest.raises(StudyError) as refused:
        check_claim(claim)
    assert str(refused.value) == (
        "C98, 'worse': mean_val_loss is not comparable between variants that minimize different "
        "losses. Take a measure such as test_nll, test_accuracy or test_rmse."
    )
    check_claim(
        replace(claim, hypotheses=(higher("worse", "test_nll", {"loss": "mse"}, margin=0.1),))
    )


def test_exact_check_must_exist(monkeypatch, tmp_path):
    source = "import keras\n\ndef kernel_count():\n    ...\n\ndef _helper():\n    ...\n"
    (tmp_path / "some_checks.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(checks, "EXACT_CHECKS", "some_checks")
    assert exact_checks() == ["kernel_count"]
    exact = replace(CLAIM, hypotheses=(), check="kernel_count")
    check_claim(exact)
    with pytest.raises(StudyError) as refused:
        check_claim(replace(exact, check="kernel_counts"))
    assert str(refused.value) == (
        "C99: there is no exact check `kernel_counts`; did you mean `kernel_count`? Known: "
        "kernel_count."
    )


def test_check_and_verdict_load_neither_keras_nor_tensorflow():
    program = (
        "import sys\n"
        "from ablations import Study\n"
        "from ablations.claims import power, verdict\n"
        "from ablations.claims.check import check_claim\n"
        "from ablations.claims.claim import Claim, higher\n"
        "study = Study('downsampling', factors={'pool_size': [1, 2]})\n"
        "worse = higher('worse', 'test_loss', {'pool_size': 1}, margin=0.1)\n"
        "check_claim(Claim('C99', 'x', ('000',), 'x', (study,), (worse,)))\n"
        "print({'keras', 'tensorflow'} & sys.modules.keys())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "set()\n"
