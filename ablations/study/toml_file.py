"""Studies as TOML files."""

import tomllib
from pathlib import Path

from ablations.study.checks import EXPLORATORY_BELOW, MAX_SEEDS
from ablations.study.settings import StudyError
from ablations.study.study import Study

TEMPLATE = """\
# A study: run it with `ablations run {path}`, which goes on where it was if run again.

name = "{name}"  # of its folder and its report
model = "downsampling"  # of `cnnzoo list`; or "module:function" of your own, in a module that is
# installed, beside this file, or in the folder that you are in
data = "mnist5k"  # or "digits", "rotation", "mnist1d", "tfds:NAME", "folder:PATH", "npz:PATH"

# How variants are made of the factors: one-at-a-time, leave-one-out, add-one-in, full-factorial,
# fractional-factorial, plackett-burman or path; or "list", with [[variants]] of your own in the
# place of [factors]. Which of two levels is on does not depend on their order: False, "none" and a
# strength of 0 are off; elsewhere the default is on, or [baseline] says where the design starts.
design = "one-at-a-time"

seeds = 10  # seed blocks; fewer than {few} give no verdict; "auto" adds blocks where it is open
# max_seeds = {most}  # and at most so many
metrics = ["loss", "accuracy"]  # and macro_f1, nll; mae, rmse of a regression

# timeout = 600  # seconds after which a trial is given up
# retries = 1  # how often a trial is tried again after its process died

[factors]  # the levels of toggles of the model, the recipe or the data
pool_size = [1, 2, 3, 4]

[baseline]  # what differs from the defaults in every variant that does not change it
# filters = 16

[recipe]  # of every trial
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
        A file with the fields of `Study`; ``recipe`` is a table with the fields of `Recipe`.

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
        raise StudyError(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not TOML: {error}.") from error
    return Study.from_dict({"name": path.stem, **values})


def write_template(path: str | Path) -> Path:
    """Write a commented study to start from.

    Raises
    ------
    StudyError
        If the file is there already, its folder is not, or its name is another kind's.
    """
    path = Path(path).expanduser()
    if path.suffix != ".toml":
        raise StudyError(f"Expected a file name that ends in .toml; got {str(path)!r}.")
    if path.exists():
        raise StudyError(f"{path} is there already; give another name.")
    if not path.parent.is_dir():
        raise StudyError(f"There is no folder {path.parent} to write {path.name} to.")
    path.write_text(_template(path), encoding="utf-8")
    return path


def _template(path: Path) -> str:
    return TEMPLATE.format(name=path.stem, path=path, few=EXPLORATORY_BELOW, most=MAX_SEEDS)
