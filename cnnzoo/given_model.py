"""Models that are given instead of a builder: their configuration builds them."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import keras
import numpy as np

from cnnzoo.analysis.graph import functional_graph
from cnnzoo.data.targets import Classes
from cnnzoo.model_paths import GIVEN, BuilderError, ModelPath
from cnnzoo.models.compilation import compile_custom
from cnnzoo.models.initialization import build_seeded, read_statistics, walk_layers
from cnnzoo.runtime.error_text import line_of

DIGITS = 12
"""Number of digits of the digest in a model's name."""


@dataclass(frozen=True)
class GivenModel:
    """Builder of models as a given one, with new weights.

    Parameters
    ----------
    name
        Name of the given model.
    config, compilation
        Its configuration and that of its compilation, as JSON.
    statistics
        The weights of its `Normalization` layers by path, as JSON, because no seed draws them.
    classes
        Classes of its layers that are not Keras's, by name.
    """

    name: str
    config: str
    compilation: str
    statistics: str
    classes: dict[str, type] = field(default_factory=dict, hash=False)

    def build(
        self,
        *,
        input_shape: tuple[int, ...] | None = None,
        classes: Classes | None = None,
        seed: int = 0,
    ) -> keras.Model:
        """Return a compiled model.

        Parameters
        ----------
        input_shape
            Shape of the data, which must be the model's.
        classes
            Number of classes of the data, for the loss of a model that is not compiled.
        seed
            Seed of the weights.

        Raises
        ------
        BuilderError
            If the data have another shape.
        """
        model = build_seeded(self._make, seed)
        shape = model.input_shape
        if isinstance(input_shape, tuple) and isinstance(shape, tuple):
            fits = len(shape) - 1 == len(input_shape) and all(
                side in (None, given) for side, given in zip(shape[1:], input_shape, strict=True)
            )
            if not fits and keras.config.image_data_format() == "channels_last":
                raise BuilderError(
                    f"`{self.name}`: expected data of shape {shape[1:]}; got {input_shape}."
                )
        compilation = json.loads(self.compilation)
        if compilation is None:
            compile_custom(model, {}, classes, self.name)
        else:
            with keras.saving.custom_object_scope(self.classes):
                model.compile_from_config(compilation)
            if not model.optimizer.built:  # twice, and loss scaling has its variables twice
                model.optimizer.build(model.trainable_variables)
        return model

    def _make(self) -> keras.Model:
        """Return a model of the configuration, with the statistics of the given one."""
        config = json.loads(self.config)
        model = keras.saving.deserialize_keras_object(config, custom_objects=self.classes)
        statistics = json.loads(self.statistics)
        for path, layer in _normalizations(model):
            layer.set_weights([np.asarray(weight) for weight in statistics[path]])
        read_statistics(model)
        return model


def given_model(model: keras.Model) -> ModelPath:
    """Return the text of a model that is given instead of a builder, with its builder.

    Raises
    ------
    BuilderError, TypeError
        If the model cannot be built from its configuration.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="small")
    >>> given_model(model).rpartition("-")[0]
    'model:small'
    """
    try:
        functional_graph(model, "model")
        serialized = keras.saving.serialize_keras_object(model)
        serialized.pop("compile_config", None)
        config = json.dumps(serialized)
        compilation = json.dumps(model.get_compile_config() if model.compiled else None)
        weights = {path: layer.get_weights() for path, layer in _normalizations(model)}
        statistics = json.dumps({p: [w.tolist() for w in each] for p, each in weights.items()})
        builder = GivenModel(model.name, config, compilation, statistics, _classes(model))
        builder.build()
    except TypeError as error:
        raise BuilderError(str(error)) from None
    except Exception as error:  # configurations of custom layers and losses raise several types
        raise BuilderError(
            f"`model`: cannot build `{model.name}` from its configuration ({line_of(error)}). Give "
            "a function that builds it."
        ) from error
    digest = hashlib.sha256(f"{config} {compilation} {statistics}".encode()).hexdigest()[:DIGITS]
    return ModelPath(f"{GIVEN}:{model.name}-{digest}", builder)


def _classes(model: keras.Model) -> dict[str, type]:
    kinds = {type(layer) for layer in model._flatten_layers()}
    return {kind.__name__: kind for kind in kinds if not kind.__module__.startswith("keras.")}


def _normalizations(model: keras.Model) -> Iterator[tuple[str, keras.Layer]]:
    """Yield the layers of a model that have statistics of their own, with their paths."""
    for path, layer in walk_layers(model):
        if isinstance(layer, keras.layers.Normalization):
            yield path, layer
