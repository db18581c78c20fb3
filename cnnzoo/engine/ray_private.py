"""Ray's behaviour that has no public option. Each function names what it replaces in Ray 2.60."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def on_loopback() -> Iterator[None]:
    """Let a local Ray listen on loopback only, as it does by itself on macOS and Windows.

    ``ray.init(_node_ip_address="127.0.0.1")`` listens on all interfaces
    (``ray/_private/services.py``, ``resolve_ip_for_localhost``).
    """
    from ray._private import ray_constants

    before, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def read_settings() -> None:
    """Let Ray read its environment variables, which it does once by itself, when it is imported.

    ``ray.init`` does the same (``ray/_private/authentication/authentication_token_setup.py``).
    """
    from ray._raylet import AuthenticationTokenLoader, Config

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def messages_to(log: Path | None) -> Iterator[None]:
    """Write Ray's messages about lost nodes to a file instead of the standard output.

    Each has the last lines of the log of a node's daemon. ``log_to_driver=False`` does not concern
    them (``ray/_private/worker.py``, ``listen_error_messages``).
    """
    from ray._private import worker

    def write(data: Mapping[str, Any], **_: object) -> None:
        if log is not None:
            with suppress(OSError), log.open("a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in data["lines"])

    before, worker.print_to_stdstream = worker.print_to_stdstream, write
    try:
        yield
    finally:
        worker.print_to_stdstream = before
