"""What users give as metrics: read as texts, which name the columns."""

import inspect

import keras
import pytest
from helpers import own_metrics

from cnnzoo.toggle import ToggleError
from cnnzoo.training.metric_names import better_direction, column_of, name_of, snake_case
from cnnzoo.training.metric_texts import OF_KERAS, read_metrics, read_requested, requested

OWN = "helpers.own_metrics"


def test_names_of_keras_are_complete_and_have_a_direction():
    from keras.src.utils.naming import to_snake_case

    bases = {"Mean", "Sum", "Metric", "MeanMetricWrapper", "Accuracy"}
    public = inspect.getmembers(keras.metrics, lambda one: inspect.isclass(one) or callable(one))
    names = {name for name, _ in public} - bases - {"get", "serialize", "deserialize"}
    assert names == {*OF_KERAS}
    assert [name for name in OF_KERAS if better_direction(name_of(name)) is None] == []
    assert [name for name in OF_KERAS if snake_case(name) != to_snake_case(name)] == []


@pytest.mark.parametrize(
    ("given", "text", "column"),
    [
        ("accuracy", "accuracy", "test_accuracy"),
        ("test_accuracy", "accuracy", "test_accuracy"),
        ("val_recall[a (b], c]", "validation_recall[a (b], c]", "validation_recall[a (b], c]"),
        ("f1[min]", "f1[min]", "test_f1[min]"),
        (keras.metrics.AUC(), "AUC", "test_auc"),
        (keras.metrics.AUC, "AUC", "test_auc"),
        (keras.metrics.mean_squared_error, "mean_squared_error", "test_mean_squared_error"),
        (keras.losses.mean_squared_error, "mean_squared_error", "test_mean_squared_error"),
        (
            keras.metrics.TopKCategoricalAccuracy(k=3),
            "TopKCategoricalAccuracy(k=3)",
            "test_top_k_categorical_accuracy(k=3)",
        ),
        (
            keras.metrics.TopKCategoricalAccuracy(3, name="top3"),
            "TopKCategoricalAccuracy(k=3, name='top3')[max]",
            "test_top3[max]",
        ),
        (
            "train_AUC(num_thresholds = 50, curve='PR')",
            "train_AUC(curve='PR', num_thresholds=50)",
            "train_auc(curve='PR', num_thresholds=50)",
        ),
        ((own_metrics.share, "max"), f"{OWN}:share[max]", "test_share[max]"),
        ([f"{OWN}:share", "max"], f"{OWN}:share[max]", "test_share[max]"),
        (f"{OWN}:share[max]", f"{OWN}:share[max]", "test_share[max]"),
        (own_metrics.mean_error, f"{OWN}:mean_error", "test_mean_error"),
        ((own_metrics.mean_error, "min"), f"{OWN}:mean_error", "test_mean_error"),
        ((own_metrics.mean_error, "max"), f"{OWN}:mean_error[max]", "test_mean_error[max]"),
        (
            (own_metrics.HitRate(above=0.5), "max"),
            f"{OWN}:HitRate(above=0.5)[max]",
            "test_hit_rate(above=0.5)[max]",
        ),
    ],
)
def test_metric_is_read_as_a_stable_text(given, text, column):
    assert read_metrics([given]) == (text,)
    assert read_metrics(text) == (text,)
    assert column_of(text) == column
    name = column.removeprefix("test_")
    assert name_of(name) == name  # so that a name may stand for its metric


def test_name_that_the_user_gave_is_kept():
    given = keras.metrics.AUC(curve="PR", name="auc_pr")
    assert read_metrics(given) == ("AUC(curve='PR', name='auc_pr')[max]",)
    automatic = keras.metrics.AUC(curve="PR", name="auc_3")  # as Keras numbers them
    assert read_metrics(automatic) == ("AUC(curve='PR')",)


def test_metric_on_another_split_is_requested_once():
    given = ["loss", (own_metrics.share, "max"), "val_share", "train_share[max]", "val_AUC", "AUC"]
    texts = read_metrics(given)
    assert texts == (
        *("loss", f"{OWN}:share[max]", "validation_share[max]", "train_share[max]"),
        *("validation_AUC", "AUC"),
    )
    assert requested(texts) == ("AUC", f"{OWN}:share[max]")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            own_metrics.share,
            "expected whether lower or higher is better for share, whose name does not tell; give "
            f"('{OWN}:share', 'min') or ('{OWN}:share', 'max'), or '{OWN}:share[max]' in a text.",
        ),
        (
            lambda y_true, y_pred: 0,
            "expected a function or class defined at module level, so that a stored study can "
            f"name it; got <lambda> of {__name__}.",
        ),
        ("AUC(0.5)", "expected options as in name(option=value); got 'AUC(0.5)'."),
        (
            "AUC(k=open('x'))",
            "expected options as in name(option=value); got \"AUC(k=open('x'))\".",
        ),
        ("AUC(", "expected name, name(option=value) or name[class]; got 'AUC('."),
        *(
            (text, f"expected options as in name(option=value); got {text!r}.")
            for text in (
                "AUC(curve='PR')(name='x')",
                "AUC(**{'curve': 'PR'})",
                "AUC(num_thresholds=1e999)",
                "AUC(name=3)",
            )
        ),
        (
            (own_metrics.Forgetful(above=0.9), "max"),
            "expected all arguments of Forgetful in its `get_config`, so that a stored study can "
            "name them; it lacks above.",
        ),
        ("AUC[cat]", "expected 'min' or 'max' in the brackets of AUC; got [cat]."),
        (("recall[cat]", "min"), "expected 'max' for recall; got 'min'."),
        (
            keras.metrics.AUC(name="loss"),
            "expected another name for a custom metric; got loss, which is a metric of this "
            "package or begins as one of a split does. Rename it.",
        ),
        (
            ["some:share[max]", "other:share[max]"],
            "expected different names; got share[max] for some:share[max] and other:share[max]. "
            "Rename one, a metric of Keras by its argument `name`.",
        ),
    ],
)
def test_metric_that_cannot_be_read_is_refused(given, message):
    with pytest.raises(ToggleError) as caught:
        read_metrics([given] if not isinstance(given, list) else given)
    assert str(caught.value) == f"`metrics`: {message}"


def test_metric_of_the_doctor_is_of_studies_only():
    with pytest.raises(ToggleError) as caught:
        read_requested(["brier", "dead_units"])
    assert str(caught.value) == (
        "`metrics`: dead_units is measured in studies only; leave it out here."
    )


@pytest.mark.parametrize("name", ["recall", "recall[cat]x", "val_gap", "accuracy[cat]", "Mean"])
def test_unknown_name_is_refused(name):
    with pytest.raises(ToggleError, match=r"^`metrics`: (there is no metric|expected name)"):
        read_metrics(name)
