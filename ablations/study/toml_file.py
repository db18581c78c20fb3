"""Study files in TOML."""

import tomllib
from pathlib import Path

from ablations.study.checks import EXPLORATORY_BELOW, MAX_SEEDS
from ablations.study.errors import StudyError
from ablations.study.study import Study

TEMPLATE = """\
# A study. `ablations plan {path}` shows its trials and how long they take; `ablations run {path}`
# runs it, and the same command resumes it.

name = "{name}"  # name of its folder and title of its report
model = "downsampling"  # a model of `cnnzoo list`, or "module:function" for a custom builder in a
# module that is installed, beside this file, or in the current folder. Its toggles are listed by
# `cnnzoo describe downsampling` or `cnnzoo describe module:function`.
data = "mnist5k"  # or "digits", "rotation", "mnist1d", "tfds:NAME", "folder:PATH", "npz:PATH"
# data = ["mnist5k", "digits"]  # several: every variant on each of them

# How variants are made of the factors: one-at-a-time, leave-one-out, add-one-in, full-factorial,
# fractional-factorial, plackett-burman or path; or "list", with [[variants]] instead of [factors].
# Which of two levels is on does not depend on their order: False, "none" and a strength of 0 are
# off; otherwise the default is on, unless [baseline] sets where the design starts.
design = "one-at-a-time"

seeds = 10  # number of seeds; fewer than {few} give no verdict; "auto" adds seeds while one is open
# max_seeds = {most}  # maximum of "auto"
metrics = ["loss", "accuracy"]  # or macro_f1, nll; for a regression mae, rmse

# timeout = 600  # seconds after which a trial is stopped
# retries = 1  # number of times that a trial is repeated after its process died
# cpus = 1  # cores that a trial is given, which set how many run side by side
# gpus = 0.25  # GPUs that a trial is given: 0, 1, or a fraction if several share one

# parts = "blocks"  # further factors: the blocks, branches or layers of the model, or their names;
# `ablations parts downsampling` lists them
# ops = ["remove"]  # or linear, no_norm, no_skip, no_bias, freeze, shuffle, halve, double

[factors]  # levels by toggle of the model, the recipe or the data
pool_size = [1, 2, 3, 4]

[baseline]  # levels that replace the defaults in every variant that does not change them
# filters = 16
# test = 0.3  # share of the examples for the test split; validation = 0.2

[recipe]  # how every trial is trained
epochs = 3
batch_size = 32

[margins]  # by metric, the largest difference that does not matter
# accuracy = 0.005
"""


def read_study(path: str | Path) -> Study:
    """Read a study from a TOML file.

    Parameters
    ----------
    path
        File with the fields of `Study`; ``recipe`` is a table with the fields of `Recipe`.

    Raises
    ------
    StudyError, ToggleError
        If there is no such file, it is not TOML, or the study cannot be run as declared.

    Examples
    --------
    >>> path = write_template("my_study.toml")
    >>> read_study(path).factors["pool_size"]
    (1, 2, 3, 4)
    """
    path = Path(path).expanduser()
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"Cannot read {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not TOML: {error}.") from error
    return Study.from_dict({"name": path.stem, **values})


def write_template(path: str | Path) -> Path:
    """Write a study file with comments, to start from.

    Raises
    ------
    StudyError
        If the file exists, its folder does not, or its name does not end in .toml.
    """
    path = Path(path).expanduser()
    if path.suffix != ".toml":
        raise StudyError(f"Expected a file name that ends in .toml; got {str(path)!r}.")
    if path.exists():
        raise StudyError(f"{path} already exists; choose another name.")
    if not path.parent.is_dir():
        raise StudyError(f"Cannot write {path}: the folder {path.parent} does not exist.")
    text = TEMPLATE.format(name=path.stem, path=path, few=EXPLORATORY_BELOW, most=MAX_SEEDS)
    path.write_text(text, encoding="utf-8")
    return path
