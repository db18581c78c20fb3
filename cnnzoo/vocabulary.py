"""The shared toggles: name, levels or range, meaning and condition of each, declared once.

A builder takes a toggle by annotating a parameter with its alias::

    def tiny(*, filters: Filters = 8, pool_size: PoolSize = 2) -> keras.Model: ...

Every builder takes the fields of `Shared`; a builder without hidden layers takes those of
`SharedByHeads`.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypedDict

from cnnzoo.toggle import Toggle

Filters = Annotated[
    int, Toggle("channels of the first stage", low=1, high=4096, search=(8, 128), log=True)
]
Growth = Annotated[
    float,
    Toggle(
        "factor by which the channels grow per stage",
        low=0.25,
        high=8.0,
        search=(1.0, 3.0),
        off=1.0,
    ),
]
Depth = Annotated[int, Toggle("convolution stages", low=1, high=64, search=(1, 6))]
ResidualDepth = Annotated[
    int, Toggle("layers with weights, 6n + 2 of them", levels=tuple(range(8, 117, 6)))
]
VggDepth = Annotated[
    int, Toggle("layers with weights in the original network", levels=(11, 13, 16, 19))
]
MobileNetDepth = Annotated[
    int, Toggle("separable blocks, counted from the first", low=1, high=13, search=(4, 13))
]
EfficientNetDepth = Annotated[
    int, Toggle("stages of inverted bottlenecks, counted from the first", low=1, high=7)
]
KernelSize = Annotated[
    int, Toggle("side of the convolution window, in pixels", low=1, high=31, search=(1, 7))
]
Strides = Annotated[
    int, Toggle("step of the convolution window, in pixels", low=1, high=8, search=(1, 3), off=1)
]
Padding = Annotated[
    Literal["valid", "same"], Toggle("whether the convolutions shrink the map or keep its size")
]
PaddingMode = Annotated[
    Literal["zeros", "reflect", "replicate"],
    Toggle("what stands beyond the border", when=("padding", ("same",))),
]
Dilation = Annotated[
    int,
    Toggle(
        "distance between the taps of a kernel, in pixels",
        low=1,
        high=16,
        search=(1, 3),
        off=1,
    ),
]
Conv = Annotated[
    Literal["standard", "separable"],
    Toggle("one convolution, or a depthwise one and a pointwise one"),
]
Pool = Annotated[Literal["max", "average", "none"], Toggle("what pooling takes from its window")]
PoolSize = Annotated[
    int,
    Toggle(
        "side of the pooling window and its step, in pixels",
        levels=(1, 2, 3, 4),
        when=("pool", ("max", "average")),
        off=1,
    ),
]
PoolStages = Annotated[
    int,
    Toggle(
        "stages that end in pooling, counted from the first",
        low=1,
        high=64,
        search=(1, 3),
        when=("pool", ("max", "average")),
    ),
]
Skip = Annotated[bool, Toggle("whether identity shortcuts bridge the blocks")]
SqueezeExcite = Annotated[bool, Toggle("whether each block weighs its channels by their means")]
Units = Annotated[
    int, Toggle("width of a hidden layer", low=1, high=65536, search=(16, 512), log=True)
]
HiddenLayers = Annotated[int, Toggle("hidden layers", low=0, high=64, search=(1, 4), off=0)]
Head = Annotated[
    Literal["flatten", "average"],
    Toggle("what the last layer sees: every position, or each channel's mean over the map"),
]

Backbone = Annotated[
    Literal[
        "mobilenet",
        "mobilenet_v2",
        "mobilenet_v3_small",
        "mobilenet_v3_large",
        "nasnet_mobile",
        "efficientnet_b0",
        "efficientnet_v2_b0",
        "densenet121",
        "resnet50",
        "resnet50_v2",
        "vgg16",
        "xception",
        "inception_v3",
        "inception_resnet_v2",
        "convnext_tiny",
    ],
    Toggle("network of keras.applications that turns an image into features"),
]

Activation = Annotated[
    Literal["relu", "leaky_relu", "gelu", "silu", "tanh", "sigmoid", "linear"],
    Toggle("nonlinearity of the hidden layers", default="relu", off="linear"),
]
Normalization = Annotated[
    Literal["none", "batch", "layer", "group"],
    Toggle("over what the hidden activations are normalized", default="none"),
]
NormMomentum = Annotated[
    float,
    Toggle(
        "share of the old value that a step leaves in BatchNormalization's moving averages",
        low=0.0,
        high=0.9999,
        search=(0.5, 0.99),
        when=("normalization", ("batch",)),
        default=0.99,
    ),
]
NormPosition = Annotated[
    Literal["before", "after"],
    Toggle(
        "whether normalization stands before or after the activation",
        when=("normalization", ("batch", "layer", "group")),
        default="before",
    ),
]
Dropout = Annotated[
    float,
    Toggle(
        "share of the head's inputs zeroed in training", low=0.0, high=0.95, default=0.0, off=0.0
    ),
]
WeightDecay = Annotated[
    float,
    Toggle(
        "factor of the L2 penalty on the kernels; reported losses leave the penalty out",
        low=0.0,
        high=1.0,
        search=(0.0, 0.01),
        default=0.0,
        off=0.0,
    ),
]
KernelInitializer = Annotated[
    Literal[
        "glorot_uniform",
        "glorot_normal",
        "he_uniform",
        "he_normal",
        "lecun_normal",
        "orthogonal",
        "random_normal",
    ],
    Toggle("distribution that the kernels start from", default="glorot_uniform"),
]
Loss = Annotated[
    Literal[
        "sparse_categorical_crossentropy",
        "categorical_crossentropy",
        "binary_crossentropy",
        "categorical_hinge",
        "focal",
        "mse",
        "mae",
        "huber",
    ],
    Toggle("what training minimizes", default="sparse_categorical_crossentropy"),
]
LabelSmoothing = Annotated[
    float,
    Toggle(
        "share of a label's weight spread over all classes",
        low=0.0,
        high=0.9,
        search=(0.0, 0.3),
        when=("loss", ("categorical_crossentropy", "binary_crossentropy", "focal")),
        default=0.0,
        off=0.0,
    ),
]
Logits = Annotated[
    bool,
    Toggle(
        "whether the head gives logits and leaves softmax or sigmoid to the loss",
        when=(
            "loss",
            (
                "sparse_categorical_crossentropy",
                "categorical_crossentropy",
                "binary_crossentropy",
                "focal",
            ),
        ),
        default=False,
    ),
]
Optimizer = Annotated[
    Literal["adam", "adamw", "sgd", "momentum", "rmsprop"],
    Toggle("rule that turns gradients into steps", default="adam"),
]
LearningRate = Annotated[
    float,
    Toggle(
        "size of the optimizer's steps",
        low=1e-8,
        high=100.0,
        search=(1e-4, 1e-1),
        log=True,
        default=1e-3,
    ),
]

Epochs = Annotated[
    int, Toggle("passes over the training data", low=1, high=100_000, search=(1, 20))
]
BatchSize = Annotated[
    int, Toggle("examples per step", low=1, high=65536, search=(16, 256), log=True)
]
Schedule = Annotated[
    Literal["constant", "cosine", "step", "reduce-on-plateau"],
    Toggle("course of the learning rate", off="constant"),
]
Augment = Annotated[
    Literal["none", "crop", "flip", "vertical_flip", "color_jitter", "cutout", "cutmix", "mixup"],
    Toggle("random changes to the training images, drawn anew each epoch", joined=True),
]
ClassWeight = Annotated[
    # a recipe also takes the weights themselves
    str | Sequence[float] | Mapping[int, float],
    Toggle("how much each class counts in the loss", levels=("none", "balanced")),
]
Precision = Annotated[
    Literal["float32", "mixed_bfloat16", "mixed_float16"],
    Toggle(
        "format of the numbers that hidden layers compute with; weights and losses have float32",
        off="float32",
    ),
]
EarlyStopping = Annotated[
    int,
    Toggle(
        "epochs without a lower validation loss after which training stops; 0 for never",
        low=0,
        high=100_000,
        search=(0, 10),
        off=0,
    ),
]

ImageSize = Annotated[
    int | str | tuple[int, int],  # a level is a whole number or a text; a tuple becomes a text
    Toggle(
        "side in pixels to which images are resized, or height and width; 0 as stored",
        low=0,
        high=16384,
        search=(32, 256),
        off=0,
        paired=True,
    ),
]
Interpolation = Annotated[
    Literal[
        "bilinear",
        "nearest",
        "bicubic",
        "area",
        "lanczos3",
        "lanczos5",
        "mitchellcubic",
    ],
    Toggle("how resized images are sampled"),
]
SkipBad = Annotated[bool, Toggle("whether image files that cannot be read are left out")]
Normalize = Annotated[
    Literal["unit", "standardize", "none"],
    Toggle("scale of the inputs: 0 to 1, mean 0 and deviation 1 over the training data, as stored"),
]
TrainSize = Annotated[
    float,
    Toggle(
        "training examples kept, balanced by class: a share up to 1, or a number",
        low=0.0,
        high=1e9,
        search=(0.1, 1.0),
        count_above=1.0,
    ),
]
LabelNoise = Annotated[
    float,
    Toggle("share of the training labels replaced by another class", low=0.0, high=1.0, off=0.0),
]
TargetOutliers = Annotated[
    float,
    Toggle(
        "share of the training targets of a regression replaced by outliers",
        low=0.0,
        high=1.0,
        search=(0.0, 0.2),
        off=0.0,
    ),
]
Imbalance = Annotated[
    float,
    Toggle(
        "examples of the most frequent training class for one of the rarest",
        low=1.0,
        high=1e6,
        search=(1.0, 100.0),
        log=True,
        off=1.0,
    ),
]
ValidationShare = Annotated[
    float,
    Toggle(
        "share of the examples for the validation split, unless the source has one",
        low=0.0,
        high=1.0,
        off=0.0,
        fixed=True,
    ),
]
TestShare = Annotated[
    float,
    Toggle(
        "share of the examples for the test split, unless the source has one",
        low=0.0,
        high=1.0,
        off=0.0,
        fixed=True,
    ),
]


class Purpose(TypedDict, total=False):
    """Arguments that are not toggles: shapes, seed and name of the model."""

    input_shape: tuple[int, ...]
    classes: int
    compile: bool
    seed: int | None
    name: str | None


PURPOSE: Mapping[str, object] = Purpose(
    input_shape=(28, 28, 1), classes=10, compile=True, seed=None, name=None
)
"""Default values. They are not toggles and cannot be factors of a study."""


class Hidden(TypedDict, total=False):
    """Toggles of models with hidden layers."""

    activation: Activation
    normalization: Normalization
    norm_momentum: NormMomentum
    norm_position: NormPosition


class Headed(TypedDict, total=False):
    """Toggles of every model: its head and its compilation."""

    dropout: Dropout
    weight_decay: WeightDecay
    kernel_initializer: KernelInitializer
    loss: Loss
    label_smoothing: LabelSmoothing
    logits: Logits
    optimizer: Optimizer
    learning_rate: LearningRate


class Shared(Purpose, Hidden, Headed, total=False):
    """Arguments of every builder: the purpose of the model, then the shared toggles."""


class SharedByHeads(Purpose, Headed, total=False):
    """Arguments of a builder whose only new layer is the head."""
