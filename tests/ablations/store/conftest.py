"""Store for one test."""

import pytest

from ablations.store import Store


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "study", write=True) as store:
        yield store
