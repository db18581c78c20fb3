"""The statistics tried on data of which the truth is known, a module a kind of promise."""
