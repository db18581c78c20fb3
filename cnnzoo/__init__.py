"""Keras CNNs whose every choice is a toggle: build, train and describe them.

The public names are in ``__init__.pyi``; each is loaded on its first use, so that importing this
package costs nothing and loads no TensorFlow.
"""

import os as _os

import lazy_loader as _lazy

from cnnzoo.runtime.quiet_start import hide_start_up_lines as _hide_start_up_lines

_hide_start_up_lines()

# The first process that computes on a GPU would take all of its memory, and leave none to workers
# beside it. TensorFlow reads this when it starts to compute.
_os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
__version__ = "0.1.0"
