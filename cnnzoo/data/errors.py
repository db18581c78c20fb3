"""The error of data that cannot be loaded or used."""


class DataError(ValueError):
    """Data that cannot be used: what, where, what is allowed, what came, and the remedy."""
