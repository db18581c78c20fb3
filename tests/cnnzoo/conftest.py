"""Modules beside the tests that several of them share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "ablations"))  # for `stub_builders`
