"""Studies: what they declare, its checks, and the toggles that they can set."""

from ablations.study.study import BASELINE, Study, Trial, TrialResult, TrialStatus, Variant
from cnnzoo.levels import Settings

__all__ = ["BASELINE", "Settings", "Study", "Trial", "TrialResult", "TrialStatus", "Variant"]
