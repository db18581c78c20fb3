"""Functions for engines to run in tests, on whole numbers. Many of them fail for odd numbers."""

import logging
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from cnnzoo.engine import Limits, WorkerSetup, start_engine
from helpers.waiting import wait_until


@dataclass(frozen=True)
class Answer:
    """Process and environment in which an item ran."""

    item: int
    pid: int
    gpu: str | None = None
    changed_state: tuple[str, ...] = ()


SETUP = WorkerSetup(
    changed_state=lambda result: getattr(result, "changed_state", ()),
    modules=(Path(__file__).parent,),
)


def run(function, items, engine="processes", setup=SETUP, stopping=lambda: False, **limits):
    """Run items, check that each has one outcome, and return the outcomes by item."""
    with start_engine(engine, Limits(**{"workers": 2, **limits}), setup) as running:
        outcomes = list(running.run(function, items, stopping))
    assert max(Counter(item for item, _ in outcomes).values(), default=1) == 1
    return dict(outcomes)


def reasons(outcomes):
    """Reasons by item, having checked that exactly the items without a result have one."""
    assert all((outcome.result is None) == bool(outcome.reason) for outcome in outcomes.values())
    return {item: outcome.reason for item, outcome in outcomes.items()}


def pids(outcomes):
    return [outcome.result.pid for outcome in outcomes.values()]


def answer(item):
    return Answer(item, os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES"))


def answer_slowly(item):
    time.sleep(0.1)
    return answer(item)


def change_state_if_odd(item):
    return Answer(
        item, os.getpid(), changed_state=("the working folder (it is gone)",) * (item % 2)
    )


def advise(item):
    logging.getLogger("tensorflow").warning("%d calls triggered tf.function retracing.", 5)
    return answer(item)


def raise_if_odd(item):
    if item % 2:
        raise ValueError(f"{item} is odd\nand there is more to say")
    return answer(item)


def leave_if_odd(item):
    if item % 2:
        raise SystemExit(5)
    return answer(item)


def die_if_odd(marks, item):
    """Write a mark, so that tries can be counted, and die."""
    if item % 2:
        with Path(marks).open("a") as file:
            file.write(f"{item}\n")
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(item)


def die_once(mark, item):
    """Die if there is no mark yet."""
    path = Path(f"{mark}.{item}")
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(item)


def exit_with_item(folder, item):
    """Exit as soon as a file named like this process says that the item was acknowledged."""
    wait_until(Path(folder, str(os.getpid())).exists)
    os._exit(item)


def exit_with_0_if_odd(item):
    if item % 2:
        os._exit(0)
    return answer(item)


def sleep_if_odd(item):
    if item % 2:
        time.sleep(600)
    return answer(item)


def die_when_idle(folder, item):
    _end_when_told(folder, lambda: os.kill(os.getpid(), signal.SIGKILL))
    return answer(item)


def exit_when_idle(folder, item):
    _end_when_told(folder, lambda: os._exit(0))
    return answer(item)


def _end_when_told(folder, end):
    """End as soon as a file named like this process says that the answer has arrived."""

    def wait():
        wait_until(Path(folder, str(os.getpid())).exists)
        end()

    threading.Thread(target=wait, daemon=True).start()


def environment(_):
    return {name: text for name, text in os.environ.items() if not name.startswith("RAY_")}


def note_machine(file, item):
    """Note that an item starts, and return the cache folder, which each node has of its own."""
    with Path(file).open("a") as ran:
        ran.write(f"{item}\n")
    time.sleep(0.3)
    return os.environ["CNNZOO_CACHE"]


def wait_for(folder, item):
    """Note that an item starts in this process, and wait until it may end."""
    Path(folder, f"{item} in {os.getpid()}").touch()
    wait_until(Path(folder, f"{item} may end").exists)
    return os.environ["CNNZOO_CACHE"]


def wait_for_others(folder, count, item):
    """Wait until as many items have started."""
    Path(folder, str(item)).touch()
    wait_until(lambda: len([*Path(folder).iterdir()]) == count)
    return answer(item)


def versions():
    return {"keras": os.environ.get("KERAS_VERSION", "3.15.1")}


def what_was_sent(item):
    """Return the cache folder, and the content of a module and a file that the caller has sent."""
    from sent_module import CONTENT

    time.sleep(0.5)
    folder = Path(os.environ["CNNZOO_CACHE"])
    return str(folder), CONTENT, (folder / "arrays/2x2-0f/train_x.npy").read_bytes()


def write_to_both_streams(item):
    os.write(1, f"output of {item}\n".encode())
    os.write(2, f"error of {item}\n".encode())
    return answer(item)


def return_a_lock(item):
    return threading.Lock()  # cannot be pickled


def exit_in_preparation():
    os._exit(0)


def raise_in_counting():
    raise RuntimeError("no driver")


PREPARED = []


def prepared(_):
    return PREPARED
