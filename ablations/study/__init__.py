"""What is studied, declared and checked: a study, its levels, its model and where they meet."""

from ablations.study.study import BASELINE, Study, Trial, TrialResult, TrialStatus, Variant
from cnnzoo.levels import Settings

__all__ = ["BASELINE", "Settings", "Study", "Trial", "TrialResult", "TrialStatus", "Variant"]
