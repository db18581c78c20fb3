"""Descriptions of the graphs of models, against graphs written by hand."""

import json

import keras
import pytest
from keras import layers

import cnnzoo
from cnnzoo.parts.description import describe_network
from cnnzoo.parts.network import INPUT, Network, Node


def edges(network):
    """Return pairs of the names of connected nodes."""
    names = [node.name for node in network.nodes]
    return {(names[source], node.name) for node in network.nodes for source in node.inputs}


def test_residual_net_has_its_calls_and_parts():
    inputs = keras.Input((8, 8, 2), name="images")
    x = layers.Conv2D(4, 3, padding="same", name="block1_conv")(inputs)
    y = layers.Conv2D(4, 1, name="block1_short")(inputs)
    x = layers.Add(name="block1_add")([x, y])
    network = describe_network(keras.Model(inputs, x))
    assert network.nodes[0] == Node("images", INPUT, shape=(8, 8, 2))
    assert edges(network) == {
        ("images", "block1_conv"),
        ("images", "block1_short"),
        ("block1_conv", "block1_add"),
        ("block1_short", "block1_add"),
    }
    conv = next(node for node in network.nodes if node.name == "block1_conv")
    # 9 * 2 weights and a bias per filter; each of the 64 places uses 9 * 2 of each
    assert (conv.kind, conv.params, conv.macs, conv.shape) == (
        *("Conv2D", 4 * 19, 64 * 4 * 18),
        (8, 8, 4),
    )
    (block,) = (piece for piece in network.pieces if piece.level == "blocks")
    assert (block.name, block.kind) == ("block1", "residual")
    assert {network.nodes[place].name for place in block.spans[0]} == {
        *("block1_conv", "block1_short", "block1_add"),
    }


def test_nested_model_that_is_called_twice_is_there_twice():
    left, right = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    inside = keras.Input((6,))
    hidden = layers.Dense(5, name="first")(inside)
    tower = keras.Model(inside, layers.Dense(3, name="second")(hidden), name="tower")
    joined = layers.Concatenate(name="joined")([tower(left), tower(right)])
    network = describe_network(keras.Model([left, right], layers.Dense(2, name="head")(joined)))
    names = [node.name for node in network.nodes]
    assert [names.count(name) for name in ("tower/first", "tower/second", "tower")] == [2, 2, 0]
    first = next(piece for piece in network.pieces if piece.name == "tower/first")
    assert [names[place] for span in first.spans for place in span] == ["tower/first"] * 2
    assert ("left", "tower/first") in edges(network)
    assert ("tower/second", "joined") in edges(network)


def test_shared_layer_is_a_part_with_two_places():
    inputs = keras.Input((4,), name="x")
    shared = layers.Dense(4, name="shared")
    network = describe_network(keras.Model(inputs, shared(shared(inputs))))
    (piece,) = (piece for piece in network.pieces if piece.name == "shared")
    assert piece.spans == ((1,), (2,))


@pytest.mark.parametrize("name", ["residual", "sequence"])
def test_costs_are_those_of_the_model_and_survive_json(name):
    model = cnnzoo.build(name)
    network = describe_network(model)
    assert sum(node.params for node in network.nodes) == model.count_params()
    assert sum(node.macs for node in network.nodes) == cnnzoo.describe(model)["macs"].sum()
    assert all(source < at for at, node in enumerate(network.nodes) for source in node.inputs)
    assert Network.from_dict(json.loads(json.dumps(network.to_dict()))) == network


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("nodes", 1, "inputs"), [1]),
        (("nodes", 1, "inputs"), [-1]),
        (("nodes", 1, "inputs"), ["0"]),
        (("nodes", 1, "params"), -3),
        (("nodes", 1, "macs"), "many"),
        (("nodes", 1, "shape"), [2.5]),
        (("nodes", 1, "name"), None),
        (("nodes", 1, "more"), 1),
        (("pieces", 0, "spans"), [[2]]),
        (("pieces", 0, "kind"), 3),
        (("pieces",), 3),
    ],
)
def test_other_values_are_no_network(path, value):
    values = {
        "nodes": [
            {"name": "x", "kind": INPUT, "inputs": [], "params": 0, "macs": 0, "shape": [4]},
            {"name": "d", "kind": "Dense", "inputs": [0], "params": 8, "macs": 8, "shape": [2]},
        ],
        "pieces": [{"name": "d", "level": "layers", "kind": "Dense", "spans": [[1]]}],
    }
    assert Network.from_dict(values).nodes[1].inputs == (0,)
    *way, last = path
    place = values
    for step in way:
        place = place[step]
    place[last] = value
    with pytest.raises((ValueError, TypeError)):
        Network.from_dict(values)
