"""Ablation studies: what each choice in a model is worth, in paired deltas with intervals.

The public names are in ``__init__.pyi``; each is loaded on its first use.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
