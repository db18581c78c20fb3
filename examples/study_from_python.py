"""Measure what the number of hidden units is worth, with six paired seeds.

Run the script again to resume an interrupted study. Trials that are stored are not repeated.
"""

import ablations
import cnnzoo

study = ablations.Study(
    "mlp",
    data="digits",
    factors={"units": [4, 16, 64]},
    baseline={"units": 16},
    seeds=6,
    recipe=cnnzoo.Recipe(epochs=2),
    name="hidden-units",
)

planned = ablations.plan(study, engine="serial")
print(f"{len(planned)} trials of {planned['variant'].nunique()} variants")

results = ablations.run(study, progress=False)
columns = ["level", "metric", "delta", "ci_low", "ci_high", "n_pairs", "verdict"]
print(results.deltas()[columns].round(3).to_string(index=False))
print("report:", results.report("hidden_units.html", overwrite=True))
