"""Networks for tests of their pictures, without Keras."""

from cnnzoo.parts.network import INPUT, Network, Node, Piece


def chain(*costs, name="block"):
    """Return an input, a block per cost, each of a layer of that cost, and a head."""
    nodes = [Node("images", INPUT, shape=(8, 8, 1))]
    nodes += [
        Node(f"{name}{number}_conv", "Conv2D", (number,), 10 * cost, cost, (8, 8, 4))
        for number, cost in enumerate(costs)
    ]
    nodes.append(Node("head", "Dense", (len(costs),), 40, 30, (10,)))
    pieces = [
        Piece(f"{name}{number}", "blocks", "residual", ((number + 1,),))
        for number in range(len(costs))
    ]
    return Network(tuple(nodes), tuple(pieces))


def inception():
    """Return three branches of one, two and one layers, joined, with a shortcut to the end."""
    nodes = (
        Node("input", INPUT),
        Node("stem", "Conv2D", (0,), 5, 5),
        Node("a", "Conv2D", (1,), 1, 1),
        Node("b1", "Conv2D", (1,), 2, 2),
        Node("c", "Conv2D", (1,), 4, 4),
        Node("b2", "Conv2D", (3,), 8, 8),
        Node("joined", "Concatenate", (2, 5, 4)),
        Node("sum", "Add", (6, 1)),
    )
    pieces = (
        Piece("mix", "blocks", "inception", ((2, 3, 4, 5, 6),)),
        *(Piece(f"mix_{n}", "branches", "branch", (span,)) for n, span in
          (("a", (2,)), ("b", (3, 5)), ("c", (4,)))),
    )  # fmt: skip
    return Network(nodes, pieces)
