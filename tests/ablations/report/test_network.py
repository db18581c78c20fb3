"""The picture of a network: boxes, lanes and places, against expectations by hand."""

import json
import re
from dataclasses import replace

import altair
import numpy as np
import pandas as pd
import pytest
from helpers.drawn_networks import chain, inception
from hypothesis import given
from hypothesis import strategies as st

from ablations.report import write_report
from ablations.report.figure import file_spec
from ablations.report.network.boxes import diagram_of
from ablations.report.network.chart import WIDTHS, Worth, network_figure
from ablations.report.network.lanes import lanes_of
from ablations.report.paper import paper_figure
from ablations.report.study.document import figures
from ablations.report.study.network import changed_parts
from ablations.report.theme import LIGHT
from cnnzoo.parts.network import Network, Node, Piece

HOSTILE = '</script><b onclick="x">&'


def drawn(network, worths, metric="test_loss", **texts):
    told = {"name": "network", "title": "Network", "caption": "Deltas.", **texts}
    return network_figure(network, worths, metric, LIGHT, **told)


def boxes_of(figure):
    return {row["part"]: row for row in figure.rows if row["mark"] == "box"}


def named_edges(diagram):
    names = [box.name for box in diagram.boxes]
    return {(names[upper], names[lower]) for upper, lower in diagram.edges}


def test_branches_are_boxes_with_their_edges():
    diagram = diagram_of(inception(), ["mix_a", "mix_b", "mix_c"])
    assert named_edges(diagram) == {
        ("input", "stem"),
        *(("stem", name) for name in ("mix_a", "mix_b", "mix_c", "sum")),
        *((name, "joined") for name in ("mix_a", "mix_b", "mix_c")),
        ("joined", "sum"),
    }
    costs = {box.name: (box.nodes, box.params, box.macs, box.part) for box in diagram.boxes}
    assert costs["mix_b"] == (2, 10, 10, "mix_b")
    assert costs["stem"] == (1, 5, 5, "")


def test_block_is_one_box_and_other_blocks_too():
    for parts, part in ((["mix"], "mix"), ([], "")):
        diagram = diagram_of(inception(), parts)
        assert named_edges(diagram) == {
            ("input", "stem"),
            *(("stem", "mix"), ("stem", "sum"), ("mix", "sum")),
        }
        assert [box.part for box in diagram.boxes] == ["", "", part, ""]


def test_part_around_another_one_leads_to_no_circle():
    nodes = tuple(Node(f"n{at}", "Dense", (at - 1,) if at else ()) for at in range(4))
    pieces = (
        Piece("outer", "blocks", "chain", ((1, 2, 3),)),
        Piece("n2", "layers", "Dense", ((2,),)),
    )
    diagram = diagram_of(Network(nodes, pieces), ["outer", "n2"])
    assert [box.name for box in diagram.boxes] == ["n0", "outer", "n2", "outer"]
    assert diagram.edges == ((0, 1), (1, 2), (2, 3))


@st.composite
def networks(draw):
    """Random graphs whose parts are random sets of nodes."""
    count = draw(st.integers(2, 14))
    nodes = [Node("x0", "Input")]
    for at in range(1, count):
        sources = draw(st.sets(st.integers(0, at - 1), min_size=1, max_size=3))
        nodes.append(Node(f"x{at}", "Dense", tuple(sorted(sources)), 1, 1))
    owner = [draw(st.integers(0, 3)) for _ in nodes]
    spans = {f"p{n}": tuple(at for at, own in enumerate(owner) if own == n) for n in (1, 2, 3)}
    pieces = (Piece(name, "blocks", "chain", (span,)) for name, span in spans.items() if span)
    return Network(tuple(nodes), tuple(pieces))


@given(networks())
def test_boxes_hold_all_nodes_without_circles(network):
    diagram = diagram_of(network, [piece.name for piece in network.pieces])
    assert sum(box.nodes for box in diagram.boxes) == len(network.nodes)
    assert sum(box.params for box in diagram.boxes) == len(network.nodes) - 1
    assert all(upper < lower for upper, lower in diagram.edges)
    reached = {lower for _, lower in diagram.edges}
    assert reached == set(range(1, len(diagram.boxes)))  # all follow from the input


