"""What runs on a machine of a Ray cluster: an actor that runs items in a process of its own.

The actor is a process engine with one worker. So an item runs in the same kind of process as
without Ray: forked from a server that has loaded Keras, with the same limits, retries and reasons.
A crash in an item ends that process and not the actor, which ends only if its machine is lost.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from cnnzoo.engine.interface import Outcome, WorkerSetup
from cnnzoo.engine.limits import Limits
from cnnzoo.engine.processes import HIDDEN, Processes
from cnnzoo.engine.shipping import ship, unpack
from cnnzoo.runtime.code_version import difference
from cnnzoo.runtime.files import CACHE, cache_folder, keep
from cnnzoo.runtime.keras_backend import configured_backend
from cnnzoo.runtime.machine import describe_machine

THREADS = "OMP_NUM_THREADS"
"""Ray sets this variable to the CPUs of an actor, which would change the last bits of sums."""

SENT = (THREADS, "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
SENT_PREFIXES = ("TF_", "XLA_", "JAX_", "CUBLAS_", "NVIDIA_TF32_")
"""Environment variables that change what a trial computes."""

LOG_BYTES = 2**16
"""Most bytes of the output of one item that are sent back."""


@dataclass(frozen=True)
class Home:
    """The process that the results go to: what its workers must have in common with it.

    Parameters
    ----------
    node
        Id of its node.
    scratch
        Folder for the files of workers, which is removed at the end; None for that of the system.
    folder, cache, path
        Its working folder, its cache folder and where it looks for modules; used on its node.
    environment
        Its environment variables that change what a trial computes.
    versions
        Its `WorkerSetup.versions`.
    """

    node: str
    scratch: str | None
    folder: str
    cache: str
    path: tuple[str, ...]
    environment: Mapping[str, str]
    versions: Mapping[str, str]

    @classmethod
    def here(cls, node: str, scratch: str | None, versions: Mapping[str, str]) -> "Home":
        """Describe this process."""
        names = [name for name in os.environ if name in SENT or name.startswith(SENT_PREFIXES)]
        environment = {name: os.environ[name] for name in names}
        environment["KERAS_BACKEND"] = configured_backend()
        cache = str(cache_folder().absolute())
        path = tuple(sys.path)
        return cls(node, scratch, str(Path.cwd()), cache, path, environment, versions)


@dataclass(frozen=True)
class Kit:
    """All that an actor needs, sent once for all of them.

    Parameters
    ----------
    home
        The process that the results go to.
    limits
        Time-out, retries and renewal.
    preload
        As of `WorkerSetup`.
    prepare, versions
        `WorkerSetup.prepare` and `WorkerSetup.versions`, as `ship` packs them: the actor itself
        must not load Keras.
    folders
        Reference to the files of each folder in the cache folder that a machine may lack, by name.
    """

    home: Home
    limits: Limits
    preload: tuple[str, ...]
    prepare: bytes
    versions: bytes
    folders: Mapping[str, Any]


@dataclass(frozen=True)
class Report:
    """How an item ended on another machine.

    Parameters
    ----------
    outcome
        The outcome. Its result is packed by `ship`. None if this machine cannot run items.
    log
        The last bytes that the item wrote to its standard output and standard error.
    refusal
        Why this machine cannot run items; "" if it can.
    """

    outcome: Outcome[bytes] | None = None
    log: bytes = b""
    refusal: str = ""


class RayWorker:
    """An actor that runs items, one at a time.

    It is created without arguments, so that it costs little until its first item.
    """

    def __init__(self) -> None:
        self._engine: Processes | None = None
        self._refusal = ""
        self._machine: Mapping[str, str] = {}

    def begin(self, sent: Sequence[Any]) -> None:
        """Prepare for items, once on each machine.

        Parameters
        ----------
        sent
            A reference to the `Kit`.
        """
        import ray

        if self._engine is not None:
            return
        kit: Kit = ray.get(sent[0])
        context = ray.get_runtime_context()
        is_home = context.get_node_id() == kit.home.node
        self._join(kit.home, is_home=is_home)
        if not context.get_accelerator_ids().get("GPU"):
            os.environ["CUDA_VISIBLE_DEVICES"] = HIDDEN
        if not is_home:
            self._machine = describe_machine()
            if changed := difference(kit.home.versions, unpack(kit.versions)()):
                where = ray.util.get_node_ip_address()
                self._refusal = (
                    f"The machine {where} has other versions: {changed}. Install the same versions "
                    "on all machines."
                )
            for name, reference in kit.folders.items():
                keep(cache_folder() / name, partial(_write, reference))
        self._scratch = tempfile.TemporaryDirectory(prefix="cnnzoo-", dir=kit.home.scratch)
        self._log = Path(self._scratch.name) / "log"
        setup = WorkerSetup(kit.preload, partial(_call, kit.prepare), attrgetter("changed_state"))
        self._engine = Processes(replace(kit.limits, workers=1, log=self._log), setup)
        self._engine.load()

    def run(self, sent: Sequence[Any], function: bytes, item: bytes) -> Report:
        """Run a function on an item, both packed by `ship`; `sent` is as of `begin`."""
        self.begin(sent)
        if self._refusal or self._engine is None:
            return Report(refusal=self._refusal)
        ((_, ended),) = self._engine.run(_run, [(function, item)])
        packed = None if ended.result is None else ended.result.packed
        outcome = Outcome(packed, ended.reason, ended.worker_died, self._machine)
        return Report(outcome, self._take_log())

    def _join(self, home: Home, *, is_home: bool) -> None:
        """Make this process like the one that the results go to."""
        os.environ.pop(THREADS, None)
        os.environ.update(home.environment)
        with suppress(OSError):  # another machine need not have it
            os.chdir(home.folder)
        if is_home:
            os.environ[CACHE] = home.cache
            sys.path[:] = home.path

    def _take_log(self) -> bytes:
        """Return the end of the log, and empty it."""
        if not self._log.exists():
            return b""
        with self._log.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOG_BYTES))
            text = file.read()
            file.truncate(0)
        return text


@dataclass(frozen=True)
class _Packed:
    """A result, packed in the process that made it, and the state that it changed for good."""

    packed: bytes
    changed_state: tuple[str, ...]


def _run(packed: tuple[bytes, bytes]) -> _Packed:
    """Run a packed function on a packed item."""
    call, item = map(unpack, packed)
    return _Packed(*call(item))


@dataclass(frozen=True)
class Call:
    """A function that returns its result packed, and the state that the result says it changed.

    Parameters
    ----------
    function
        The function.
    changed_state
        As of `WorkerSetup`.
    """

    function: Callable[[Any], Any]
    changed_state: Callable[[Any], Any]

    def __call__(self, item: Any) -> tuple[bytes, tuple[str, ...]]:
        """Run the function on an item."""
        result = self.function(item)
        return ship(result), tuple(self.changed_state(result))


def _call(packed: bytes) -> None:
    unpack(packed)()


def _write(reference: Any, folder: Path) -> None:
    """Write files of the object store into a folder."""
    import ray

    files: Mapping[str, np.ndarray[Any, Any]] = ray.get(reference)
    for name, content in files.items():
        (folder / name).write_bytes(content.data)


def read_folder(name: str) -> dict[str, np.ndarray[Any, Any]]:
    """Return the files of a folder in the cache folder as bytes, mapped into memory."""
    return {
        file.name: np.fromfile(file, np.uint8) for file in sorted((cache_folder() / name).iterdir())
    }
