"""Compare loss functions by what they have in common.

A focal loss of 0.1 and a cross-entropy of 0.1 are not the same. If a factor changes the loss, the
deltas are those of metrics that every variant has: the negative log-likelihood and the accuracy.
"""

import ablations
import cnnzoo

study = ablations.Study(
    "mlp",
    data="digits",
    factors={"loss": ["categorical_crossentropy", "focal", "mse"]},
    baseline={"loss": "categorical_crossentropy", "units": 32},
    seeds=6,
    recipe=cnnzoo.Recipe(epochs=4),
    metrics=["loss", "accuracy", "macro_f1"],
    name="losses",
)
results = ablations.run(study, engine="serial", progress=False)  # no workers for so little
columns = ["level", "metric", "baseline_mean", "level_mean", "delta", "verdict"]
print(results.deltas()[columns].round(3).to_string(index=False))
