"""Import Keras without the packages that workers do not use. Preloaded by the forkserver.

TensorFlow is imported too, because it reads the batches on every backend of Keras. They import
optional packages for plots, tables, wrappers and consoles if these are installed, and Python's
garbage collector searches all imported objects. Both take long. What is left out here can still be
imported later.
"""

import gc
import sys

from cnnzoo.runtime.keras_backend import configured_backend

UNUSED = ["IPython", "matplotlib", "sklearn"]
if configured_backend() != "jax":  # which needs it
    UNUSED.append("scipy")

_hidden = [name for name in UNUSED if name not in sys.modules]
for _name in _hidden:
    sys.modules[_name] = None  # type: ignore[assignment] # as if it were not installed
gc.disable()
try:
    import keras  # noqa: F401
    import tensorflow  # noqa: F401
finally:
    gc.freeze()  # modules are no garbage
    gc.enable()
    for _name in _hidden:
        del sys.modules[_name]