def random_edges(rows):
    pairs = [(a, b) for b in range(rows) for a in range(b)]
    return st.sets(st.sampled_from(pairs), max_size=2 * rows).map(sorted)


@given(st.integers(2, 12).flatmap(lambda rows: st.tuples(st.just(rows), random_edges(rows))))
def test_each_edge_has_a_way_past_other_boxes(case):
    rows, edges = case
    lanes = lanes_of(rows, edges)
    assert sorted((rail.start, end) for rail in lanes.rails for end in rail.ends) == edges
    painted = {}
    for rail in lanes.rails:
        for row in range(rail.start + 1, rail.ends[-1]):  # beside the boxes between its ends
            assert lanes.of_row[row] != rail.lane
            assert painted.setdefault((rail.lane, row), rail) is rail
    for rail in lanes.rails:  # no two ways share the height between two rows
        for gap in range(rail.start, rail.ends[-1]):
            assert painted.setdefault((rail.lane, gap, "below"), rail) is rail


def test_chain_has_one_lane_and_shortcuts_another():
    assert lanes_of(5, [(0, 1), (1, 2), (2, 3), (3, 4)]).count == 1
    lanes = lanes_of(5, [(0, 1), (1, 2), (2, 3), (3, 4), (1, 4)])
    assert (lanes.of_row, lanes.count) == ((0,) * 5, 2)


def test_shortcuts_of_a_u_net_are_nested():
    trunk = [(row, row + 1) for row in range(6)]
    lanes = lanes_of(7, [*trunk, (0, 6), (1, 5), (2, 4)])
    assert set(lanes.of_row) == {0}
    of_shortcut = {(rail.start, rail.ends): rail.lane for rail in lanes.rails if rail.lane}
    assert of_shortcut == {(2, (4,)): 1, (1, (5,)): 2, (0, (6,)): 3}


def test_boxes_show_number_cost_and_verdict():
    worths = {
        "block0": Worth(0.2, "+0.20", "worse", "+0.20 [0.1, 0.3]"),
        "block1": Worth(-0.1, "\N{MINUS SIGN}0.10", "better"),
        "block2": Worth(0.01, "+0.01", "inconclusive"),
        "block3": Worth(0.0, "0.00", "equivalent"),
        "block4": Worth(0.05, "+0.05", ""),
        "block5": Worth(None, "failed", size="all trials failed"),
    }
    figure = drawn(chain(400, 200, 100, 100, 100, 400), worths)
    rows = boxes_of(figure)
    assert list(rows) == ["input", *worths, "head"]
    width = {name: row["x2"] - row["x"] for name, row in rows.items()}
    gap = 3  # pixels that each box is narrower
    assert width["block0"] + gap == pytest.approx(2 * (width["block1"] + gap))
    assert width["block0"] + gap == pytest.approx(4 * (width["block2"] + gap))
    assert [row["value"] for row in rows.values()] == [
        *("", "+0.20", "\N{MINUS SIGN}0.10", "+0.01", "0.00", "+0.05", "failed", "")
    ]
    looks = {name: (row["fill"], row["outline"], row["hatched"]) for name, row in rows.items()}
    assert looks == {
        "input": ("none", "none", False),
        "block0": ("worse", "worse", False),
        "block1": ("better", "better", False),
        "block2": ("worse", "inconclusive", True),
        "block3": ("worse", "equivalent", False),
        "block4": ("worse", "inconclusive", True),
        "block5": ("none", "lost", False),
        "head": ("none", "none", False),
    }  # fmt: skip
    assert rows["block0"]["strength"] == 1
    assert rows["block1"]["strength"] == pytest.approx(0.16 + 0.84 / 2, abs=1e-3)
    keys = [row["label"] for row in figure.rows if row["mark"] == "key" and row["label"]]
    assert keys == [
        "worse, up to +0.20",
        "better, up to \N{MINUS SIGN}0.10",
        *("inconclusive or no verdict", "equivalent", "not changed"),
    ]
    assert figure.caption == (
        "Deltas. The input is at the top. Width: multiply-accumulates, at most 400 in a part; the "
        "smallest boxes share a width. A bracket beside a box is the shortcut of the block."
    )


