"""Studies: what they declare, its checks, and the toggles that they can set."""

from ablations.study.study import BASELINE, ENDED, Status, Study, Trial, TrialResult, Variant
from cnnzoo.levels import Settings

__all__ = ["BASELINE", "ENDED", "Settings", "Status", "Study", "Trial", "TrialResult", "Variant"]
