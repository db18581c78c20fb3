"""Configuration of the documentation; build it with ``python -m sphinx -W docs docs/_build``."""

import shutil
import sys
from pathlib import Path

import cnnzoo

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_extensions"))

project = "cnnzoo"
author = "The cnnzoo developers"
project_copyright = author
version = release = cnnzoo.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_nb",
    "generated",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]
templates_path = ["_templates"]
html_static_path = ["_static"]

# What is generated or copied here must not outlive its source.
for generated in ("reference/api", "notebooks", "benchmarks"):
    shutil.rmtree(DOCS / generated, ignore_errors=True)
shutil.copytree(DOCS.parent / "notebooks", DOCS / "notebooks")
shutil.copytree(DOCS.parent / "tests" / "benchmarks" / "results", DOCS / "benchmarks")
autosummary_generate = True
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the template of classes lists them
python_maximum_signature_line_length = 80
add_function_parentheses = False
python_use_unqualified_type_names = True
smartquotes = False

# A name in single backticks in a docstring is a link if there is a page for it. Names of this
# project that contain a dot must have one. Types in signatures may be internal.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", r"[^.]+"),
    (r"py:.*", r"(?!cnnzoo|ablations).*"),
    ("py:class", r"\w+(\.\w+){2,}"),
]

nb_execution_mode = "off"  # notebooks are stored with their outputs, which the tests check
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = "cnnzoo"
html_css_files = ["cnnzoo.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 6,
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
}
without_subpages = (
    *("index", "tutorial", "insight", "doctor", "examples", "statistics", "glossary"),
    *("gallery", "architecture", "traps", "contributing", "changelog"),
)
html_sidebars = {page: [] for page in without_subpages}
