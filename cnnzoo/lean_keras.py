"""Loads Keras without what workers have no use for; what worker processes come from loads it first.

Where Matplotlib and scikit-learn are installed Keras loads them along, for its galleries and its
wrappers, which takes almost as long as Keras itself. Whoever needs them later imports them as ever.
"""

import sys

UNUSED = ("matplotlib", "sklearn")

_hidden = [name for name in UNUSED if name not in sys.modules]
for _name in _hidden:
    sys.modules[_name] = None  # type: ignore[assignment] # as if it were not installed
try:
    import keras  # noqa: F401
finally:
    for _name in _hidden:
        del sys.modules[_name]
