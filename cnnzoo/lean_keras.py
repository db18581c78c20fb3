"""Loads Keras without what workers have no use for; what worker processes come from loads it first.

Where they are installed, TensorFlow and Keras load plots, tables, wrappers and consoles along, and
Python looks for garbage among all that it reads; both take long. Whoever needs what is left out
here imports it later as ever.
"""

import gc
import sys

UNUSED = ("IPython", "matplotlib", "scipy", "sklearn")

_hidden = [name for name in UNUSED if name not in sys.modules]
for _name in _hidden:
    sys.modules[_name] = None  # type: ignore[assignment] # as if it were not installed
gc.disable()
try:
    import keras  # noqa: F401
finally:
    gc.freeze()  # modules are no garbage
    gc.enable()
    for _name in _hidden:
        del sys.modules[_name]
