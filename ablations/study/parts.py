"""Studies of the parts of a model: the factors and variants that `parts` and `ops` stand for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from ablations.study.checks import DEFAULT_OPS, PAIRS, PART_DESIGNS, PROGRESSIVE
from ablations.study.errors import StudyError
from ablations.study.study import Study
from cnnzoo.builders import Builder, find_builder
from cnnzoo.data.loader import Loader
from cnnzoo.model_paths import is_keras_model
from cnnzoo.parts.ablated import ablated as ablated
from cnnzoo.parts.ablated import refusal_in_study
from cnnzoo.parts.names import KEEP, LEVELS, PartError, factor_of, is_part
from cnnzoo.parts.operation import find
from cnnzoo.parts.part import Part, of_level, parts_of
from cnnzoo.parts.table import table_of_parts
from cnnzoo.runtime.isolation import isolated
from cnnzoo.shared_toggles import by_group, recipe_toggles
from cnnzoo.signature import refuse_unknown
from cnnzoo.toggle import Level, ToggleError

if TYPE_CHECKING:
    import pandas as pd

    from cnnzoo.data.targets import Classes


@refuse_unknown
def parts(
    model: Any,
    *,
    input_shape: tuple[int, ...] | None = None,
    classes: "Classes | None" = None,
    settings: Mapping[str, Level] | None = None,
) -> "pd.DataFrame":
    """List the parts of a model and what can be done to each, one row per part.

    Blocks are found from the graph and from the names of the layers. The regions between a tensor
    that several layers use and the layer where all paths from it meet again are blocks: residual,
    dense and inception blocks. With them go the neighbours that share their name, such as the
    expansion of an inverted residual. Groups of layers with a numbered name in common, such as
    ``block3_conv1`` and ``block3_conv2``, are blocks too. If there are neither, the groups between
    poolings are, or groups of layers that repeat the same sequence. A region around the whole net,
    as in a U-Net, is opened.

    Parameters
    ----------
    model
        A built functional or sequential ``keras.Model``, or a builder: the name of a zoo model,
        "package.module:function" or a function.
    input_shape, classes
        Shape of an example and number of classes, for a builder that takes them.
    settings
        Levels by toggle of a builder.

    Returns
    -------
    pandas.DataFrame
        With the columns

        - ``part``: its name; those of nested models are behind the model's, with a slash;
        - ``level``: "blocks", "branches" (gates such as squeeze-and-excite, and the branches of an
          inception block) or "layers". Blocks of one layer are among the layers too where a level
          is chosen, as in `Study(parts="layers")`;
        - ``kind``: "residual", "dense", "inception", "merge", "chain", "branch", "gate", or the
          class of a layer;
        - ``layers``: number of its layers;
        - ``depth``: largest number of layers with kernels from an input to its end;
        - ``output_shape``: without the batch axis;
        - ``params``, ``macs``, ``params_share``, ``macs_share``: its cost, as in
          `cnnzoo.describe`, and its share of the model's; a layer that other parts use too counts
          in each of them;
        - ``receptive_field``: of its end;
        - ``operations``: what can be done to it, see the notes;
        - ``substitute``, ``substitute_params``: what would replace it, and its weights;
        - ``note``: why the other operations cannot be done, and whether a substitute has no fewer
          weights than the part.

    Raises
    ------
    PartError
        If the model has a custom ``call``; the message names the layers that were found.
    BuilderError, ToggleError
        If it is no builder, or a level is not allowed.

    Notes
    -----
    The operations are

    - "remove": the part is replaced by identity. Where its output has another shape, it is
      replaced by the smallest layers that give it: average pooling for strides, cropping or
      padding with zeros, and a linear 1x1 projection for channels. Zeros take the place of the
      channels that a dense block adds to its input;
    - "linear": its activations become identity, except at the model's output. Max pooling stays;
    - "no_norm": its normalization layers become identity;
    - "no_skip": the shortcut of a residual block is cut;
    - "no_bias": its layers have no bias;
    - "freeze": it keeps its initial weights. Frozen batch normalization uses its moving
      statistics;
    - "shuffle": the values of each of its weights are permuted and kept. In a study it needs
      weights that the builder loads;
    - "halve", "double": the number of channels of its layers. Channels that are added to those of
      other parts keep their number.

    References
    ----------
    Cooper, Harvey and Kennedy (2001), "A simple, fast dominance algorithm".
    Veit, Wilber and Belongie (2016), "Residual networks behave like ensembles of relatively
    shallow networks", which removes single blocks.

    Examples
    --------
    >>> table = parts("residual")
    >>> table[table["level"] == "blocks"][["part", "kind", "params"]].head(4)
                part      kind  params
    0  stage1_block1  residual    4736
    1  stage1_block2  residual    4736
    2  stage1_block3  residual    4736
    3  stage2_block1  residual   14080
    >>> table.set_index("part").loc["stage2_block1", "substitute"]
    'AveragePooling2D(2, 2) + Conv2D(32 filters, 1x1)'
    """
    if is_keras_model(model):
        return table_of_parts(model)
    with isolated():
        return table_of_parts(built(find_builder(model), settings or {}, input_shape, classes))


def built(
    builder: Builder,
    settings: Mapping[str, Level],
    input_shape: tuple[int, ...] | None,
    classes: "Classes | None",
) -> Any:
    """Return the model of a builder, with the parameters of `parts`.

    Raises
    ------
    PartError
        If the builder needs a shape or classes that are not given.
    """
    given = {"input_shape": input_shape, "classes": classes}
    for name in builder.needed_from_data:
        if given.get(name, 0) is None:
            raise PartError(
                f"`{name}`: expected a value, because `{builder.name}` takes it; got none."
            )
    return builder.build(settings, input_shape, classes)


def with_parts(study: Study) -> Study:
    """Return a study with the factors or the variants that its `parts` and `ops` stand for.

    A study without `parts` is returned as it is. The model is built once, with the study's
    baseline and the shape of its data.

    Raises
    ------
    StudyError, ToggleError
        If the model has no such parts, or none of them can be changed so.
    """
    if not study.parts:
        return study
    builder = find_builder(study.model_name)
    operations = _operations(study, builder)
    factors = {factor_of(name): (KEEP, *those) for name, those in operations.items()}
    without: dict[str, Any] = {"parts": (), "ops": DEFAULT_OPS}
    if study.design not in PART_DESIGNS:
        several = any(len(levels) > 2 for levels in factors.values())
        leaves_out = study.design == "leave-one-out" and several
        design = "one-at-a-time" if leaves_out else study.design
        return replace(study, **without, design=design, factors={**study.factors, **factors})
    variants = VARIANTS[study.design]({name: levels[1] for name, levels in factors.items()})
    return replace(study, **without, variants=variants)


def _operations(study: Study, builder: Builder) -> dict[str, tuple[str, ...]]:
    """Return the operations of the study that can be done, by part."""
    listed = _parts(study, builder)
    chosen: dict[str, tuple[str, ...]] = {}
    reasons: dict[str, str] = {}
    for part in listed:
        refusals = {op: refusal_in_study(part, op) for op in study.ops}
        possible = tuple(op for op, reason in refusals.items() if not reason)
        refused = {f"`{part.name}`: {op}": reason for op, reason in refusals.items() if reason}
        reasons |= refused
        if possible:
            chosen[part.name] = possible
    if not chosen or (reasons and not isinstance(study.parts, str)):
        what, reason = next(iter(reasons.items()))
        more = f" ({len(reasons)} such refusals)" if len(reasons) > 1 else ""
        raise StudyError(f"`parts`: {what} is not possible, because {reason}{more}.")
    return chosen


def _parts(study: Study, builder: Builder) -> list[Part]:
    """Return the parts of the model that the study names."""
    study.keep_data()
    recipe = recipe_toggles()
    levels = {n: lv for n, lv in study.baseline.items() if n not in recipe and not is_part(n)}
    toggles, of_data = by_group(levels)
    data = Loader().load(study.data_sets[0], study.seed_blocks[0], of_data)
    try:
        with isolated():
            model = builder.build(toggles, data.info.input_shape, data.info.classes)
            found = parts_of(model)
    except ToggleError as error:
        raise StudyError(str(error)) from error
    try:
        if not isinstance(study.parts, str):
            return [find(found, name, study.model_name) for name in study.parts]
    except PartError as error:
        raise StudyError(f"`parts`: {error}") from error
    listed = of_level(found, study.parts)
    if not listed:
        counts = {level: len(of_level(found, level)) for level in LEVELS}
        words = ", ".join(f"{count} {level}" for level, count in counts.items())
        raise StudyError(f"`parts`: `{study.model_name}` has no {study.parts}; it has {words}.")
    return listed


def _pairs(changes: Mapping[str, str]) -> list[dict[str, str]]:
    """Return a variant for each part and one for each two parts."""
    singles = [{name: level} for name, level in changes.items()]
    return [*singles, *({**one, **other} for one, other in combinations(singles, 2))]


def _progressive(changes: Mapping[str, str]) -> list[dict[str, str]]:
    """Return a variant for the last part, one for the last two, and so on."""
    names: Sequence[str] = list(changes)
    return [{n: changes[n] for n in names[start:]} for start in reversed(range(len(names)))]


VARIANTS = {PAIRS: _pairs, PROGRESSIVE: _progressive}
"""The function that makes the variants of a design of parts from the operation of each."""
