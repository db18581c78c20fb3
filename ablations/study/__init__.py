"""What is studied, declared and checked: a study, its levels, its model and where they meet."""

from ablations.study.study import BASELINE, ENDED, Status, Study, Trial, TrialResult, Variant
from cnnzoo.levels import Settings

__all__ = ["BASELINE", "ENDED", "Settings", "Status", "Study", "Trial", "TrialResult", "Variant"]
