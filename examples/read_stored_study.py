"""Read a stored study into pandas, without Keras.

`study_from_python.py` writes the study. Give another directory as the argument.
"""

import sys

import ablations

directory = sys.argv[1] if len(sys.argv) > 1 else "studies/hidden-units"
results = ablations.open_results(directory)

trials = results.trials  # one row per trial
by_variant = trials.pivot_table(index="seed", columns="variant", values="test_accuracy")
print(by_variant.round(3))
print(trials.groupby("variant")["fit_seconds"].median().round(2))

history = results.history  # one row per epoch
print(history.groupby(["variant", "epoch"])["val_loss"].mean().unstack().round(3))
