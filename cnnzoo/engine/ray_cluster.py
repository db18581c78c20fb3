"""Connect to Ray: a local one that starts and ends with the engine, or a cluster that runs.

A local Ray listens on loopback only, asks for a token, has no dashboard, sends no usage statistics
and keeps its files in a private folder that is removed at the end. Each of these differs from
what ``ray.init()`` does; docs/traps.md says how.
"""

import math
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cnnzoo.engine.limits import EngineError, Limits
from cnnzoo.engine.ray_private import messages_to, on_loopback, read_settings
from cnnzoo.engine.resources import default_workers
from cnnzoo.runtime.error_text import reason_of
from cnnzoo.runtime.files import LockedError, lock
from cnnzoo.runtime.shares import how_many

OLDEST = (2, 60)
"""Oldest version of Ray that this package works with."""

OBJECT_STORE = 2**28
"""Bytes of a local object store. Results and code pass through it; data are on the disk anyway."""

LOOK_EVERY = 1.0
"""Seconds between two looks at the nodes of a cluster."""

LOST_AFTER = 10
"""Number of successive looks without an answer after which the head of a cluster is lost."""

FOLDER, LOCK = "cnnzoo-ray-", "lock"
"""Beginning of the names of folders of local Rays, and the file in each that its process locks."""

SHORT_PATHS = "/tmp"  # noqa: S108  (the folder is made by mkdtemp)
"""Where Ray's folder is created on Linux and macOS: names of sockets have at most 103 bytes."""

LOCAL = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
}
"""Environment of a local Ray."""

SET_BY_RAY = ("RAY_AUTH_MODE", "PYTHONBREAKPOINT")
"""Environment variables that ``ray.init`` sets."""

ADDRESS = re.compile(r"[A-Za-z0-9_.-]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}")
"""Addresses of a cluster."""

OPEN = (
    "The Ray cluster asks for no token: whoever reaches its ports can run code on its machines. "
    "Start Ray with RAY_AUTH_MODE=token on each of them."
)
"""What a user is told of a cluster without authentication."""


def import_ray() -> Any:
    """Import Ray.

    Raises
    ------
    EngineError
        If it is not installed, or too old.
    """
    if find_spec("ray") is None:
        raise EngineError(
            "`engine`: 'ray' needs Ray, which is not installed. Install it: pip install "
            "'cnnzoo[ray]'."
        )
    ray = import_module("ray")
    version = tuple(map(int, re.findall(r"\d+", ray.__version__)[:2]))
    if version < OLDEST:
        raise EngineError(
            f"`engine`: 'ray' needs Ray {'.'.join(map(str, OLDEST))} or later; "
            f"{ray.__version__} is installed."
        )
    return ray


def check_address(address: object) -> None:
    """Raise EngineError if this is not the address of a cluster.

    Examples
    --------
    >>> check_address("192.0.2.7:6379")
    """
    if not isinstance(address, str) or not (address == "auto" or ADDRESS.fullmatch(address)):
        raise EngineError(
            "`address`: expected HOST:PORT of a Ray cluster, or 'auto' for the one that this "
            f"machine has joined; got {address!r}."
        )


class Cluster:
    """The Ray that this process is connected to.

    Parameters
    ----------
    limits
        What a worker needs.
    scratch
        Private folder of a local Ray; None for a cluster.
    notes
        Sentences for the user.

    Raises
    ------
    EngineError
        If no node has room for a worker.
    """

    def __init__(
        self, limits: Limits, scratch: str | None = None, notes: Sequence[str] = ()
    ) -> None:
        import ray

        self._limits, self.scratch, self.notes = limits, scratch, notes
        context = ray.get_runtime_context()
        self.home: str = context.get_node_id()
        """Id of the node that this process is on."""
        self._address: str = context.gcs_address
        self._silent = 0
        has_gpus = ray.cluster_resources().get("GPU", 0) > 0
        self.gpus = float(has_gpus) if limits.gpus is None else limits.gpus
        """GPUs of a worker."""
        if not self._room():
            raise EngineError(
                f"`cpus`, `gpus`: expected what a node of the Ray cluster has; got {limits.cpus:g} "
                f"CPUs and {self.gpus:g} GPUs, and the nodes have {self._nodes_in_words()}."
            )

    @property
    def is_local(self) -> bool:
        """Whether this process has started it."""
        return self.scratch is not None

    def workers(self) -> int:
        """Return the number of workers that the nodes have room for now, at most those asked for.

        Raises
        ------
        EngineError
            If the head has not answered several times, or no node has had room for a worker.
        """
        room = self._room() if self._head_answers() else None
        self._silent = 0 if room else self._silent + 1
        if self._silent >= LOST_AFTER:
            lost = "does not answer any more" if room is None else "has no node left"
            raise EngineError(
                f"The Ray cluster at {self._address} {lost}. Finished trials are saved; run again "
                "to resume."
            )
        return min(room or 0, self._limits.workers or room or 0)

    def _head_answers(self) -> bool:
        """Return whether the head listens.

        Ray's own functions wait for it, and end this process after a minute.
        """
        host, _, port = self._address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=LOOK_EVERY).close()
        except OSError:
            return False
        return True

    def _room(self) -> int:
        """Return the number of workers that the nodes have room for."""
        shares = {"CPU": self._limits.cpus, "GPU": self.gpus}
        return sum(
            min(how_many(node.get(name, 0), share) for name, share in shares.items() if share)
            for node in _nodes()
        )

    def _nodes_in_words(self) -> str:
        return "; ".join(
            f"{node.get('CPU', 0):g} CPUs and {node.get('GPU', 0):g} GPUs" for node in _nodes()
        )


