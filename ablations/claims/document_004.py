"""Claims of document 004, "Why is the PyTorch CNN loss not decreasing?"."""

from ablations.claims.claim import Claim, higher, increases, lower
from ablations.study import Study
from cnnzoo.toggle import Level
from cnnzoo.training.recipe import Recipe

SGD: dict[str, Level] = {"optimizer": "sgd", "learning_rate": 0.01}
"""Keras's default of SGD, as 0.001 is that of Adam."""

RARE: dict[str, Level] = {"imbalance": 50.0}

LEARNING_RATE = Study(
    "simple_cnn",
    baseline={"learning_rate": 0.001, "train_size": 1600},
    design="list",
    variants=[
        {"learning_rate": 0.01},
        {"learning_rate": 0.0001},
        {"learning_rate": 0.01, "schedule": "reduce-on-plateau"},
    ],
    seeds=12,
    recipe=Recipe(epochs=12),
    name="learning-rate",
)

IMBALANCE = Study(
    "simple_cnn",
    # as many examples in all variants, so that only their classes differ
    baseline={"train_size": 1000},
    design="list",
    variants=[RARE, {**RARE, "class_weight": "balanced"}],
    seeds=16,
    recipe=Recipe(epochs=12),
    metrics=("loss", "accuracy", "macro_f1"),
    name="imbalance",
)

NORMALIZATION = Study(
    "simple_cnn",
    baseline={"normalize": "standardize", "train_size": 1000},
    design="list",
    variants=[
        {"normalize": "unit"},
        {"normalize": "none"},
        SGD,
        {**SGD, "normalize": "unit"},
        {**SGD, "normalize": "none"},
    ],
    seeds=12,
    recipe=Recipe(epochs=5),
    name="input-normalization",
)

# About 400 steps in all variants, so that fewer examples do not mean less training.
SIZES: tuple[dict[str, Level], ...] = (
    {"train_size": 800, "epochs": 16},
    {"train_size": 400, "epochs": 31},
    {"train_size": 200, "epochs": 57},
)

SMALL_DATA = Study(
    "simple_cnn",
    baseline={"train_size": 1600},
    design="list",
    variants=[*SIZES, {**SIZES[-1], "augment": "crop"}],
    seeds=12,
    recipe=Recipe(epochs=8),
    metrics=("loss", "accuracy", "gap"),
    name="small-data",
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "C30",
        "learning-rates",
        ("004",),
        "With Adam a learning rate of 0.01 makes the loss bounce without settling, 0.0001 crawls "
        "and 0.001 is balanced; reducing it on a plateau helps",
        studies=(LEARNING_RATE,),
        hypotheses=(
            # A loss that does not settle is still high at the end. Margin: 0.02, where the right
            # class has a probability that is 2% lower.
            higher(
                "learning_rate=0.01 ends with a higher training loss than 0.001",
                "train_loss",
                {"learning_rate": 0.01},
                margin=0.02,
            ),
            # A loss that falls slowly has a high mean over the epochs. Margin: 0.1, a difference
            # of the curves that a plot shows.
            higher(
                "the training loss falls more slowly with learning_rate=0.0001 than with 0.001",
                "mean_loss",
                {"learning_rate": 0.0001},
                margin=0.1,
            ),
            lower(
                "reducing learning_rate=0.01 on a plateau lowers the test loss",
                "test_loss",
                {"learning_rate": 0.01, "schedule": "reduce-on-plateau"},
                {"learning_rate": 0.01},
                margin=0.02,
            ),
        ),
        data_needed="Any images; the document's are those of CIFAR-10, on which the loss has more "
        "room to bounce than on digits.",
        quick={"seeds": 8},
    ),
    Claim(
        "C31",
        "rare-classes",
        ("004",),
        "Under imbalance the loss is low while the rare classes have a poor F1, and class weights "
        "mend it",
        studies=(IMBALANCE,),
        hypotheses=(
            # Margin: as of the first hypothesis of C30.
            lower(
                "imbalance=50 lowers the training loss",
                "train_loss",
                RARE,
                margin=0.02,
            ),
            # Margin of F1: 0.02, one of the 50 test digits of a class.
            lower(
                "imbalance=50 lowers the macro F1 on balanced test data",
                "test_macro_f1",
                RARE,
                margin=0.02,
            ),
            higher(
                "balanced class weights raise the F1 of the rare classes",
                "test_minority_f1",
                {**RARE, "class_weight": "balanced"},
                RARE,
                margin=0.02,
            ),
        ),
        data_needed="Images of several classes with at least 1,000 training examples under an "
        "imbalance of 50.",
        quick={"seeds": 8},
    ),
    Claim(
        "C32",
        "raw-inputs",
        ("004",),
        "Inputs that are not normalized slow or break training",
        studies=(NORMALIZATION,),
        hypotheses=(
            # Slow or broken training has a low mean of the validation accuracy over the epochs.
            # Margin: 2 points of that mean, which a plot of the curves shows.
            lower(
                "with Adam, raw pixels lower the mean validation accuracy",
                "mean_val_accuracy",
                {"normalize": "none"},
                margin=0.02,
            ),
            lower(
                "with SGD, raw pixels lower the mean validation accuracy",
                "mean_val_accuracy",
                {**SGD, "normalize": "none"},
                SGD,
                margin=0.02,
            ),
        ),
        data_needed="Images that are stored as pixels of 0 to 255; mnist1d and digits are not.",
        quick={"seeds": 6},
    ),
    Claim(
        "C33",
        "too-little-data",
        ("004",),
        "Small data overfit, and augmentation reduces it",
        studies=(SMALL_DATA,),
        hypotheses=(
            # Margin: 1 point for each halving of the data, 3 from the largest to the smallest.
            increases(
                "the gap between training and validation accuracy grows as the data shrink",
                "gap",
                [{}, *SIZES],
                margin=0.01,
            ),
            # Margin: 2 points, the standard error of the accuracy of 500 validation digits at 75%.
            lower(
                "random crops narrow the gap of 200 examples",
                "gap",
                {**SIZES[-1], "augment": "crop"},
                SIZES[-1],
                margin=0.02,
            ),
        ),
        data_needed="Any images. The document's flips and rotations fit photos; a mirrored digit "
        "is not another view of it, so that crops stand for them here.",
        quick={"seeds": 6},
    ),
)
