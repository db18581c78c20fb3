import pandas as pd
import pytest

from ablations.stats import StatisticsError, common_metrics, direction


@pytest.mark.parametrize(
    "metric", ["loss", "test_loss", "test_nll", "val_mae", "params", "seconds", "gap", "loss_gap"]
)
def test_lower_is_better(metric):
    assert direction(metric) == "lower"


@pytest.mark.parametrize("metric", ["accuracy", "test_macro_f1", "val_f1_score", "top_5_accuracy"])
def test_higher_is_better(metric):
    assert direction(metric) == "higher"


def test_direction_of_the_user_takes_precedence():
    assert direction("test_loss", {"test_loss": "higher"}) == "higher"


def test_unknown_direction_is_not_guessed():
    with pytest.raises(StatisticsError) as caught:
        direction("bleu")
    assert str(caught.value) == (
        "`directions`: expected an entry for the metric bleu, because its name does not tell "
        "whether lower or higher is better. Pass directions={'bleu': 'lower'} or 'higher'; known "
        "are names that end in loss, nll, mae, mse, rmse, error, ece, brier, params, macs, "
        "seconds, bytes, epochs, gap, dead_units, crossentropy, hinge, huber, kl_divergence, "
        "log_cosh, poisson, false_negatives, false_positives, accuracy, f1, f1_score, auc, "
        "precision, recall, r2, f_beta_score, fbeta_score, r2_score, io_u, cosine_similarity, "
        "concordance_correlation, pearson_correlation, true_negatives, true_positives, "
        "sensitivity, specificity, gradient_ratio."
    )


def test_misspelt_direction_is_refused():
    with pytest.raises(StatisticsError) as caught:
        direction("bleu", {"bleu": "max"})
    assert str(caught.value) == "`directions`: expected 'lower' or 'higher' for bleu; got 'max'."


def test_only_the_end_of_a_name_counts():
    with pytest.raises(StatisticsError):
        direction("glossiness")


def test_only_losses_of_one_kind_are_compared():
    trials = pd.DataFrame({"variant": ["baseline", "a", "b", "c"]})
    kinds = {"baseline": "crossentropy", "a": "crossentropy", "b": "mse"}
    table = common_metrics(trials, ["train_loss", "test_nll", "loss_gap", "gap"], kinds)
    apart = table[~table["comparable"]]
    assert list(apart["variant"]) == ["b", "b"]
    assert list(apart["metric"]) == ["train_loss", "loss_gap"]
    assert set(table["variant"]) == {"a", "b", "c"}


def test_label_smoothing_makes_another_loss():
    trials = pd.DataFrame({"variant": ["baseline", "a"]})
    kinds = {"baseline": "crossentropy", "a": "crossentropy, label_smoothing=0.1"}
    assert common_metrics(trials, ["loss"], kinds)["comparable"].tolist() == [False]
