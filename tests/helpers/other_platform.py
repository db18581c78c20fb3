"""What another platform lacks, taken away on this one."""

import builtins
import importlib
import multiprocessing.context
import os
import signal
import sys

PACKAGES = ("cnnzoo", "ablations")

LINUX_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
"""Modules that this project does without: Windows has none of them."""

LACKING = {
    "darwin": {os: ("sched_getaffinity",)},
    "win32": {
        os: ("fork", "forkpty", "getloadavg", "killpg", "sched_getaffinity", "setsid"),
        signal: ("SIGALRM", "SIGHUP", "SIGKILL"),
    },
}
"""Names that modules lack on a platform."""

FORKING = ("ForkContext", "ForkProcess", "ForkServerContext", "ForkServerProcess")
"""Names that ``multiprocessing.context`` lacks on Windows. TensorFlow needs one of them here."""

IMPORTED_FIRST = (
    *("asyncio", "ctypes", "multiprocessing.forkserver", "multiprocessing.popen_fork", "tempfile"),
    *("filelock", "joblib", "pebble", "psutil"),
)
"""Modules of others that choose their own code by the platform."""


def pretend(platform):
    """Import the engine of worker processes as on a platform, and take away what is Linux's.

    Only this project is refused the modules, because other packages have code for each platform.
    """
    for name in IMPORTED_FIRST:
        importlib.import_module(name)
    python_import = builtins.__import__

    def refuse(name, importer=None, *others, **options):
        package = str((importer or {}).get("__name__")).partition(".")[0]
        if package in PACKAGES and name.partition(".")[0] in LINUX_MODULES:
            raise ModuleNotFoundError(f"No module named {name!r} on {platform}")
        return python_import(name, importer, *others, **options)

    builtins.__import__ = refuse
    for module, names in LACKING[platform].items():
        for name in names:
            delattr(module, name)
    here, sys.platform = sys.platform, platform
    context = multiprocessing.context
    lacking = {name: context.__dict__.pop(name) for name in FORKING if platform == "win32"}
    try:
        importlib.import_module("cnnzoo.engine")
    finally:
        sys.platform = here
        vars(context).update(lacking)
