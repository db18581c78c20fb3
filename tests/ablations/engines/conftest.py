"""Workers that are ready at once."""

import pytest
import stub_trials

from ablations.engines import processes


@pytest.fixture(autouse=True)
def quick_workers(monkeypatch):
    """Workers of stubs need no Keras."""
    monkeypatch.setattr(processes, "prepare_worker", stub_trials.no_preparation)
