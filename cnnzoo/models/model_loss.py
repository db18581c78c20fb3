"""The losses of a compiled model with one output or several, by the name of the output."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import keras

from cnnzoo.data.targets import Targets, arrays_of
from cnnzoo.models.compiled_loss import CompiledLoss, compiled_loss, loss_of, outputs_of_compiled
from cnnzoo.models.losses import LabelError
from cnnzoo.toggle import did_you_mean, listed

Form = Literal["one", "several", "mapping"]
"""Form of the outputs of a model: a tensor, a list, or a mapping of names."""


@dataclass(frozen=True)
class ModelLoss:
    """The losses of a compiled model.

    Parameters
    ----------
    by_output
        The loss choice of each output by its name, in the order of the model's outputs. A model
        that is trained on labels without names has one output with the name "".
    weights
        Weight of each output's loss in the total loss.
    form
        Form of the model's outputs.
    owner
        Name of the model, for errors.
    """

    by_output: Mapping[str, CompiledLoss]
    weights: Mapping[str, float]
    form: Form
    owner: str

    @property
    def has_names(self) -> bool:
        """Whether the outputs have names."""
        return "" not in self.by_output

    def encode(self, labels: Any) -> Any:
        """Encode labels in the form that the model trains on.

        Parameters
        ----------
        labels
            Labels of one output, or a `Targets` or a mapping of the names of the outputs.

        Raises
        ------
        LabelError
            If they do not fit a loss, or an output has none.
        """
        arrays = self.select(labels)
        return self.structured(
            {name: loss.encode(arrays[name]) for name, loss in self.by_output.items()}
        )

    def select(self, labels: Any) -> dict[str, Any]:
        """Return the labels of each output of the model; those of other outputs are left out."""
        arrays = dict(labels) if isinstance(labels, Mapping) else arrays_of(labels)
        for name in self.by_output:
            if name not in arrays:
                near = did_you_mean(name, [*arrays], "'")
                raise LabelError(
                    f"`{self.owner}`: expected labels for its output {name!r}; got labels for "
                    f"{listed(arrays)}{near}"
                )
        return {name: arrays[name] for name in self.by_output}

    def structured(self, values: Mapping[str, Any]) -> Any:
        """Return values by output in the form of the model's outputs."""
        if self.form == "one":
            return next(iter(values.values()))
        return dict(values) if self.form == "mapping" else tuple(values.values())

    def by_name(self, outputs: Any) -> dict[str, Any]:
        """Return a model's outputs, or what has their form, by name."""
        if self.form == "mapping":
            return {name: outputs[name] for name in self.by_output}
        values = [outputs] if self.form == "one" else outputs
        return dict(zip(self.by_output, values, strict=True))

    def total(self, losses: Mapping[str, Any]) -> Any:
        """Return the weighted sum of the losses of the outputs, numbers or arrays."""
        return sum(self.weights[name] * losses[name] for name in self.by_output)


def losses_of(model: keras.Model, *, named: bool) -> ModelLoss:
    """Return the losses of a compiled model.

    Parameters
    ----------
    model
        A compiled ``keras.Model``.
    named
        Whether the labels have names of outputs. If not, the model must have one output.

    Raises
    ------
    LabelError
        If the model is not compiled, its outputs are unknown or have no names, or an output has no
        loss, one that is not in `cnnzoo.models.losses.LOSSES`, or no weight although others have.

    Examples
    --------
    >>> inputs = keras.Input((3,))
    >>> digit = keras.layers.Dense(10, "softmax", name="digit")(inputs)
    >>> angle = keras.layers.Dense(1, name="angle")(inputs)
    >>> model = keras.Model(inputs, [digit, angle])
    >>> model.compile(loss=["sparse_categorical_crossentropy", "mse"], loss_weights=[1.0, 0.5])
    >>> loss = losses_of(model, named=True)
    >>> {name: each.choice.name for name, each in loss.by_output.items()}
    {'digit': 'sparse_categorical_crossentropy', 'angle': 'mse'}
    >>> loss.total({"digit": 2.0, "angle": 1.0})
    2.5
    """
    outputs_of_compiled(model)
    if not named:
        structure = getattr(model, "_outputs_struct", None)
        if isinstance(structure, Mapping) and len(structure) == 1:
            raise LabelError(
                f"`{model.name}`: expected labels with the name of its output; got labels without "
                f"names. Give y as a mapping, as in {{{next(iter(structure))!r}: ids}}."
            )
        return ModelLoss({"": loss_of(model)}, {"": 1.0}, "one", model.name)
    names, form = names_of_outputs(model)
    losses = _by_name(model.loss, names, "loss", model.name)
    by_output = {}
    for place, name in enumerate(names):
        if losses[name] is None:
            raise LabelError(
                f"`{model.name}`: expected a loss for each output; got none for {name!r}. Compile "
                "it with loss={'" + name + "': ...}, or build the model without this output."
            )
        by_output[name] = compiled_loss(model, losses[name], place, name)
    return ModelLoss(by_output, _weights(model, names), form, model.name)


