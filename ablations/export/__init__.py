"""Export of trials with their curves to experiment trackers, one module per tracker."""

from ablations.export.export import DESTINATIONS as DESTINATIONS
from ablations.export.export import export_trials as export_trials
