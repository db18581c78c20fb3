"""Claims of document 002, "How does TensorFlow's loss function impact CNN performance?".

Losses of different kinds are compared by accuracy, or by MAE and RMSE for a regression. The
smallest effects that matter are fixed here, before any trial of these seeds is seen.
"""

from ablations.claims.claim import Cell, Claim, Hypothesis, higher, lower
from ablations.study import Study
from cnnzoo.training.recipe import Recipe

ACCURACY = 0.005
"""Smallest difference of accuracy that matters; a few of the 500 test examples of a seed."""

ANGLE = 0.01
"""Smallest difference of the error of an angle that matters, 0.45 degrees, in units of 45."""

MAE, OUTLIERS = Cell(loss="mae"), Cell(target_outliers=0.2)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "C13",
        "loss-for-classification",
        ("002",),
        "For classification, cross-entropy is more accurate and converges faster than the mean "
        "squared error",
        studies=(
            Study(
                "loss_choice",
                factors={"loss": ["categorical_crossentropy", "mse"]},
                baseline={"loss": "categorical_crossentropy", "filters": 8},
                seeds=20,
                recipe=Recipe(epochs=3),
                metrics=("accuracy",),
                name="cross-entropy-or-mse",
            ),
        ),
        hypotheses=(
            lower(
                "MSE has a lower test accuracy",
                "test_accuracy",
                {"loss": "mse"},
                margin=ACCURACY,
            ),
            lower(
                "MSE converges slower: it has a lower mean validation accuracy over the epochs",
                "mean_val_accuracy",
                {"loss": "mse"},
                margin=ACCURACY,
            ),
        ),
        data_needed="Any classes. Ten balanced classes of digits are easy for both losses; many "
        "classes and long trainings differ more.",
        quick={"seeds": 6, "train_size": 1000, "epochs": 2},
    ),
    Claim(
        "C14",
        "sparse-labels",
        ("002",),
        "Sparse and categorical cross-entropy give the same loss, and the sparse one is more "
        "efficient",
        studies=(
            Study(
                "loss_choice",
                factors={"loss": ["sparse_categorical_crossentropy", "categorical_crossentropy"]},
                baseline={"filters": 8, "train_size": 2000},
                seeds=20,
                recipe=Recipe(epochs=3),
                name="label-encoding",
            ),
        ),
        hypotheses=(
            higher(
                "Categorical cross-entropy takes longer to fit",
                "fit_seconds",
                {"loss": "categorical_crossentropy"},
                margin=0.05,  # seconds, a few percent of the duration of a fit
            ),
        ),
        check="sparse_and_categorical",
        data_needed="Many classes: a label takes 4 bytes per class as a one-hot row, and 8 as an "
        "id. With the ten classes of the digits the difference in time is hardly measurable.",
        quick={"seeds": 6, "train_size": 1000},
    ),
    Claim(
        "C15",
        "robust-regression",
        ("002",),
        "Under outliers in the targets, the mean absolute error is a better loss than the mean "
        "squared error",
        studies=(
            Study(
                "loss_choice",
                data="rotation",
                factors={"loss": ["mse", "mae"], "target_outliers": [0.0, 0.1, 0.2]},
                baseline={"loss": "mse", "target_outliers": 0.0, "filters": 8, "train_size": 2000},
                design="full-factorial",
                seeds=20,
                recipe=Recipe(epochs=5),
                metrics=("mae", "rmse"),
                name="outliers",
            ),
        ),
        hypotheses=(
            lower(
                "With 20% outliers, training on MAE gives a lower test MAE",
                "test_mae",
                {**MAE, **OUTLIERS},
                OUTLIERS,
                margin=ANGLE,
            ),
            lower(
                "With 20% outliers, training on MAE gives a lower test RMSE too",
                "test_rmse",
                {**MAE, **OUTLIERS},
                OUTLIERS,
                margin=ANGLE,
            ),
            Hypothesis(
                "20% outliers raise the test RMSE of training on MSE by more than that on MAE",
                "test_rmse",
                (
                    (OUTLIERS, 1.0),
                    (Cell(), -1.0),
                    (Cell({**MAE, **OUTLIERS}), -1.0),
                    (MAE, 1.0),
                ),
                margin=ANGLE,
            ),
        ),
        data_needed="A regression with known outliers: the angle of rotated digits. The targets of "
        "the test split are clean, so the error is that of the angle itself.",
        fixed_data=True,
        quick={"seeds": 8, "train_size": 1000},
    ),
    Claim(
        "C16",
        "hinge-loss",
        ("002",),
        "Hinge loss can train a CNN",
        studies=(
            Study(
                "loss_choice",
                factors={"loss": ["categorical_crossentropy", "categorical_hinge"]},
                baseline={
                    "loss": "categorical_crossentropy",
                    "filters": 8,
                    "train_size": 2000,
                },
                seeds=10,
                recipe=Recipe(epochs=3),
                metrics=("accuracy",),
                name="hinge",
            ),
        ),
        hypotheses=(
            Hypothesis(
                "Hinge loss reaches a test accuracy of 50%, five times chance",
                "test_accuracy",
                ((Cell(loss="categorical_hinge"), 1.0),),
                constant=0.5,
                margin=0.01,
            ),
            Hypothesis(
                "Hinge loss reaches 90% of the test accuracy of cross-entropy",
                "test_accuracy",
                ((Cell(loss="categorical_hinge"), 1.0), (Cell(), -0.9)),
                margin=0.01,
            ),
        ),
        data_needed="Any classes.",
        quick={"seeds": 6, "train_size": 1000},
    ),
)
"""The claims of the document, in the order of their numbers."""
