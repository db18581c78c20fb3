"""What is studied, declared and checked: a study, its levels, its model and where they meet."""

from ablations.study.study import BASELINE, ENDED, Status, Study, Trial, TrialResult, Variant

__all__ = ["BASELINE", "ENDED", "Status", "Study", "Trial", "TrialResult", "Variant"]
