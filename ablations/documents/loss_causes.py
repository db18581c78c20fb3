"""Document 000, "What causes loss in convolutional layers?": its ablations."""

from ablations.study import Study
from cnnzoo.recipe import Recipe

STUDIES = {
    "downsampling": Study(  # C01: the larger the pooling window, the higher the loss
        "downsampling",
        factors={"pool_size": [1, 2, 3, 4]},
        seeds=6,
        recipe=Recipe(epochs=3),
    ),
}
