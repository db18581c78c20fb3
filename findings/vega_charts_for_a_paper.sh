#!/usr/bin/env bash
# Guess: a chart of a width keeps this width in a PDF, an axis format "~g" writes 16, 32 and 48 as they
#   are, and "zero": true with "padding" begins an axis of costs at 0.
# What happens (vl-convert 1.9.0.post1, which contains Vega-Lite 6 and Vega 6):
#   - svg_to_pdf reads a width in millimetres as pixels of 1/96 inch and writes the pixels as points of
#     1/72 inch: an SVG of 84 mm becomes a page of 112 mm.
#   - "~g" takes its precision from the distance of the ticks: the labels are 2e+1, 3e+1 and 5e+1.
#   - "padding" extends the scale below 0, although "zero" is true and no value is negative.
# Who is hurt: who draws figures for an article of a fixed column width (a figure is a third too wide, or
#   is scaled with its letters), and who plots numbers of filters or parameters.
# Source: vl-convert's svg_to_pdf (resvg's usvg turns units into pixels); vega-scale's tickFormat, which
#   passes the step of the ticks to d3-format's precision; vega-encode's scale padding, applied after zero.
# Seen: see the last lines of the output.
# Remedy: give the width without a unit, in points; ".4~g"; "domainMin": 0 instead of padding below.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet vl-convert-python==1.9.0.post1 \
  2>"$folder/log" || { cat "$folder/log"; exit 1; }
"$folder/venv/bin/python" 2>"$folder/log" - <<'PYTHON' || { tail -n 5 "$folder/log"; exit 1; }
import re

import vl_convert

print("vl-convert", vl_convert.__version__)


def page_width(width):
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{width}" '
        'viewBox="0 0 84 84"><rect width="84" height="84"/></svg>'
    )
    pdf = vl_convert.svg_to_pdf(svg)
    box = re.search(rb"/MediaBox\s*\[([^\]]*)\]", pdf).group(1).split()
    return float(box[2]) / 72 * 25.4


def labels(format=None, values=None, scale=None):
    axis = {"format": format} if format else {}
    axis |= {"values": values} if values else {}
    chart = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": [{"x": x, "y": 1} for x in (16, 32, 48)]},
        "mark": "point",
        "encoding": {
            "x": {
                "field": "x",
                "type": "quantitative",
                "axis": axis,
                "scale": {"zero": False, **(scale or {})},
            }
        },
    }
    svg = vl_convert.vegalite_to_svg(chart)
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    return [text for text in texts if re.match(r"^[\N{MINUS SIGN}-]?\d", text)]


millimetres, points = page_width("84mm"), page_width(f"{84 / 25.4 * 72}")
print(f"page of a width of 84 mm: {millimetres:.1f} mm; of as many points: {points:.1f} mm")
plain, precise = (labels(form, [16, 32, 48]) for form in ("~g", ".4~g"))
print("labels of 16, 32, 48 by ~g:", plain, "by .4~g:", precise)
padded = labels(scale={"zero": True, "padding": 40})
print("ticks from 0 with padding:", padded)
assert abs(millimetres - 112) < 0.2, "the page has the width of the SVG now"
assert abs(points - 84) < 0.2
assert plain == ["2e+1", "3e+1", "5e+1"], plain
assert precise == ["16", "32", "48"], precise
assert any(text.startswith(("\N{MINUS SIGN}", "-")) for text in padded), padded
PYTHON
cat "$folder/log" >/dev/null
echo "as described"