def test_unknown_multiplications_show_parameters():
    network = chain(100, 50)
    nodes = [replace(node, macs=None) if node.kind == "Conv2D" else node for node in network.nodes]
    figure = drawn(replace(network, nodes=tuple(nodes)), {"block0": Worth(0.1, "+0.1", "worse")})
    assert "Width: parameters, at most 1,000 in a part" in figure.caption
    assert boxes_of(figure)["block1"]["macs"] == "unknown"


@pytest.mark.parametrize("count", [1, 8, 18, 58, 200])
@pytest.mark.parametrize("width", [*WIDTHS, 357, 740])
def test_marks_stay_within_the_chart_and_apart(count, width):
    worths = {f"block{n}": Worth(0.1 * n, f"+{n:.3f}", "worse") for n in range(count)}
    figure = drawn(chain(*range(1, count + 1)), worths).at(width)
    rows = [row for row in figure.rows if row["mark"] == "box"]
    height = figure.chart["height"]
    for row in figure.rows:
        assert 0 <= row["x"] <= width + 0.01
        assert 0 <= row["x2"] <= width + 0.01
        assert -0.01 <= min(row["y"], row["y2"]) <= max(row["y"], row["y2"]) <= height + 0.01
    starts = [(row["name_end"], row["middle"]) for row in rows]
    assert len(set(starts)) == len(rows) == count + 2
    for row in rows:
        characters = len(row["label"])
        assert row["name_end"] - 6.3 * characters >= 0
        assert row["name_end"] < row["x"] < row["x2"] < row["value_start"]
        assert row["value_start"] + 6.3 * len(row["value"]) <= width
    columns = sorted({row["name_end"] for row in rows})
    ends = [max(r["value_start"] + 6.3 * len(r["value"]) for r in rows if r["name_end"] == it)
            for it in columns]  # fmt: skip
    begins = [min(r["name_end"] - 6.3 * len(r["label"]) for r in rows if r["name_end"] == it)
              for it in columns]  # fmt: skip
    assert all(end <= begin for end, begin in zip(ends[:-1], begins[1:], strict=True))


def test_long_names_are_broken_on_a_phone_only():
    names = "stage_of_convolutions_with_a_long_name"
    worths = {"stage_of_convolutions_with_a_long_name0": Worth(0.1, "+0.1000", "worse")}
    figure = drawn(chain(3, 2, name=names), worths)
    for width in WIDTHS:
        (row,) = (row for row in figure.at(width).rows if row.get("value") == "+0.1000")
        lines = row["label"].split("\n")
        assert "".join(lines) == row["part"] == f"{names}0"
        assert (len(lines) > 1) == (width == WIDTHS[0])
        assert row["name_end"] - 6.3 * max(map(len, lines)) >= 0
        assert row["value_start"] + 6.3 * len(row["value"]) <= width


def test_two_hundred_boxes_have_columns_and_one_on_a_phone():
    figure = drawn(chain(*[5] * 200), {"block0": Worth(0.1, "+0.1", "worse")})
    columns = {
        width: len({row["name_end"] for row in figure.at(width).rows if row["mark"] == "box"})
        for width in WIDTHS
    }
    assert columns == {WIDTHS[0]: 1, WIDTHS[1]: 2, WIDTHS[2]: 4}


def test_chart_is_valid_in_every_width():
    figure = drawn(chain(3, 2), {"block0": Worth(0.1, "+0.1", "worse")})
    for width in WIDTHS:
        altair.Root.validate(file_spec(figure.at(width), "study"))


def test_single_changes_are_by_operation_and_others_left_out():
    changes = {
        "baseline": {},
        "one": {"part:a": "linear"},
        "two": {"part:b": "remove"},
        "epochs": {"epochs": 3},
        "both": {"part:a": "linear", "epochs": 3},
        "pair": {"part:a": "linear", "part:b": "remove"},
    }
    assert changed_parts(changes) == {"remove": {"b": "two"}, "linear": {"a": "one"}}
    assert changed_parts({"in": {"part:a": "keep"}}) == {"keep": {"a": "in"}}
    assert changed_parts({"epochs": {"epochs": 3}}) == {}


