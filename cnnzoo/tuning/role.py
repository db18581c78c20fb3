"""What part of a search over hosts this process has. TensorFlow is not loaded to tell."""

import math
import os

from cnnzoo.toggle import ToggleError

VARIABLES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")

PATIENCE = "CNNZOO_PATIENCE"
"""The variable that says for how many seconds a worker waits for its chief."""

BEGIN_WITHIN, ANSWER_WITHIN = 600.0, 120.0
"""For how many unless it does: until the chief, which loads the data first, has begun, and for each
answer from then on."""


def role() -> str:
    """Return "chief" or "worker" if KerasTuner's environment variables say so, else "".

    Raises
    ------
    ToggleError
        If only some of them are set, the port is none, or a worker's patience is no time.
    """
    given = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    if not given:
        return ""
    missing = [name for name in VARIABLES if name not in given]
    if missing:
        raise ToggleError(
            f"{' and '.join(given)} {'is' if len(given) == 1 else 'are'} set in the environment, "
            f"and {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not: set all "
            "three for a search over hosts, or none."
        )
    name, _, port = given.values()
    if not (port.isdecimal() and 0 < int(port) < 2**16):
        raise ToggleError(
            f"KERASTUNER_ORACLE_PORT must be a whole number from 1 to 65535; got {port!r}."
        )
    patience(0.0)
    return "chief" if "chief" in name else "worker"  # as KerasTuner tells them


def patience(usual: float) -> float:
    """Return for how many seconds a worker waits for its chief, if the environment says it.

    Raises
    ------
    ToggleError
        If what it says is no time.
    """
    text = os.environ.get(PATIENCE, str(usual))
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ToggleError(f"{PATIENCE} must be a number of seconds from 0 up; got {text!r}.")
    return seconds