def _nodes() -> list[Mapping[str, float]]:
    """Return the resources of each node that is alive."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


@contextmanager
def connected(limits: Limits, address: str | None, modules: Sequence[Path]) -> Iterator[Cluster]:
    """Connect to Ray, and disconnect at the end unless the program was connected before.

    Parameters
    ----------
    limits
        What a worker needs.
    address
        Address of a cluster; None for a local Ray, or the one that the program uses already.
    modules
        Code that the other machines of a cluster are sent: files of modules, folders of packages.

    Raises
    ------
    EngineError
        If Ray is not installed, cannot be started or reached, or has no room for a worker.
    """
    ray = import_ray()
    if ray.is_initialized() and address is not None:
        raise EngineError(
            f"`address`: expected None, because this program has called ray.init(); got {address}."
        )
    if ray.is_initialized():
        yield Cluster(limits)
    elif address is None:
        with _local(limits) as folder:
            yield Cluster(limits, folder)
    else:
        with _joined(address, limits.log, modules) as notes:
            yield Cluster(limits, None, notes)


@contextmanager
def _local(limits: Limits) -> Iterator[str]:
    """Start a Ray of this process and end it; yield its folder."""
    count = limits.workers or default_workers(0, limits.cpus)
    with (
        _private_folder() as folder,
        _settings(**LOCAL, RAY_AUTH_TOKEN=secrets.token_hex(32)),
        on_loopback(),
        messages_to(limits.log),
        _initialized(
            "cannot be started",
            address="local",
            num_cpus=math.ceil(count * limits.cpus),
            include_dashboard=False,
            object_store_memory=OBJECT_STORE,
            _temp_dir=str(Path(folder) / "r"),  # which Ray opens to everybody
        ),
    ):
        yield folder


@contextmanager
def _private_folder() -> Iterator[str]:
    """Create a folder for a local Ray, and remove it; remove those of processes that were killed.

    The system releases the lock of a folder when its process ends.
    """
    place = Path(SHORT_PATHS if Path(SHORT_PATHS).is_dir() else tempfile.gettempdir())
    for leftover in place.glob(f"{FOLDER}*"):
        with suppress(OSError, LockedError):  # it is that of another user, or in use
            lock(leftover / LOCK).release()
            shutil.rmtree(leftover, ignore_errors=True)
    folder = tempfile.mkdtemp(prefix=FOLDER, dir=place)
    held = lock(Path(folder) / LOCK)
    try:
        yield folder
    finally:
        held.release()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _joined(address: str, log: Path | None, modules: Sequence[Path]) -> Iterator[Sequence[str]]:
    """Connect to a cluster that runs, and disconnect; yield what the user should know."""
    with (
        _settings(RAY_USAGE_STATS_ENABLED="0"),
        messages_to(log),
        _initialized(
            f"at {address} cannot be reached",
            address=address,
            runtime_env={"py_modules": [*map(str, modules)]} if modules else None,
        ),
    ):
        yield () if os.environ.get("RAY_AUTH_MODE", "").lower() == "token" else (OPEN,)


@contextmanager
def _initialized(failed: str, **options: Any) -> Iterator[None]:
    """Call ``ray.init`` and, at the end, ``ray.shutdown``."""
    import ray

    try:
        try:
            ray.init(log_to_driver=False, logging_level="ERROR", **options)
        except Exception as error:  # Ray raises errors of many classes here
            reason = reason_of(error).rstrip(".:")
            raise EngineError(f"`engine`: Ray {failed} ({reason}).") from error
        yield
    finally:
        ray.shutdown()


@contextmanager
def _settings(**values: str) -> Iterator[None]:
    """Set environment variables that Ray reads, and put them back."""
    before = {name: os.environ.get(name) for name in (*values, *SET_BY_RAY)}
    os.environ.update(values)
    try:
        read_settings()
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        read_settings()
