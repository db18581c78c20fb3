"""Build a model of the zoo with other toggles, and see what they change.

Every choice of a model is a keyword with a default. `cnnzoo.toggles` lists them, and a value that
is not allowed is refused before anything is built.
"""

import cnnzoo

toggles = cnnzoo.toggles("downsampling")
print("pool_size:", toggles["pool_size"].meaning)
print("allowed:", toggles["pool_size"].allowed)

model = cnnzoo.build("downsampling", pool_size=3, filters=16, normalization="batch", seed=0)
layers = cnnzoo.describe(model)
print(layers[["layer", "output_shape", "params", "macs"]].to_string(index=False))
print("parameters:", layers["params"].sum())

try:
    cnnzoo.build("downsampling", pool_size=5)
except cnnzoo.ToggleError as error:
    print("refused:", error)
