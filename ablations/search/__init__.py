"""From a search to what its choices are worth: studies of its best, and its report."""
