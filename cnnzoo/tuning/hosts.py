"""A chief and workers on several hosts, which share a directory.

Who is the chief and who a worker is said by KerasTuner's environment variables. A worker writes a
sign of life into the directory every few seconds. The chief looks whether it changes, by a clock of
its own, so that no two hosts need agree on the time; the trial of a worker that has been silent for
too long goes to the next one that asks.
"""

import contextlib
import itertools
import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cnnzoo.tuning.role import VARIABLES
from cnnzoo.tuning.workers import LOOK_AFTER, TRIES, Plan, give_up, raise_if_broken, serve

BEAT = 5.0
"""Seconds between two signs of life."""

SILENT = 60.0
"""Seconds without one after which a worker is thought dead. One that is only slow loses nothing but
time by it: its trial is trained twice, and scored once."""


@contextlib.contextmanager
def signs_of_life(directory: Path, name: str) -> Iterator[None]:
    """Write signs of life as long as this process lives.

    Parameters
    ----------
    directory
        Of the search.
    name
        Of the worker.
    """
    over = threading.Event()
    path = _sign_of(directory, name)
    own = uuid.uuid4()  # one that is started again begins with another sign

    def write() -> None:
        for number in itertools.count():
            with contextlib.suppress(OSError):  # a network file system may be away for a while
                path.write_text(f"{own} {number}")
            if over.wait(BEAT):
                return

    directory.mkdir(parents=True, exist_ok=True)
    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        with contextlib.suppress(OSError):
            path.unlink()


class Watch:
    """Which workers have been silent for too long.

    Parameters
    ----------
    directory
        Where they write their signs of life.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._seen: dict[str, tuple[str, float]] = {}

    def silent(self, names: set[str]) -> list[str]:
        """Look at the signs of these workers, and return who has been silent for too long."""
        now, found = time.monotonic(), []
        for name in sorted(names):
            try:
                sign = _sign_of(self.directory, name).read_text()
            except OSError:
                sign = ""
            before, since = self._seen.get(name, (None, now))
            if sign != before:
                self._seen[name] = sign, now
            elif now - since > SILENT:
                del self._seen[name]
                found.append(name)
        return found


def lead_hosts(
    oracle: Any, plan: Plan, say: Callable[[str], None], raise_lost: Callable[[], None]
) -> None:
    """Answer the workers of all hosts until they have nothing more to do.

    A worker that is started again under its name gets the trial that it had. KerasTuner's protocol
    asks nobody who he is: whoever reaches the address that the user gave can take part.

    Parameters
    ----------
    oracle
        Of the tuner, which is this process's.
    plan
        What the workers train.
    say
        Tells that workers are waited for, and who has been silent.
    raise_lost
        Raises a Ctrl-C that Python has lost.
    """
    name, ip, port = (os.environ[variable] for variable in VARIABLES)
    if not _is_left(oracle, name):
        return
    say(f"Waiting for workers at {ip}:{port}.")
    watch = Watch(plan.directory)
    deaths: Counter[str] = Counter()
    server, servicer, _ = serve(oracle, f"{ip}:{port}")
    try:
        while oracle.ongoing_trials or oracle.tuner_ids or not servicer.stop_triggered:
            raise_if_broken(oracle)
            raise_lost()
            gone = watch.silent(set(oracle.tuner_ids))
            for worker in gone:
                say(_take_over(oracle, plan, worker, deaths))
            if gone and not oracle.tuner_ids:
                if not _is_left(oracle, name):
                    return
                say(
                    "No worker is left, and there are trials to come. Start one again by the "
                    f"command that it was started by, with KERASTUNER_TUNER_ID={gone[-1]}."
                )
            time.sleep(LOOK_AFTER)
        time.sleep(LOOK_AFTER)  # the last answer is still on its way
    finally:
        server.stop(None)


def _take_over(oracle: Any, plan: Plan, worker: str, deaths: Counter[str]) -> str:
    """Let go of a worker, end its trial if that happens once too often, and say so."""
    said = f"Worker {worker} has been silent for {SILENT:.0f} s"
    trial = oracle.drop(worker)
    if trial is None:
        return f"{said}; it had no trial."
    deaths[trial.trial_id] += 1
    if deaths[trial.trial_id] >= TRIES:
        reason = f"{deaths[trial.trial_id]} workers fell silent over it, at last {worker}"
        give_up(oracle, plan, trial, reason)
        return f"{said} over trial {trial.trial_id}, which is given up."
    return f"{said}; its trial {trial.trial_id} goes to the next that asks."


def _is_left(oracle: Any, chief: str) -> bool:
    """Tell whether there is anything to do yet, by asking for a trial and laying it aside."""
    if not oracle.waiting and oracle.create_trial(chief).status == "STOPPED":
        return False
    oracle.drop(chief)
    return True


def _sign_of(directory: Path, name: str) -> Path:
    return directory / f".alive-{quote(name, safe='')}"