def names_of_outputs(model: keras.Model) -> tuple[list[str], Form]:
    """Return the names of a model's outputs, in their order, and their form.

    They are the keys of a mapping of outputs, which Keras (3.15.1) sorts, and otherwise the names
    of the layers that end the model.

    Raises
    ------
    LabelError
        If the outputs have no names, or two have the same one.
    """
    structure = getattr(model, "_outputs_struct", None)
    if isinstance(structure, Mapping):
        names, form = sorted(structure), "mapping"
    elif getattr(model, "output_names", None):
        names = [*model.output_names]
        form = "several" if len(names) > 1 else "one"  # Keras unpacks a list of one
    else:
        raise LabelError(
            f"`{model.name}`: expected a model whose outputs have names; build it as "
            "keras.Model(inputs, {'digit': ..., 'parity': ...})."
        )
    if len(set(names)) < len(names) or len(names) != len(model.outputs):
        raise LabelError(
            f"`{model.name}`: expected outputs with different names; got {listed(names)}. Name the "
            "layers, or build it as keras.Model(inputs, {'digit': ..., 'parity': ...})."
        )
    return names, form  # type: ignore[return-value]


def _weights(model: keras.Model, names: list[str]) -> dict[str, float]:
    """Return the weight of each output's loss; Keras reads None as 1."""
    given = model._compile_config.config.get("loss_weights")
    if given is None:
        return dict.fromkeys(names, 1.0)
    weights = _by_name(given, names, "loss_weights", model.name)
    received = ""
    if isinstance(given, Mapping):
        missing = [name for name in names if name not in given]
        received = f"none for {listed(missing)}" if missing else ""
    elif not isinstance(given, list | tuple) and len(names) > 1:
        received = repr(given)
    if received:
        raise LabelError(
            f"`loss_weights` of `{model.name}`: expected a weight for each of the outputs "
            f"{listed(names)}; got {received}."
        )
    return {name: 1.0 if weight is None else float(weight) for name, weight in weights.items()}


def _by_name(given: Any, names: list[str], argument: str, owner: str) -> dict[str, Any]:
    """Return an argument of ``compile`` by the name of the output, as Keras reads it."""
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                near = did_you_mean(str(name), names, "'")
                raise LabelError(
                    f"`{argument}` of `{owner}`: expected names of outputs, {listed(names)}; got "
                    f"{name!r}{near}"
                )
        return {name: given.get(name) for name in names}
    if isinstance(given, list | tuple):
        if len(given) != len(names):
            raise LabelError(
                f"`{argument}` of `{owner}`: expected one for each of the outputs "
                f"{listed(names)}; got {len(given)}."
            )
        return dict(zip(names, given, strict=True))
    return dict.fromkeys(names, given)


def encode_labels(labels: Any, model: keras.Model) -> Any:
    """Encode labels in the form that a compiled model trains on, for ``model.fit``.

    Parameters
    ----------
    labels
        Class ids of shape (n,), or numbers for a regression. A loss on one-hot labels also takes
        shares of shape (n, classes). For several outputs, a mapping of their names to such labels.
    model
        A compiled ``keras.Model``.

    Returns
    -------
    numpy.ndarray
        Class ids of shape (n,), or float32 of shape (n, outputs of the model). For several
        outputs, a tuple or mapping of such arrays, as the model's outputs are.

    Raises
    ------
    LabelError
        If the labels do not fit the model's loss.

    Examples
    --------
    >>> import cnnzoo
    >>> model = cnnzoo.mlp(classes=3, loss="categorical_crossentropy")
    >>> encode_labels([0, 2], model).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    return losses_of(model, named=isinstance(labels, Mapping | Targets)).encode(labels)
