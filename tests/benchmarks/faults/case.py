"""Cases of the two suites: what is built, which finding is right, what proves the label."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import keras
import numpy as np

HALVES = ("development", "scored")


@dataclass
class Run:
    """A compiled model with its data, as a user would hand them to `fit`.

    `task` says how predictions are scored, apart from the model's own metrics: "classes" (largest
    output), "binary" (probability above 1/2), "logit" (above 0), "several" (each label apart) or
    "numbers" (R2). `validation` is None if `fit` splits it off (`validation_split`).
    """

    model: keras.Model
    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray] | None
    fit: dict[str, Any] = field(default_factory=dict)
    task: str = "classes"

    def held_out(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that `fit` validates on, as Keras splits them."""
        if self.validation is not None:
            return self.validation
        kept = int(len(self.train[0]) * (1 - self.fit["validation_split"]))
        return self.train[0][kept:], self.train[1][kept:]

    def fitted(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that `fit` trains on."""
        if self.validation is not None:
            return self.train
        kept = int(len(self.train[0]) * (1 - self.fit["validation_split"]))
        return self.train[0][:kept], self.train[1][:kept]


@dataclass(frozen=True)
class Outcome:
    """What a training must show for its label to be true: a sentence, and its check.

    `check` receives the numbers of `measure.measure`.
    """

    text: str
    check: Callable[[dict[str, Any]], bool]


@dataclass(frozen=True)
class Case:
    """A program with its label.

    `codes` holds the codes of findings that name the cause, the expected one first; a healthy
    program has none. `build` returns a new `Run`; a faulty program's `mended` returns its twin
    without the fault, and `mended_outcome` is what the twin must show.
    """

    name: str
    kind: str
    codes: tuple[str, ...]
    build: Callable[[], Run]
    outcome: Outcome
    mended: Callable[[], Run] | None = None
    mended_outcome: Outcome | None = None
    source: str = ""
    question: str = ""

    def make(self, *, mended: bool = False) -> Run:
        """Build the program with seeded weights; the twin has the same seed."""
        keras.backend.clear_session()
        keras.utils.set_random_seed(crc32(self.name.encode()) % 2**31)
        build = self.mended if mended else self.build
        if build is None:
            raise ValueError(f"{self.name} has no mended twin.")
        return build()


def halves(cases: list[Case]) -> dict[str, str]:
    """Return the half of each case by name: within a kind, in turn by the hash of the name.

    Examples
    --------
    >>> cases = [Case(name, "k", (), Run, chance()) for name in "abcd"]
    >>> sorted(halves(cases).values())
    ['development', 'development', 'scored', 'scored']
    """
    assigned = {}
    for kind in {case.kind for case in cases}:
        names = sorted((c.name for c in cases if c.kind == kind), key=lambda n: crc32(n.encode()))
        start = crc32(kind.encode()) % 2
        assigned |= {name: HALVES[(start + i) % 2] for i, name in enumerate(names)}
    return assigned


def chance(tolerance: float = 0.05) -> Outcome:
    """Expect a validation score that is no better than the best constant answer's."""
    return Outcome(
        f"validation score at most {tolerance} above a constant answer's",
        lambda m: m["finite"] and m["score"] <= m["constant"] + tolerance,
    )


def below(score: float) -> Outcome:
    """Expect a validation score below a number that the mended twin exceeds."""
    return Outcome(f"validation score below {score}", lambda m: m["score"] < score)


def above(score: float) -> Outcome:
    """Expect a finite loss, a validation score above a number, and no large gap to training."""
    return Outcome(
        f"validation score above {score}, at most 0.15 below training's",
        lambda m: m["finite"] and m["score"] > score and m["train_score"] - m["score"] <= 0.15,
    )


def not_finite() -> Outcome:
    """Expect a loss that is NaN or infinite."""
    return Outcome("loss is not finite", lambda m: not m["finite"])


def broken() -> Outcome:
    """Expect a loss that is not finite, or a score at chance: ReLU turns NaN to 0 on some CPUs."""
    return Outcome(
        "loss is not finite, or validation score at most 0.05 above a constant answer's",
        lambda m: not m["finite"] or m["score"] <= m["constant"] + 0.05,
    )


def raises(text: str) -> Outcome:
    """Expect that `fit` raises an error with this text, or that the loss is not finite."""
    return Outcome(
        f'an error with "{text}", or a loss that is not finite',
        lambda m: text in m["error"] or not m["finite"],
    )


def gap(size: float) -> Outcome:
    """Expect a training score that is much better than the validation score."""
    return Outcome(
        f"training score at least {size} above validation's",
        lambda m: m["train_score"] - m["score"] >= size,
    )


def minority_lost(recall: float = 0.1) -> Outcome:
    """Expect a class of which almost nothing is found."""
    return Outcome(f"recall of a class below {recall}", lambda m: m["least_recall"] < recall)


def minority_found(recall: float) -> Outcome:
    """Expect that every class is found."""
    return Outcome(
        f"recall of each class above {recall}",
        lambda m: m["finite"] and m["least_recall"] > recall,
    )


def overfitted(size: float) -> Outcome:
    """Expect a gap between the scores, and a validation loss that has turned."""
    return Outcome(
        f"training score {size} above validation's, validation loss 1.1 times its best",
        lambda m: (
            m["train_score"] - m["score"] >= size and m["val_loss"] > 1.1 * m["val_loss_best"]
        ),
    )


def unstable(share: float) -> Outcome:
    """Expect a training loss that rises in many epochs."""
    return Outcome(
        f"training loss rises in at least {share} of the epochs",
        lambda m: m["rises"] >= share,
    )


def diverged() -> Outcome:
    """Expect a regression that is far worse than a constant answer, with finite loss."""
    return Outcome("R2 below -10, loss finite", lambda m: m["finite"] and m["score"] < -10)


def modes_differ(size: float) -> Outcome:
    """Expect the same rows to be predicted far worse in inference than in training mode."""
    return Outcome(
        f"score on the training rows {size} lower in inference than in training mode",
        lambda m: m["training_mode_score"] - m["train_score"] >= size,
    )


def arithmetic(text: str, check: Callable[[dict[str, Any]], bool]) -> Outcome:
    """Expect a fact about the program's data and metrics, not about how well it learns."""
    return Outcome(text, check)
