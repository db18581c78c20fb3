"""A cache of the tests' own, and how Hypothesis runs here."""

import pytest
from hypothesis import settings

# No example database: tests write only to temporary folders. No deadline: machines differ.
settings.register_profile("data", database=None, deadline=None, max_examples=60)
settings.load_profile("data")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
