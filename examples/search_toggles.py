"""Search two toggles of a model and one of its recipe.

The search is KerasTuner's random search. Each configuration is trained with two seeds, and
KerasTuner is told the mean. Run the script again to resume an interrupted search.
"""

import cnnzoo

results = cnnzoo.tune(
    "mlp",
    "digits",
    {"units": [8, 16, 32], "learning_rate": (1e-3, 1e-2), "batch_size": [16, 32]},
    tuner="random",
    trials=4,
    seeds=2,
    recipe=cnnzoo.Recipe(epochs=2),
    directory="searches/digits",
    progress=False,
)

print(results.best(3).to_string(index=False))  # the best configurations, as a table
model = cnnzoo.build("mlp", input_shape=(8, 8, 1), **results.best("model"))
print("parameters of the best model:", model.count_params())
