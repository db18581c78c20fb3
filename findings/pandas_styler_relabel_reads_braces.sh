#!/usr/bin/env bash
# Guess: `Styler.relabel_index(labels)` shows the labels as they are given.
# What happens (pandas 3.1.1): each label that is a string is a format template. `{}` in it is replaced by
#   the old label: r"a\textless{}b" over a column named 0 becomes r"a\textless0b" without a warning, and
#   over a column named "x" r"a\textlessxb". Other braces raise KeyError or ValueError: r"$\bar{y}$" fails
#   with KeyError: 'y'. `DataFrame.to_latex(header=labels)` does the same.
# Who is hurt: who writes LaTeX tables with custom headings. A correct escape of "<" or "~" often ends in
#   `{}`, which separates the command from the next letter. The result of the silent case is a wrong
#   heading or an undefined command in LaTeX.
# Source: pandas/io/formats/style_render.py, StylerRenderer.relabel_index, alias_ (`value.format(x)`).
#   It is documented, in the last example of relabel_index and in to_latex's `header`; the issue
#   github.com/pandas-dev/pandas/issues/60063 was closed with that sentence.
# Seen: headings of a data frame with the columns 0 and "x":
#     r"a\textless{}b"      a\textless0b      a\textlessxb
#     r"a\textless{{}}b"    a\textless{}b     a\textless{}b
#     r"$\bar{y}$"          KeyError          KeyError
#     "{a, b}"              KeyError          KeyError
#     "{"                   ValueError        ValueError
# Remedy: double the braces, label.replace("{", "{{").replace("}", "}}").
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pandas==3.1.1 numpy==2.4.6 jinja2==3.1.6 \
  2>"$folder/log" || { cat "$folder/log"; exit 1; }
"$folder/venv/bin/python" 2>"$folder/log" - <<'PYTHON' || { tail -n 5 "$folder/log"; exit 1; }
import warnings

import pandas as pd

warnings.simplefilter("error")
print("pandas", pd.__version__)


def heading(label, column, direct=False):
    frame = pd.DataFrame({column: ["value"]})
    try:
        if direct:
            latex = frame.to_latex(header=[label])
        else:
            latex = frame.style.relabel_index([label], axis="columns").to_latex()
    except (KeyError, ValueError) as error:
        return type(error).__name__
    line = next(line for line in latex.splitlines() if line.startswith(" & "))
    return line.removeprefix(" & ").removesuffix(r" \\")


less = r"a\textless{}b"
doubled = less.replace("{", "{{").replace("}", "}}")
for label in (less, doubled, r"$\bar{y}$", "{a, b}", "{"):
    print(f"{label:20}", f"{heading(label, 0):16}", heading(label, "x"))
assert heading(less, 0) == r"a\textless0b", "the braces of a label now stay"
assert heading(less, "x") == r"a\textlessxb"
assert heading(less, 0, direct=True) == r"a\textless0b"
assert heading(r"$\bar{y}$", 0) == heading(r"$\bar{y}$", 0, direct=True) == "KeyError"
assert heading("{", 0) == "ValueError"
assert heading(doubled, 0) == heading(doubled, 0, direct=True) == less
PYTHON
echo "as described"
