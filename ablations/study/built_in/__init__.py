"""The documents' claims as studies, by name."""

from ablations.study import Study
from ablations.study.built_in.loss_causes import CLAIMED as LOSS_CLAIMED
from ablations.study.built_in.loss_causes import CLAIMS as LOSS_CLAIMS
from ablations.study.built_in.loss_causes import STUDIES as LOSS_CAUSES
from ablations.study.settings import check_known

STUDIES: dict[str, Study] = {**LOSS_CAUSES}

CLAIMS: dict[str, str] = {**LOSS_CLAIMS}
"""By study, the claim that it asks about."""

CLAIMED: dict[str, str] = {**LOSS_CLAIMED}
"""By claim, what it says."""


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