@pytest.fixture
def of_parts(contents):
    """The study of `contents` with other names: two blocks removed and one of them linear."""
    renamed = {"pool_size=1": "part:block0=remove", "pool_size=3": "part:block1=remove",
               "pool_size=4": "part:block0=linear"}  # fmt: skip
    tables = {
        name: getattr(contents, name).replace({"variant": renamed})
        for name in ("trials", "deltas", "history", "costs")
    }
    changes = {"baseline": {}} | {
        name: {name.partition("=")[0]: name.partition("=")[2]} for name in renamed.values()
    }
    return replace(contents, **tables, changes=changes, network=chain(300, 100))


def test_study_of_parts_has_a_picture_per_operation(of_parts, contents):
    shown = {it.name: it for it in figures(of_parts, LIGHT) if it.section == "network"}
    assert list(shown) == ["network", "network-linear"]
    first = boxes_of(shown["network"])
    deltas = of_parts.deltas_of("test_loss").set_index("variant")["delta"]
    for part in ("block0", "block1"):
        number = float(first[part]["value"].replace("\N{MINUS SIGN}", "-"))
        assert number == pytest.approx(deltas[f"part:{part}=remove"], abs=6e-4)
    assert boxes_of(shown["network-linear"])["block1"]["value"] == ""
    assert shown["network-linear"].caption.startswith(
        "Number and colour: delta of test loss if its activations become identity. "
    )
    assert not [it for it in figures(contents, LIGHT) if it.section == "network"]
    unknown = replace(of_parts, network=None)
    assert not [it for it in figures(unknown, LIGHT) if it.section == "network"]


def test_names_are_escaped_in_every_format(of_parts, tmp_path, monkeypatch):
    monkeypatch.setattr("ablations.report.html.vega_bundle", str)  # takes long to make
    nodes = [replace(node, name=HOSTILE + node.name) for node in of_parts.network.nodes]
    network = replace(of_parts.network, nodes=tuple(nodes))
    page = write_report(replace(of_parts, network=network), tmp_path / "report.html").read_text()
    assert HOSTILE not in page
    (spec,) = re.findall(r'<script type="application/json" id="spec-network">(.*?)</script>', page)
    (_, chart), *_ = json.loads(spec)
    assert f"{HOSTILE}head" in {row.get("part") for row in chart["datasets"]["rows"]}
    (figure,) = (
        it for it in figures(replace(of_parts, network=network), LIGHT) if it.name == "network"
    )
    svg = paper_figure(figure).svg
    assert "<b " not in svg
    assert "&lt;b onclick" in svg


def test_progressive_study_colours_the_part_where_it_cuts(of_parts):
    changes = {
        "part:block0=remove": {"part:block1": "remove"},
        "part:block1=remove": {"part:block1": "remove", "part:block0": "remove"},
    }
    (figure,) = (
        it for it in figures(replace(of_parts, changes=changes), LIGHT) if it.section == "network"
    )
    assert figure.title == "Network cut from the end"
    sizes = {name: row["size"] for name, row in boxes_of(figure).items()}
    one = of_parts.deltas_of("test_loss").set_index("variant").loc["part:block0=remove", "delta"]
    assert float(sizes["block1"].split()[0].replace("\N{MINUS SIGN}", "-")) == pytest.approx(
        one, abs=6e-4
    )


def test_failed_variant_says_so(of_parts):
    lost = of_parts.trials["variant"] == "part:block0=remove"
    trials = of_parts.trials.assign(
        status=np.where(lost, "failed", of_parts.trials["status"]), reason="no memory"
    )
    empty = of_parts.deltas["variant"] == "part:block0=remove"
    deltas = of_parts.deltas.assign(
        **{name: of_parts.deltas[name].mask(empty) for name in ("delta", "ci_low", "ci_high")}
    )
    shown = replace(of_parts, trials=trials, deltas=pd.DataFrame(deltas))
    (figure,) = (it for it in figures(shown, LIGHT) if it.name == "network")
    assert boxes_of(figure)["block0"]["value"] == "failed"
    assert boxes_of(figure)["block0"]["size"] == "all 10 trials failed: no memory"
