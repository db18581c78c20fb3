"""Functions and items that worker processes of the engine tests import by name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # worker processes inherit it
