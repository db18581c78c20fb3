"""The documents' claims as studies, by name."""

from ablations.documents.loss_causes import CLAIMS as LOSS_CLAIMS
from ablations.documents.loss_causes import SAYINGS as LOSS_SAYINGS
from ablations.documents.loss_causes import STUDIES as LOSS_CAUSES
from ablations.settings import check_known
from ablations.study import Study

STUDIES: dict[str, Study] = {**LOSS_CAUSES}

CLAIMS: dict[str, str] = {**LOSS_CLAIMS}
"""By study, the claim that it asks about."""

SAYINGS: dict[str, str] = {**LOSS_SAYINGS}
"""By claim, what it says."""

ABOUT_CLAIMS = (
    'Each study asks whether a claim holds that document 000 makes, "What causes loss in '
    'convolutional layers?":'
)


def get_study(name: str) -> Study:
    """Look up a built-in study.

    Raises
    ------
    StudyError
        If there is none of that name.

    Examples
    --------
    >>> get_study("downsampling").factors["pool_size"]
    (1, 2, 3, 4)
    """
    check_known(name, list(STUDIES), "There is no built-in study")
    return STUDIES[name]
