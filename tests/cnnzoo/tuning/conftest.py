"""What the tests of the searches share."""

import pytest


def pytest_collection_modifyitems(items):
    """KerasTuner 1.4.8 asks for the current thread's name in a way that Python 3.10 gave up."""
    for item in items:
        if "cnnzoo/tuning" in str(item.path):
            item.add_marker(
                pytest.mark.filterwarnings("ignore:currentThread|getName:DeprecationWarning")
            )
