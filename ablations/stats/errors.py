"""The one error of this package."""


class StatisticsError(ValueError):
    """A table that the statistics cannot read, with what is wrong in it and what would do."""
