"""TensorFlow's start-up lines: hide them wherever TensorFlow is imported after this package.

Most of them obey an environment variable. The first ones come from C++ while the module is
imported, before TensorFlow reads the variable, and go to file descriptor 2 whatever
``sys.stderr`` is.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
"""Environment variable for the least severity of TensorFlow's messages."""

SILENT = "3"


def hide_start_up_lines() -> None:
    """Hide TensorFlow's start-up lines, unless the environment sets another level of messages."""
    if os.environ.setdefault(LEVEL, SILENT) == SILENT and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietImport())


class _QuietImport(MetaPathFinder):
    """Finds TensorFlow as the other finders do, and executes its module quietly."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the specification of TensorFlow, and None for other modules."""
        if fullname != "tensorflow":
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        found = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next(filter(None, found), None)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            execute = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                from cnnzoo.runtime.console import quiet_stderr

                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                with quiet_stderr():
                    execute(module)

            loader.exec_module = exec_module
        return spec
