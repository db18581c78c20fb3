"""Blocks of a model: residual blocks, inception blocks, numbered and repeated groups of layers."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import keras
from keras import layers

from cnnzoo.analysis.graph import Call
from cnnzoo.parts.structure import (
    Chain,
    Structure,
    Unit,
    has_kernel,
    kernels,
    kind_of,
    places,
)

FEWEST_REGIONS_OF_A_NET = 2
"""Number of merges in a row from which a region around them is the net and no block."""

MOST_KERNELS_OF_A_BLOCK = 60
"""Largest number of layers with kernels in a block; the largest of Inception-v4 have 11."""

ACTIVATIONS = (
    layers.Activation,
    layers.ReLU,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ELU,
)
"""Layers that apply an activation to each value."""

PLACEHOLDERS = ("ZeroPadding", "Dropout", "SpatialDropout", "GaussianNoise", "GaussianDropout")
"""Beginnings of kinds of layers that repetitions may have or leave out."""

SNAKE = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, eq=False)
class Block:
    """Successive units of a chain.

    Parameters
    ----------
    units
        The units.
    name
        Name that its layers have in common; empty if Keras named them.
    """

    units: Chain
    name: str = ""

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of all units."""
        return tuple(call for unit in self.units for call in unit.calls)

    @property
    def region(self) -> Unit | None:
        """The unit whose branches meet, other than a gate; None if it is a plain chain."""
        return next((unit for unit in self.units if unit.merges), None)


def find_blocks(structure: Structure) -> list[Block]:
    """Return the blocks of a graph, in the order of its chains.

    They are, in this order: regions in which branches meet, with the neighbours that share their
    name; groups of layers with a numbered name in common, such as ``block3_conv1`` and
    ``block3_conv2``; if there are none of these, groups between poolings; else groups of one
    convolution each with a numbered name; or else groups that repeat a sequence of kinds of
    layers. A region around a whole net, as in a U-Net, is opened.

    Examples
    --------
    >>> from cnnzoo.analysis.graph import graph_of
    >>> from cnnzoo.parts.structure import structure_of
    >>> def stage(number):
    ...     conv = keras.layers.Conv1D(4, 3, padding="same", name=f"stage{number}_conv1")
    ...     return [conv, keras.layers.Conv1D(4, 3, padding="same", name=f"stage{number}_conv2")]
    >>> model = keras.Sequential([keras.Input((8, 4)), *stage(1), *stage(2)])
    >>> [block.name for block in find_blocks(structure_of(graph_of(model)))]
    ['stage1', 'stage2']
    """
    chains = list(_opened(structure.chains))
    named = [block for chain in chains for block in _named(chain)]
    for group in (_pooled, _numbered, _repeated, _around_poolings):
        if not named:
            named = [block for chain in chains for block in group(chain)]
    return named


def _opened(chains: Iterable[Chain]) -> Iterator[Chain]:
    """Yield chains, those with a region around a whole net split, and the chains inside of it."""
    for chain in chains:
        part: list[Unit] = []
        for unit in chain:
            if unit.merges and _is_net(unit):
                if part:
                    yield tuple(part)
                part = []
                yield from _opened(unit.branches)
            else:
                part.append(unit)
        if part:
            yield tuple(part)


def _is_net(region: Unit) -> bool:
    """Return whether a region is too large for a block.

    It has several merges in a row on a branch, very many layers, or maps that are smaller than its
    output, as in the shape of a U.
    """
    if kernels(region) > MOST_KERNELS_OF_A_BLOCK:
        return True
    if any(sum(u.merges for u in chain) >= FEWEST_REGIONS_OF_A_NET for chain in region.branches):
        return True
    size = places(region.exit)
    sizes = [places(call.outputs[0]) for call in _outside_gates(region)]
    return size is not None and any(inner is not None and inner < size for inner in sizes)


def _outside_gates(region: Unit) -> Iterator[Call]:
    """Yield the calls of a region's branches that keep the positions, without those of gates."""
    for chain in region.branches:
        for unit in chain:
            if unit.is_gate:
                continue
            if unit.is_region:
                yield from _outside_gates(unit)
            yield unit.last


def tokens_of(name: str) -> tuple[str, ...]:
    """Return the parts of a layer's name.

    Examples
    --------
    >>> tokens_of("conv2_block1_1_conv")
    ('conv2', 'block1', '1', 'conv')
    """
    return tuple(re.split(r"[_.\-/]", name))


def is_automatic(layer: keras.Operation) -> bool:
    """Return whether Keras gave a layer its name.

    Examples
    --------
    >>> is_automatic(keras.layers.Conv2D(1, 1, name="conv2d_3"))
    True
    >>> is_automatic(keras.layers.Conv2D(1, 1, name="conv3"))
    False
    """
    kind = type(layer).__name__
    snake = keras.src.utils.naming.to_snake_case(kind)
    return re.fullmatch(rf"({snake}|{kind.lower()})(_\d+)?", layer.name) is not None


