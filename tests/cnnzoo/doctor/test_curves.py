"""Findings from training curves alone: the tables of documents 003 and 004."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from cnnzoo.doctor.after_training import diagnose_record
from cnnzoo.doctor.chance import Constant
from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.label_signal import check_label_signal
from cnnzoo.doctor.record import (
    Broken,
    Change,
    EarlyStop,
    LayerState,
    Measurement,
    Optimizer,
    Record,
)

TEN = Constant(count=1000, accuracy=0.1, nll=math.log(10), macro_f1=0.1)


def codes(record: Record) -> list[str]:
    return [finding.code for finding in diagnose_record(record)]


def curves(train, validation=(), accuracy=(), validated=()) -> dict[str, list[float]]:
    named = {
        "loss": train,
        "val_loss": validation,
        "accuracy": accuracy,
        "val_accuracy": validated,
    }
    return {name: list(values) for name, values in named.items() if len(values)}


def bounded(**values) -> Record:
    return Record(curves(**values), constant=TEN, validation_constant=TEN)


# The table of document 003


def test_gap_between_modes_is_no_overfitting():
    record = bounded(
        train=[1.5, 0.5, 0.2, 0.04],
        validation=[2.0, 1.9, 1.8, 1.8],
        accuracy=[0.5, 0.85, 0.95, 0.99],
        validated=[0.2, 0.3, 0.35, 0.4],
    )
    differ = CODES["modes-differ"].finding("0.04 in training, 1.7 in inference", "Train longer")
    assert [finding.code for finding in diagnose_record(record, [differ])] == ["modes-differ"]


def test_train_99_validation_60_is_overfitting():
    record = bounded(
        train=[1.5, 0.5, 0.2, 0.04],
        validation=[1.6, 1.3, 1.25, 1.25],
        accuracy=[0.5, 0.85, 0.95, 0.99],
        validated=[0.45, 0.58, 0.6, 0.6],
    )
    assert codes(record) == ["overfit"]
    (finding,) = diagnose_record(record)
    assert str(finding) == (
        "Overfitting: accuracy is 0.99 on the training and 0.6 on the validation data after epoch "
        "4. More data or augmentation, dropout, weight decay, or a smaller model."
    )


def test_both_low_is_underfitting():
    record = bounded(
        train=[2.1, 1.72, 1.71, 1.705, 1.7],
        validation=[2.0, 1.75, 1.74, 1.74, 1.73],
        accuracy=[0.25, 0.36, 0.37, 0.37, 0.37],
        validated=[0.3, 0.36, 0.36, 0.36, 0.36],
    )
    assert codes(record) == ["too-small"]
    falling = bounded(
        train=[2.1, 1.9, 1.6], validation=[2.0, 1.8, 1.6], accuracy=[0.2, 0.3, 0.4],
        validated=[0.2, 0.3, 0.4],
    )  # fmt: skip
    assert codes(falling) == ["stopped-early"]


def test_loss_nan_is_an_error_with_its_epoch():
    (finding,) = diagnose_record(bounded(train=[2.0, 31.0, math.nan]))
    assert (finding.code, finding.severity, finding.epoch) == ("loss-nonfinite", "error", 3)
    assert finding.evidence == "the loss was 31 before and is not finite after epoch 3"


def test_improves_then_degrades_names_the_epoch_to_stop_at():
    record = bounded(
        train=[1.0, 0.6, 0.4, 0.3, 0.2, 0.1],
        validation=[1.1, 0.8, 0.7, 0.8, 0.9, 1.0],
        accuracy=[0.6, 0.8, 0.85, 0.9, 0.94, 0.98],
        validated=[0.6, 0.7, 0.75, 0.73, 0.72, 0.7],
    )
    (finding,) = diagnose_record(record)
    assert (finding.code, finding.severity, finding.epoch) == ("overfit", "warning", 3)
    assert finding.remedy.startswith("Stop after epoch 3 (EarlyStopping).")


@pytest.mark.parametrize(
    "record",
    [
        bounded(train=[0.9, 0.3, 0.12, 0.118], accuracy=[0.7, 0.9, 0.96, 0.963],
                validation=[0.8, 0.3, 0.2, 0.21], validated=[0.75, 0.9, 0.94, 0.94]),
        bounded(train=[0.9, 0.3, 0.5, 0.2, 0.198], accuracy=[0.7, 0.9, 0.85, 0.94, 0.94]),
        Record(curves(train=[0.9, 0.3, 0.12, 0.118])),
        Record({}),
    ],
    ids=["good", "recovered", "loss only", "nothing"],
)  # fmt: skip
def test_good_curves_have_no_finding(record):
    assert codes(record) == []


# The causes of document 004

KERNEL = LayerState("conv", "Conv2D", gradient=0.2, weight=2.0)


def measured(update, **more) -> tuple[Measurement, ...]:
    layer = LayerState("conv", "Conv2D", gradient=0.2, weight=2.0, update=update)
    return tuple(Measurement(step, step, 2.3, layers=(layer,), **more) for step in (0, 3))


FLAT = curves(train=[2.32, 2.31, 2.31], accuracy=[0.1, 0.1, 0.1])


def test_rate_that_is_too_high_is_named_with_one_that_falls():
    def experiment(change: Change):
        return [2.3, 1.1] if change.rate <= 0.01 else [2.3, 4.0]

    record = Record(
        FLAT, constant=TEN, measured=measured(update=2.0), optimizer=Optimizer("Adam", rate=1.0),
        experiment=experiment,
    )  # fmt: skip
    chance, rate = diagnose_record(record)
    assert (chance.code, rate.code) == ("at-chance", "rate-high")
    assert rate.evidence == (
        "one update changes the weights by 200% (usually 0.1%), and experiments from the initial "
        "weights on one batch take the loss from 2.3 to 4 at the learning rate 1, and to 1.1 at "
        "0.01"
    )
    assert rate.remedy == "Set the learning rate to 0.01"


def test_rate_that_is_too_low_is_named_with_one_that_falls():
    record = Record(
        FLAT, constant=TEN, measured=measured(update=1e-6), optimizer=Optimizer("Adam", rate=1e-7),
        experiment=lambda change: [2.3, 2.3 - 1e-5 * change.rate],
    )  # fmt: skip
    _, rate = diagnose_record(record)
    assert rate.code == "rate-low"
    assert rate.remedy == "Set the learning rate to 0.01"


def test_no_rate_is_blamed_without_a_better_one():
    record = Record(
        FLAT, constant=TEN, measured=measured(update=1e-6), optimizer=Optimizer("Adam", rate=1e-7),
        experiment=lambda change: [2.3, 2.3],
    )  # fmt: skip
    assert codes(record) == ["at-chance"]


def test_small_data_is_overfitting_and_unpredictable_labels_are_not():
    fitted = {"train": [2.0, 0.4, 0.05], "accuracy": [0.3, 0.9, 1.0]}
    small = bounded(**fitted, validation=[2.1, 1.4, 1.5], validated=[0.25, 0.55, 0.56])
    assert codes(small) == ["overfit"]
    random = bounded(**fitted, validation=[2.4, 4.0, 5.0], validated=[0.1, 0.09, 0.11])
    assert codes(random) == ["at-chance", "labels-no-signal"]


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ([0.3, 1e-6], "Perfect loss at chance accuracy"),
        ([0.6, 0.2], "Accuracy at chance level although the loss falls"),
    ],
)
def test_metric_that_does_not_follow_the_loss_is_at_chance(loss, name):
    two = Constant(count=1000, accuracy=0.5, nll=math.log(2), macro_f1=0.5)
    first, *_ = diagnose_record(Record(curves(train=loss, accuracy=[0.5, 0.5]), constant=two))
    assert (first.code, first.name) == ("at-chance", name)


def test_regression_worse_than_its_mean_is_at_chance_or_diverged():
    target = Constant(count=1000, rmse=2.0)

    def of(loss):
        record = Record({"loss": loss}, constant=target, is_likelihood=False, is_square=True)
        return codes(record)

    assert of([5.0, 4.1]) == ["at-chance"]
    assert of([5.0, 400.0]) == ["diverged"]
    assert of([5.0, 0.5]) == ["stopped-early"]


# Other causes


def test_causes_are_silent_without_a_bad_result():
    layers = (
        LayerState("first", "Dense", gradient=1e-6, dead=1.0, saturated=1.0),
        LayerState("last", "Dense", gradient=1.0),
    )
    one = Measurement(0, 0, 2.3, penalty=100.0, gradient=5.0, kept=0.0, layers=layers)
    optimizer = Optimizer("SGD", 0.1, {"clipvalue": 1e-6})
    good = Record({"loss": [0.1]}, constant=TEN, measured=(one, one), optimizer=optimizer)
    assert codes(good) == []
    bad = Record(FLAT, constant=TEN, measured=(one, one), optimizer=optimizer)
    assert codes(bad) == [
        "at-chance", "gradient-clipped", "penalty-high", "dead-units", "saturated",
        "gradient-vanishing",
    ]  # fmt: skip


def test_scale_free_optimizer_is_not_clipped():
    one = Measurement(0, 0, 2.3, gradient=5.0, kept=0.001)
    for name, expected in (("SGD", ["at-chance", "gradient-clipped"]), ("Adam", ["at-chance"])):
        optimizer = Optimizer(name, 0.1, {"clipnorm": 1e-6})
        assert codes(Record(FLAT, constant=TEN, measured=(one,), optimizer=optimizer)) == expected


def test_units_that_died_by_a_high_rate_are_a_note():
    alive, dead = (LayerState("conv", "Conv2D", 0.2, 2.0, 2.0, dead=share) for share in (0, 1))
    record = Record(
        FLAT, constant=TEN, optimizer=Optimizer("SGD", 1.0),
        measured=tuple(Measurement(i, i, 2.3, layers=(it,)) for i, it in enumerate((alive, dead))),
        experiment=lambda change: [2.3, 2.3 if change.rate == 1 else 1.0],
    )  # fmt: skip
    found = {finding.code: (finding.severity, finding.epoch) for finding in diagnose_record(record)}
    assert found["rate-high"] == ("warning", None)
    assert found["dead-units"] == ("note", 1)


def test_jump_that_lasts_is_unstable():
    record = bounded(train=[0.9, 0.3, 1.2, 0.9], accuracy=[0.7, 0.9, 0.6, 0.7])
    assert codes(record) == ["loss-unstable"]
    (finding,) = diagnose_record(record)
    assert finding.epoch == 3


def test_early_stopping_on_a_rising_loss_is_an_error():
    stop = EarlyStop("val_loss", mode="max", patience=2, stopped=3)
    record = Record(curves([0.9, 0.8, 0.7], [0.9, 0.85, 0.8]), epochs=50, early_stop=stop)
    (finding,) = diagnose_record(record)
    assert (finding.code, finding.severity) == ("stopped-early", "error")
    assert finding.remedy == "Give EarlyStopping mode='min'"


@pytest.mark.parametrize(
    ("what", "evidence"),
    [
        ("inputs", "the inputs of the probe batch are not finite"),
        ("output", "the output of `conv` is the first that is not finite"),
        ("loss", "all outputs of the model are finite, so the loss function makes it"),
    ],
)
def test_first_place_that_is_not_finite_is_evidence(what, evidence):
    record = Record({"loss": [math.nan]}, broken=Broken(1, 7, "conv", what, 12.0))
    (finding,) = diagnose_record(record)
    assert finding.evidence == f"the loss was 12 before and is not finite after step 7; {evidence}"


def test_weighted_classes_excuse_an_accuracy_below_the_largest_class():
    rare = Constant(count=1000, accuracy=0.95, nll=0.2, macro_f1=0.5)
    values = curves([0.7, 0.31, 0.3], [0.6, 0.31, 0.3], [0.6, 0.9, 0.92], [0.7, 0.9, 0.93])
    known = {"constant": rare, "validation_constant": rare, "is_likelihood": False}
    assert codes(Record(values, is_weighted=True, **known)) == []
    assert "at-chance" in codes(Record(values, **known))
    still = values | {"loss": [0.7, 0.7, 0.69]}
    assert "at-chance" in codes(Record(still, is_weighted=True, **known))


def test_training_data_that_are_memorized_slowly_have_no_signal():
    record = bounded(
        train=[2.3, 2.1, 1.9], validation=[2.3, 2.4, 2.5],
        accuracy=[0.1, 0.2, 0.33], validated=[0.1, 0.11, 0.1],
    )  # fmt: skip
    assert codes(record) == ["at-chance", "labels-no-signal"]


def test_many_right_answers_make_an_early_end_a_note():
    falling = {"train": [2.2, 1.8, 1.5], "validation": [2.1, 1.7, 1.4]}
    right = bounded(**falling, accuracy=[0.4, 0.6, 0.8], validated=[0.5, 0.7, 0.8])
    wrong = bounded(**falling, accuracy=[0.2, 0.3, 0.4], validated=[0.2, 0.3, 0.4])
    stopped = EarlyStop("val_loss", "min", stopped=3)
    severities = [
        [str(finding.severity) for finding in diagnose_record(record)]
        for record in (right, wrong, replace(right, early_stop=stopped))
    ]
    assert severities == [["note"], ["warning"], ["warning"]]


def test_no_rate_is_blamed_for_a_gradient_of_zero():
    def experiment(change):
        return [2.3, 2.3] if change.rate < 10 else [2.3, 1.0]

    known = {"optimizer": Optimizer("SGD", rate=0.01), "experiment": experiment}
    values = curves([2.3, 2.3], accuracy=[0.1, 0.1])
    for update, expected in ((0.0, False), (1e-6, True)):
        record = Record(values, constant=TEN, measured=measured(update), **known)
        assert ("rate-low" in codes(record)) == expected


def test_labels_are_not_blamed_if_training_accuracy_is_at_chance():
    right = bounded(
        train=[2.3, 1.0, 0.2], validation=[2.3, 1.0, 0.2],
        accuracy=[0.1, 0.3, 0.9], validated=[0.1, 0.1, 0.1],
    )  # fmt: skip
    head = replace(right, history={**right.history, "accuracy": [0.1, 0.1, 0.1]})
    assert "labels-no-signal" in codes(right)
    assert "labels-no-signal" not in codes(head)  # only the loss falls, as with too few units


@pytest.mark.parametrize(
    ("count", "trained", "validated", "expected"),
    [
        (18, 0.674, 0.667, False),  # chance reaches 12 of 18 in 0.4% of samples
        (18, 0.674, 0.5, False),  # 12 of 18 would be no proof either
        (500, 0.95, 0.35, True),  # chance reaches 175 of 500 in 23%
        (500, 0.95, 0.38, False),  # and 190 in 1.6%
        (500, 0.35, 0.33, False),  # the training accuracy would not show
    ],
)
def test_labels_without_signal_need_evidence_of_it(count, trained, validated, expected):
    """Three classes alike; the tails are binomial."""
    hits = round(validated * count)
    tail = binom.sf(hits - 1, count, 1 / 3)
    assert (tail > 0.05) == (validated in (0.5, 0.35, 0.33))
    guess = Constant(count=count, accuracy=1 / 3, nll=float(np.log(3)))
    curves = {"loss": [1.0, 0.3], "accuracy": [0.4, trained]}
    curves |= {"val_loss": [1.1, 3.0], "val_accuracy": [0.4, validated]}
    record = Record(curves, constant=replace(guess, count=2000), validation_constant=guess)
    assert (check_label_signal(record) is not None) == expected
