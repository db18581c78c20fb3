import pandas as pd
import pytest

from ablations.stats import StatisticsError, common_metrics, direction


@pytest.mark.parametrize(
    "metric", ["loss", "test_loss", "test_nll", "val_mae", "params", "seconds"]
)
def test_less_is_better(metric):
    assert direction(metric) == "lower"


@pytest.mark.parametrize("metric", ["accuracy", "test_macro_f1", "val_f1_score", "top_5_accuracy"])
def test_more_is_better(metric):
    assert direction(metric) == "higher"


def test_the_users_own_direction_comes_first():
    assert direction("test_loss", {"test_loss": "higher"}) == "higher"


def test_an_unknown_direction_is_not_guessed():
    with pytest.raises(StatisticsError) as caught:
        direction("bleu")
    assert str(caught.value) == (
        "whether lower or higher is better is not known for the metric `bleu`. Give "
        "directions={'bleu': 'lower'} or 'higher'; known without it are names that end in loss, "
        "nll, mae, mse, rmse, error, params, macs, seconds, bytes, epochs, accuracy, f1, f1_score, "
        "auc, precision, recall, r2, f_beta_score, fbeta_score, r2_score, binary_io_u, "
        "cosine_similarity, concordance_correlation, pearson_correlation."
    )


def test_a_metric_that_only_contains_a_known_name_is_not_known():
    with pytest.raises(StatisticsError):
        direction("glossiness")


def test_losses_of_one_kind_are_compared_and_of_two_are_not():
    trials = pd.DataFrame({"variant": ["baseline", "a", "b", "c"]})
    kinds = {"baseline": "crossentropy", "a": "crossentropy", "b": "mse"}
    table = common_metrics(trials, ["train_loss", "test_nll"], kinds)
    apart = table[~table["comparable"]]
    assert list(apart["variant"]) == ["b"]
    assert list(apart["metric"]) == ["train_loss"]
    assert set(table["variant"]) == {"a", "b", "c"}


def test_label_smoothing_makes_another_loss():
    trials = pd.DataFrame({"variant": ["baseline", "a"]})
    kinds = {"baseline": "crossentropy", "a": "crossentropy, label_smoothing=0.1"}
    assert common_metrics(trials, ["loss"], kinds)["comparable"].tolist() == [False]
