"""Cases of the doctor's two suites are well-formed; the benchmark verifies their outcomes."""

import warnings
from collections import Counter

import numpy as np
import pytest
from benchmarks import doctor_recall
from benchmarks.faults import healthy, planted, questions
from benchmarks.faults.case import HALVES, Case, halves
from benchmarks.faults.measure import constant_score, labels, least_recall, score

from cnnzoo.doctor.codes import CODES

ALL = [*planted.CASES, *healthy.CASES, *questions.CASES]
EVERY = 24
"""One of so many cases is built here; the benchmark's `--verify` builds and trains all."""


def test_names_are_unique():
    assert [name for name, n in Counter(case.name for case in ALL).items() if n > 1] == []


def test_codes_are_in_the_vocabulary():
    assert {code for case in ALL for code in case.codes} <= CODES.keys()


def test_only_healthy_programs_have_no_code():
    assert [case.name for case in ALL if (not case.codes) != (case.kind == "healthy")] == []


def test_there_are_forty_kinds_in_two_variants():
    kinds = Counter(case.kind for case in planted.CASES)
    assert len(kinds) >= 40
    assert min(kinds.values()) >= 2


def test_healthy_programs_are_as_many_as_faulty_ones():
    assert len(healthy.CASES) >= len(planted.CASES)


def test_every_question_has_a_source_and_a_twin():
    assert len(questions.CASES) >= 30
    assert all(case.source.startswith("http") and case.question for case in questions.CASES)
    assert all(case.mended and case.mended_outcome for case in questions.CASES)


@pytest.mark.parametrize("cases", [planted.CASES, healthy.CASES], ids=["planted", "healthy"])
def test_each_kind_is_in_both_halves(cases):
    half = halves(cases)
    kinds = {(case.kind, half[case.name]) for case in cases}
    assert kinds == {(case.kind, name) for case in cases for name in HALVES}


@pytest.mark.parametrize("case", ALL[::EVERY], ids=lambda case: case.name)
def test_case_builds_with_matching_shapes(case: Case):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of some of the faults
        run = case.make()
    x, y = run.held_out()
    assert len(x) == len(y) > 0
    assert len(run.train[0]) == len(run.train[1])
    assert run.model.input_shape[1:] == x.shape[1:]
    assert run.model.loss is not None


def test_weights_of_a_case_repeat():
    case = next(case for case in planted.CASES if case.name == "sgd-rate-of-ten")
    first, second = case.make().model.get_weights(), case.make(mended=True).model.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_scores_by_hand():
    one_hot = np.eye(3)[[0, 1, 2, 2]]
    outputs = np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.6, 0.2, 0.2], [0.1, 0.2, 0.7]])
    assert score(one_hot, outputs, "classes") == 3 / 4
    assert least_recall(one_hot, outputs, "classes") == 1 / 2
    assert constant_score(one_hot, "classes") == 2 / 4
    assert list(labels(one_hot, "classes")) == [0, 1, 2, 2]
    assert score(np.array([1, 0]), np.array([[-0.3], [0.2]]), "logit") == 0
    assert score(np.array([[1, 0]]), np.array([[0.7, 0.6]]), "several") == 1 / 2
    # R2: 1 - (0.25 + 0.25) / (1 + 1)
    assert score(np.array([1.0, 3.0]), np.array([[1.5], [2.5]]), "numbers") == 0.75


def test_report_counts_by_hand():
    known = {
        "planted": {
            "a": Case("a", "k", ("rate-high", "dead-units"), None, planted.above(0)),
            "b": Case("b", "k", ("rate-high",), None, planted.above(0)),
        },
        "healthy": {"c": Case("c", "healthy", (), None, planted.above(0))},
        "questions": {"q": Case("q", "question", ("overfit",), None, planted.above(0))},
    }
    warning = [{"code": "dead-units", "severity": "warning"}]
    symptom = {"code": "at-chance", "severity": "error"}
    records = {
        "planted/a": {"check": warning, "doctor": [symptom]},
        "planted/b": {"check": warning, "doctor": [{"code": "rate-high", "severity": "note"}]},
        "healthy/c": {"check": [{"code": "leak", "severity": "error"}]},
        "questions/q": {"check": [symptom, {"code": "overfit", "severity": "note"}]},
        "questions/q/mended": {"check": []},
    }
    text = doctor_recall.planted_report(known, records, "both")
    assert "Named (recall): 1 of 2 (50.0%); by the expected code itself: 0 of 2 (0.0%)." in text
    assert "Healthy programs with an error: 1 of 1 (100.0%)" in text
    assert "| k | rate-high | 2 | 1 | 0 | b | dead-units |" in text
    assert "| dead-units | 2 | 1 | 50% |" in text
    assert "| at-chance | 1 | 1 | 100% |" in text
    assert "| leak | 1 | 0 | 0% |" in text
    answer = doctor_recall.questions_report(known, records)
    assert "Right cause first: 1 of 1 (100.0%); among the first three: 1 of 1 (100.0%)." in answer
    assert "Mended twins with an error or a warning: 0 of 1 (0.0%)." in answer
