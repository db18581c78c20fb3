"""The page without a browser: its structure, its texts, and the time to write it."""

import base64
import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from ablations.report import write_report
from ablations.report.study.contents import EPOCHS, STABILITY, TRENDS
from ablations.report.study.document import LAST_LOOK, facts
from ablations.report.study.summary import HOW_LIKELY
from ablations.report.study.tables import deltas_table, shaped_table
from ablations.report.table import NOTES, Table, text_cell, with_footnotes
from ablations.report.theme import DARK, LIGHT
from ablations.stats import convergence, stability, trend
from cnnzoo.data import load_data
from cnnzoo.data.description import describe_data


@pytest.fixture(scope="module")
def html(contents, tmp_path_factory):
    path = write_report(contents, tmp_path_factory.mktemp("page") / "report.html")
    return path.read_text(encoding="utf-8")


class Structure(HTMLParser):
    VOID = ("meta", "link", "br", "img", "input", "wbr")

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.scripts, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.scripts if self.open and self.open[-1] == "script" else self.text).append(data)


@pytest.fixture(scope="module")
def structure(html):
    parsed = Structure()
    parsed.feed(html)
    parsed.close()
    assert parsed.open == []
    return parsed


# Structure


def test_page_loads_nothing(structure):
    addresses = [
        value
        for _, attributes in structure.tags
        for name, value in attributes.items()
        if name in ("src", "href", "action", "data", "srcset")
    ]
    assert all(value.startswith(("#", "data:,")) for value in addresses)
    policy = next(a["content"] for t, a in structure.tags if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "http" not in policy


def test_charts_are_inert_json(structure, html):
    specs = re.findall(r'<script type="application/json" id="spec-[\w-]+">(.*?)</script>', html)
    assert len(specs) == 12
    for text in specs:
        assert not re.search("[<>&]", text)
        assert json.loads(text)["datasets"]["rows"]
    assert len([tag for tag, _ in structure.tags if tag == "script"]) == 12 + 2
    assert any('<b>&"x"</b>' in json.dumps(json.loads(s), ensure_ascii=False).replace('\\"', '"')
               for s in specs)  # fmt: skip


def visible_words(html):
    """Count the words that a reader sees at once, without what is folded away."""
    text = re.sub(r"(?s)<(style|script|svg|noscript|pre)\b.*?</\1>", " ", html)
    text = re.sub(r"(?s)(<details>\s*<summary>.*?</summary>).*?</details>", r"\1", text)
    return len(re.sub(r"<[^>]+>", " ", text).split())


def test_words_of_a_page_of_three_variants(contents, tmp_path):
    """A trend over four levels in two metrics, with everything a finished study has."""
    three = ("baseline", "pool_size=1", "pool_size=3", "pool_size=4")
    trials, deltas, history, costs = (
        getattr(contents, name)[getattr(contents, name)["variant"].isin(three)]
        for name in ("trials", "deltas", "history", "costs")
    )
    names = ["test_loss", "test_accuracy"]
    tables = {
        TRENDS: pd.concat([trend(trials, "pool_size", name) for name in names]),
        STABILITY: stability(trials, names),
        EPOCHS: convergence(history, "val_loss"),
    }
    study = contents.study | {"factors": {"pool_size": [1, 2, 3, 4]}, "margins": {"loss": 0.01}}
    shown = replace(
        contents,
        study=study,
        trials=trials,
        deltas=deltas,
        history=history,
        costs=costs,
        tables=tables,
        findings=(),
        variant_findings={},
        secondary=("test_accuracy",),
        changes={},
    )
    html = write_report(shown, tmp_path / "three.html").read_text(encoding="utf-8")
    assert 300 < visible_words(html) < 755


def test_data_is_described_with_pictures(contents, tmp_path):
    described = describe_data("digits", load_data("digits"))
    page = write_report(replace(contents, data={"digits": described}), tmp_path / "data.html")
    parsed = Structure()
    parsed.feed(page.read_text(encoding="utf-8"))
    pictures = [attributes for tag, attributes in parsed.tags if tag == "img"]
    assert [one["alt"] for one in pictures] == [
        f"Training images of digits: {digit}" for digit in range(10)
    ]
    for one in pictures:
        start, png = one["src"].split(",")
        assert start == "data:image/png;base64"
        assert base64.b64decode(png, validate=True).startswith(b"\x89PNG")
    texts = {text.strip() for text in parsed.text}
    assert {
        "1,437 train, 180 validation, 180 test",
        "8\N{MULTIPLICATION SIGN}8\N{MULTIPLICATION SIGN}1",
    } <= texts


def test_hostile_texts_are_escaped(contents, tmp_path):
    evil = "</style></script><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}"
    study = contents.study | {"name": evil, "data": evil, "factors": {evil: [evil, 1]}}
    deltas = contents.deltas.assign(variant=evil, factor=evil, notes=evil)
    shown = replace(
        contents,
        study=study,
        deltas=deltas,
        findings=[evil],
        tables={evil: contents.tables["Stability"].rename(columns={"std": evil})},
        versions={evil: evil},
        machine={evil: evil},
        rerun=evil,
        directory=evil,
    )
    parsed = Structure()
    parsed.feed(write_report(shown, tmp_path / "evil.html").read_text(encoding="utf-8"))
    assert not [tag for tag, _ in parsed.tags if tag == "img"]
    assert all("alert(1)" not in code for code in parsed.scripts if not code.startswith("{"))
    assert "49" not in {text.strip() for text in parsed.text}
    assert evil in parsed.text


def test_page_is_accessible(structure):
    names = [tag for tag, _ in structure.tags]
    attributes = dict(structure.tags)
    assert attributes["html"]["lang"] == "en"
    assert names.count("h1") == names.count("main") == 1
    assert names.count("caption") == names.count("table")
    assert all(a.get("scope") in ("col", "row") for t, a in structure.tags if t == "th")
    charts = [a for t, a in structure.tags if a.get("class") == "chart"]
    assert len(charts) == 12
    assert all(a["role"] == "img" and a["aria-label"] for a in charts)
    ids = [a["id"] for _, a in structure.tags if "id" in a]
    assert len(ids) == len(set(ids))
    links = [a["href"][1:] for t, a in structure.tags if t == "a"]
    assert set(links) <= set(ids)


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    "name", ["ink", "muted", "accent", "better", "worse", "equivalent", "inconclusive"]
)
def test_text_contrast(theme, name):
    for ground in ("surface", "page"):
        darker, lighter = sorted([luminance(theme[name]), luminance(theme[ground])])
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_thousand_trials_take_under_two_seconds(many, tmp_path):
    write_report(many, tmp_path / "first.html")  # makes the bundle where it is not kept yet
    start = time.process_time()
    path = write_report(many, tmp_path / "many.html")
    assert time.process_time() - start < 2
    assert path.stat().st_size < 2_000_000