def _tokens(unit: Unit) -> tuple[str, ...]:
    """Return what the names of a unit's layers begin with; empty if Keras named them all."""
    names = [tokens_of(call.layer.name) for call in unit.calls if not is_automatic(call.layer)]
    last = unit.last.layer
    return _common(names) or (() if is_automatic(last) else tokens_of(last.name))


def _common(names: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    if not names:
        return ()
    shared = 0
    for column in zip(*names, strict=False):
        if len(set(column)) > 1:
            break
        shared += 1
    return names[0][:shared]


def _family(tokens: Sequence[str]) -> tuple[str, ...]:
    """Return a prefix without its numbers, such as ("block#",) for ("block2a",)."""
    return tuple(re.sub(r"\d+[a-z]?$", "#", token) for token in tokens)


def _is_numbered(tokens: Sequence[str]) -> bool:
    return bool(tokens) and re.search(r"\d", tokens[-1]) is not None


@dataclass(frozen=True)
class _Run:
    """Units `start` to `stop` of a chain, whose names share `tokens`."""

    start: int
    stop: int
    tokens: tuple[str, ...]

    def units(self, chain: Chain) -> Chain:
        return chain[self.start : self.stop]


def _runs(tokens: Sequence[tuple[str, ...]]) -> list[_Run]:
    """Return the longest runs of units for each prefix, those of the longest prefixes first."""
    prefixes = {names[:size] for names in tokens for size in range(1, len(names) + 1)}
    runs = []
    for prefix in prefixes:
        start, stop = None, 0
        for place, names in enumerate([*tokens, ("",)]):
            if names[: len(prefix)] == prefix:
                start, stop = place if start is None else start, place + 1
            elif names and start is not None:
                runs.append(_Run(start, stop, prefix))
                start = None
    return sorted(runs, key=lambda run: (-len(run.tokens), run.start))


def _named(chain: Chain) -> list[Block]:
    """Return the regions of a chain, and its groups of layers with a numbered name in common."""
    tokens = [_tokens(unit) for unit in chain]
    runs = [run for run in _runs(tokens) if sum(u.merges for u in run.units(chain)) <= 1]
    chosen: list[_Run] = []

    def choose(accepts: Callable[[_Run], bool]) -> None:
        for run in runs:
            free = all(run.stop <= one.start or one.stop <= run.start for one in chosen)
            if free and accepts(run):
                chosen.append(run)

    def is_block(run: _Run) -> bool:
        units = run.units(chain)
        if any(unit.merges for unit in units):
            return _is_numbered(run.tokens) or len(units) == 1
        return _is_numbered(run.tokens) and len(units) > 1 and sum(map(kernels, units)) > 1

    choose(is_block)
    for place, unit in enumerate(chain):
        if unit.merges and not any(run.start <= place < run.stop for run in chosen):
            chosen.append(_Run(place, place + 1, tokens[place]))
    families = {_family(run.tokens) for run in chosen if _is_numbered(run.tokens)}
    choose(lambda r: _family(r.tokens) in families and any(map(kernels, r.units(chain))))
    chosen.sort(key=lambda run: run.start)
    if families and chosen:
        chosen[:0] = _first(chain, tokens, chosen[0].start)
    return [_block(run, chain, chosen) for run in chosen]


def _first(chain: Chain, tokens: Sequence[tuple[str, ...]], stop: int) -> list[_Run]:
    """Return the block directly before the first numbered one, whose own name has no number."""
    runs = (run for run in _runs(tokens[:stop]) if run.stop == stop)
    return [run for run in runs if sum(map(kernels, run.units(chain))) > 1][:1]


def _block(run: _Run, chain: Chain, runs: Sequence[_Run]) -> Block:
    """Return a run as a block, with the activation after its merge that Keras named."""
    stop = run.stop
    taken = any(one.start == stop for one in runs)
    if not taken and chain[stop - 1].merges and stop < len(chain):
        following = chain[stop].last.layer
        if isinstance(following, ACTIVATIONS) and is_automatic(following):
            stop += 1
    return Block(chain[run.start : stop], "_".join(run.tokens))


def _is_pooling(unit: Unit) -> bool:
    kind = kind_of(unit.last)
    return not unit.is_region and "Pooling" in kind and not kind.startswith("Global")


def _ends_maps(unit: Unit) -> bool:
    """Return whether a unit's output has no positions, as after global pooling."""
    return places(unit.exit) is None and len(unit.entry.shape) > 2


def _cells(chain: Chain) -> list[tuple[int, int]]:
    """Return starts and stops of the layers with kernels, each with those that follow it."""
    starts = [place for place, unit in enumerate(chain) if kernels(unit)]
    end = next((n for n, unit in enumerate(chain) if _ends_maps(unit)), len(chain))
    starts = [start for start in starts if start < end]
    return [(one, other) for one, other in pairwise([*starts, end])]


def _pooled(chain: Chain) -> list[Block]:
    """Return the groups between poolings, if there are two poolings or more."""
    blocks = _around_poolings(chain)
    pooled = sum(any(map(_is_pooling, block.units)) for block in blocks)
    return blocks if pooled > 1 else []


def _numbered(chain: Chain) -> list[Block]:
    """Return groups of layers with a numbered name, if they have most of the kernels."""
    tokens = [_tokens(unit) for unit in chain]
    families: dict[tuple[str, ...], list[_Run]] = {}
    for run in _runs(tokens):
        if _is_numbered(run.tokens) and any(map(kernels, run.units(chain))):
            families.setdefault(_family(run.tokens), []).append(run)
    total = sum(kernels(unit) for start, stop in _cells(chain) for unit in chain[start:stop])
    for runs in families.values():
        covered = sum(kernels(unit) for run in runs for unit in run.units(chain))
        if len(runs) > 1 and 2 * covered > total and any(r.stop - r.start > 1 for r in runs):
            return [Block(run.units(chain), "_".join(run.tokens)) for run in runs]
    return []


def _around_poolings(chain: Chain) -> list[Block]:
    """Return groups of layers that end with a pooling, and the last one before the head."""
    cells = _cells(chain)
    groups: list[list[int]] = [[]]
    for start, stop in cells:
        groups[-1] += [start, stop]
        if any(map(_is_pooling, chain[start:stop])):
            groups.append([])
    blocks = [_group(chain, ends[0], ends[-1]) for ends in groups if ends]
    return blocks if len(blocks) > 1 else []


def _repeated(chain: Chain) -> list[Block]:
    """Return the groups that repeat the longest part of a chain, the shortest ones."""
    cells = _cells(chain)
    signs = [_sign(chain[start:stop]) for start, stop in cells]
    best: tuple[int, int, int, int] | None = None
    for period in range(1, len(cells) // 2 + 1):
        for start in range(len(cells) - 2 * period + 1):
            count = 1
            while (
                signs[start : start + period]
                == signs[start + count * period : start + (count + 1) * period]
            ):
                count += 1
            rank = (count * period, -period, start, count)
            if count > 1 and (best is None or rank > best):
                best = rank
    if best is None:
        return []
    _, negative, start, count = best
    period = -negative
    firsts = range(start, start + count * period, period)
    return [_group(chain, cells[n][0], cells[n + period - 1][1]) for n in firsts]


def _sign(units: Sequence[Unit]) -> tuple[str, ...]:
    """Return the kinds of layers of a cell, with their activations, which a head has not."""
    calls = [call for unit in units for call in unit.calls]
    return tuple(
        f"{kind_of(call)} {getattr(getattr(call.layer, 'activation', None), '__name__', '')}"
        for call in calls
        if not kind_of(call).startswith(PLACEHOLDERS)
    )


def _group(chain: Chain, start: int, stop: int) -> Block:
    units = chain[start:stop]
    names = [names for names in map(_tokens, units) if names]
    shared = _common(names) if len(units) > 1 else ()
    return Block(units, "_".join(shared) if _is_numbered(shared) else "")


def describe_kind(block: Block) -> str:
    """Return the kind of a block: residual, dense, inception or chain.

    Examples
    --------
    >>> describe_kind(Block(()))
    'chain'
    """
    region = block.region
    if region is None:
        return "chain"
    direct = any(tensor is region.entry for tensor in region.last.tensors)
    if kind_of(region.last) == "Concatenate":
        return "dense" if direct else "inception"
    return "residual" if direct or kind_of(region.last) == "Add" else "merge"


def branches_of(block: Block) -> Iterator[tuple[str, Unit | Chain]]:
    """Yield the gates of a block, and the branches that it concatenates, with their kind."""
    for unit in block.units:
        yield from _gates(unit)
        concatenates = unit.merges and kind_of(unit.last) == "Concatenate"
        if concatenates and len(unit.last.tensors) > 2:
            ends = [id(tensor) for tensor in unit.last.tensors]
            for chain in unit.branches:
                whole = chain[0].entry is unit.entry and id(chain[-1].exit) in ends
                if whole and any(has_kernel(call) for one in chain for call in one.calls):
                    yield "branch", chain


def _gates(unit: Unit) -> Iterator[tuple[str, Unit]]:
    if unit.is_gate and any(map(has_kernel, unit.calls)):
        yield "gate", unit
        return
    for chain in unit.branches:
        for inner in chain:
            yield from _gates(inner)
