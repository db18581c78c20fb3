"""Compile models by the toggles of their loss and optimizer."""

from collections.abc import Mapping
from typing import Any

import keras

from cnnzoo.data.targets import Classes
from cnnzoo.models.compiled_loss import head_of, outputs_of
from cnnzoo.models.losses import LOSSES, LossChoice
from cnnzoo.models.model_loss import names_of_outputs
from cnnzoo.models.optimizers import make_optimizer
from cnnzoo.toggle import ToggleError

PROBABILITIES = ("softmax", "sigmoid")


def compile_model(
    model: keras.Model,
    choice: LossChoice,
    classes: int,
    *,
    logits: bool = False,
    label_smoothing: float = 0.0,
    optimizer: str = "adam",
    learning_rate: float = 1e-3,
    weight_decay: float = 0.0,
) -> None:
    """Compile a model by the levels of its toggles.

    Parameters
    ----------
    model
        A built ``keras.Model``.
    choice
        The loss choice.
    classes
        Number of classes; 1 for a regression.
    logits, label_smoothing, optimizer, learning_rate, weight_decay
        Levels of the toggles of these names.
    """
    made = make_optimizer(optimizer, learning_rate, weight_decay)
    if model.dtype_policy.name == "mixed_float16":
        # Keras would wrap it too, but a saved model would be loaded without the wrapper
        made = keras.optimizers.LossScaleOptimizer(made)
    model.compile(
        optimizer=made,
        loss=choice.loss(label_smoothing=label_smoothing, logits=logits),
        metrics=choice.metrics(classes, logits=logits),
        # Keras uses XLA on GPUs by default. It needs CUDA components that TensorFlow does
        # not install, fails for some models, and is off in deterministic trials.
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    # otherwise a model saved before its first step is loaded with a warning
    model.optimizer.build(model.trainable_variables)


def compile_custom(
    model: keras.Model, levels: Mapping[str, Any], classes: Classes | None, owner: str
) -> None:
    """Compile a model that a custom builder returned uncompiled; leave a compiled one as it is.

    Parameters
    ----------
    model
        The model, with weights.
    levels
        Levels of `cnnzoo.shared_toggles.COMPILATION`. The default loss is "mse" for a
        regression, "binary_crossentropy" for one output unit, and
        "sparse_categorical_crossentropy" otherwise. Outputs that end in neither softmax nor
        sigmoid are logits.
    classes
        Number of classes of the data, of one output or of each; None if unknown.
    owner
        Name of the builder, for errors.

    Raises
    ------
    ToggleError
        If the model is compiled already and levels are given, or the loss does not fit it.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    >>> compile_custom(model, {"optimizer": "sgd"}, 4, "build")
    >>> model.loss.name, model.loss.get_config()["from_logits"], type(model.optimizer).__name__
    ('sparse_categorical_crossentropy', True, 'SGD')
    """
    if getattr(model, "compiled", False):
        for name, level in levels.items():
            raise ToggleError(
                f"`{name}` of `{owner}`: expected no level, because the builder compiles its "
                f"models itself; got {level!r}. Return them uncompiled, or make `{name}` a "
                "parameter of the builder."
            )
        return
    units = _units(model, owner)
    if isinstance(classes, Mapping):  # the model has one of the outputs
        names, _ = names_of_outputs(model)
        classes = classes.get(names[0])
    classes = classes or (2 if units == 1 else units)
    task = "mse" if classes == 1 else "sparse_categorical_crossentropy"
    default = "binary_crossentropy" if units == 1 and classes == 2 else task
    options = {"loss": default, **levels}
    choice = LOSSES[options.pop("loss")]
    choice.check(classes, owner)
    takes_logits = choice.activation in PROBABILITIES and classes > 1
    compile_model(
        model, choice, classes, logits=takes_logits and not _ends_in_probabilities(model), **options
    )


def _units(model: keras.Model, owner: str) -> int:
    outputs = outputs_of(model)
    if outputs is None or len(outputs) != 1:
        raise ToggleError(
            f"`{owner}`: expected a compiled model, because its outputs are "
            f"{'unknown' if outputs is None else 'several'}; got one that is not compiled. Call "
            "`model.compile` in the builder"
            + (", with a loss for each output." if outputs is not None else ".")
        )
    return int(outputs[0].shape[-1])


def _ends_in_probabilities(model: keras.Model) -> bool:
    last = model.layers[-1]
    return head_of(model) in PROBABILITIES or isinstance(last, keras.layers.Softmax)