def test_reports_load_neither_keras_nor_ray():
    code = (
        "import sys, ablations.report, ablations.report.study.document\n"
        "heavy = {'keras', 'tensorflow', 'ray', 'keras_tuner'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


# Texts


def test_recipe_of_the_baseline(contents):
    study = contents.study | {"baseline": {"batch_size": 8, "skip": True}}
    shown = facts(replace(contents, study=study))
    assert shown["Recipe of the baseline"] == (
        "epochs 12, batch_size 8, schedule constant, augment none"
    )
    assert shown["Baseline"] == "batch_size 8, skip True"


def test_statistics_of_the_last_look_are_named(contents, html, tmp_path):
    looked = replace(contents, deltas=contents.deltas.assign(look=2))
    page = write_report(looked, tmp_path / "looked.html").read_text(encoding="utf-8")
    assert page.count(LAST_LOOK) == 1
    assert LAST_LOOK not in html


def test_one_seed_has_no_interval_and_no_p_column(one_seed, tmp_path):
    table = deltas_table(one_seed, "test_loss")
    assert not {"95% CI", "p (Holm)"} & set(table.headers)
    page = write_report(one_seed, tmp_path / "one.html").read_text(encoding="utf-8")
    assert "not corrected for multiple comparisons" not in page
    assert "no verdict</li>" in page


def test_unfinished_trials_are_in_no_denominator(contents, html):
    assert "<dd>79 of 90 done, 1 failed, 10 pending, 10 infeasible</dd>" in html
    assert "<b>7 comparisons</b> in test loss: 2 better, 3 worse" in html


def test_largest_effect_prefers_variants_without_findings(contents, tmp_path):
    warned = replace(contents, variant_findings={"pool_size=4": ["It is deaf."]})
    page = write_report(warned, tmp_path / "warned.html").read_text(encoding="utf-8")
    assert "; the largest without a finding, normalization=batch (baseline: none), is " in page
    deltas = contents.deltas[contents.deltas["variant"].isin(["pool_size=4"])]
    only = replace(warned, deltas=deltas)
    page = write_report(only, tmp_path / "only.html").read_text(encoding="utf-8")
    assert page.split("</header>")[0].count('but <a href="#findings">see its finding</a>') == 1


def test_finding_is_stated_once(html):
    assert html.count("the moving averages have not converged") == 1


def test_page_has_its_date_and_short_digests(contents, tmp_path):
    shown = replace(contents, made="2026-01-31", versions={"data": "3b" * 32})
    page = write_report(shown, tmp_path / "dated.html").read_text(encoding="utf-8")
    assert "report of 2026-01-31" in page
    assert "<dd>3b3b3b3b3b3b</dd>" in page


def test_further_tables_do_not_account_for_looks(contents):
    frame = stability(contents.trials, ["test_loss"])
    looked = replace(contents, deltas=contents.deltas.assign(look=2))
    assert shaped_table(looked, STABILITY, frame).lead.endswith(
        " These p values do not account for the seeds that were added while verdicts were open."
    )
    assert "These p values" not in shaped_table(contents, STABILITY, frame).lead


def test_caution_on_suggested_seeds_stands_once(contents, tmp_path):
    def written(shown):
        place = tmp_path / "report.json"
        return write_report(shown, place, overwrite=True).read_text(encoding="utf-8")

    assert written(contents).count("might settle it") == 3
    assert written(contents).count(HOW_LIKELY) == 1
    sure = replace(contents, deltas=contents.deltas.assign(seeds_needed=float("nan")))
    assert HOW_LIKELY not in written(sure)


def test_note_of_all_rows_stands_below_the_table():
    cells = [[text_cell(text) for text in row] for row in (["a", "few; odd"], ["b", "few"])]
    table = with_footnotes(Table("T", ("Name", NOTES), tuple(map(tuple, cells)), below="Last."))
    assert table.below == "All rows: few. Last."
    assert table.notes == ("odd",)
    assert [row[0].mark for row in table.rows] == ["1", ""]


def test_small_mean_beside_a_large_delta_is_not_0(contents):
    deltas = contents.deltas.assign(
        delta=284_928.0, ci_low=263_646.0, ci_high=306_211.0, baseline_mean=0.25437
    )
    table = deltas_table(replace(contents, deltas=deltas), "test_loss")
    at = table.headers.index("Baseline mean")
    assert {row[at].text for row in table.rows} == {"0.2544"}
