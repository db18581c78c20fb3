"""Workers side by side: KerasTuner's own chief and workers, on this machine.

The chief has the oracle, and answers workers by KerasTuner's gRPC protocol. What KerasTuner lacks
is here: a worker that dies is replaced by one of its name, to which the oracle gives the trial
that the dead one had.
"""

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass
from itertools import cycle
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

import grpc
import keras_tuner
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer
from keras_tuner.src.engine import conditions

from cnnzoo.forking import WorkerContext
from cnnzoo.gpus import count_gpus, find_gpus
from cnnzoo.runtime.determinism import fix_arithmetic
from cnnzoo.runtime.interrupts import lost_interruptions
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.execution import Trainer
from cnnzoo.tuning.filenames import trial_folder
from cnnzoo.tuning.own import searched_model
from cnnzoo.tuning.records import Execution, Objective, SearchError
from cnnzoo.tuning.space import Space
from cnnzoo.tuning.tuner import SearchTuner, UnrestoredError
from cnnzoo.tuning.writing import read_executions, write_executions

TRIES = 2
"""How often a trial is begun whose worker dies, and a worker that dies without a trial."""

LOOK_AFTER = 0.5
"""Seconds between two looks at the workers, if none of them dies."""

LOG = "workers.log"

SPOILT = 75
"""Exit code of a worker that must train no further trial: another takes its place."""


@dataclass(frozen=True)
class Plan:
    """All that a worker needs to train what the oracle proposes."""

    model: Any
    space: Space
    recipe: Recipe
    data: object
    objective: Objective
    seeds: tuple[int, ...]
    directory: Path
    checkpoints: bool

    def trainer(self) -> Trainer:
        """Make what trains configurations."""
        hypermodel = searched_model(self.model, self.space, self.recipe)
        return Trainer(hypermodel, self.data, self.objective.name)

    def tuner(self, oracle: Any, trainer: Trainer) -> SearchTuner:
        """Make the tuner, which takes up what is in the directory."""
        return SearchTuner(
            oracle, trainer, self.seeds, self.directory, checkpoints=self.checkpoints
        )


def serve(oracle: Any, address: str) -> tuple[Any, Any, int]:
    """Answer workers.

    Parameters
    ----------
    oracle
        What they ask.
    address
        "host:port"; port 0 for any that is free.

    Returns
    -------
    tuple
        The server, what answers, and the port.

    Raises
    ------
    SearchError
        If the address is taken.
    """
    conditions.print = lambda *_: None  # KerasTuner left one in what makes its messages
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=1), options=[("grpc.so_reuseport", 0)]
    )
    servicer = OracleServicer(oracle)
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise SearchError(f"The chief cannot listen at {address}: {error}.") from error
    server.start()
    return server, servicer, port


def lead_workers(oracle: Any, plan: Plan, workers: int, raise_lost: Callable[[], None]) -> None:
    """Run a search in worker processes, which share the GPUs in turn; replace the ones that die.

    Parameters
    ----------
    oracle
        Of the tuner, which is this process's.
    plan
        What the workers train.
    workers
        How many.
    raise_lost
        Raises a Ctrl-C that Python has lost.

    Raises
    ------
    SearchError
        If workers die before they have anything to do.
    """
    context = WorkerContext()
    context.load([__name__])
    server, _, port = serve(oracle, "127.0.0.1:0")
    gpus = find_gpus(count_gpus)
    names = [f"worker{index}" for index in range(workers)]
    given = dict(zip(names, cycle(gpus or [None]), strict=False))

    def start(name: str) -> Any:
        process = context.Process(target=work, args=(plan, port, name, given[name]), daemon=True)
        process.start()
        return process

    running = {name: start(name) for name in names}
    tries: Counter[str] = Counter()
    try:
        while running:
            connection.wait([process.sentinel for process in running.values()], LOOK_AFTER)
            raise_if_broken(oracle)
            raise_lost()
            for name in [name for name, process in running.items() if not process.is_alive()]:
                code = running.pop(name).exitcode
                if code == 0:
                    continue
                if code != SPOILT:
                    _take_back(oracle, plan, name, code, tries)
                running[name] = start(name)
    finally:
        for process in running.values():
            process.kill()
        for process in running.values():
            process.join()
        server.stop(None)


def work(plan: Plan, port: int, name: str, gpu: str | None = None) -> None:
    """Train what the chief on this machine proposes; the main function of a worker process.

    Parameters
    ----------
    plan
        What is trained.
    port
        The chief's.
    name
        The worker's, for the chief.
    gpu
        The only GPU that the process sees, as ``CUDA_VISIBLE_DEVICES`` names it; left out, it
        sees what that variable says.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the chief decides what Ctrl-C means
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with (plan.directory / LOG).open("a") as log, Path(os.devnull).open("w") as nowhere:
        os.dup2(log.fileno(), 2)
        os.dup2(nowhere.fileno(), 1)
    os.environ.update(
        KERASTUNER_TUNER_ID=name,
        KERASTUNER_ORACLE_IP="127.0.0.1",
        KERASTUNER_ORACLE_PORT=str(port),
        **({} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}),
    )
    try:
        follow(plan)
    except UnrestoredError:
        sys.exit(SPOILT)


def follow(plan: Plan, requests: Any = None) -> None:
    """Train what the chief proposes that the environment variables name.

    Parameters
    ----------
    plan
        What is trained.
    requests
        What asks the chief; if left out, what KerasTuner makes for it.
    """
    with lost_interruptions() as raise_lost:
        _reach_directly(os.environ["KERASTUNER_ORACLE_IP"])
        fix_arithmetic()
        conditions.print = lambda *_: None
        objective = keras_tuner.Objective(plan.objective.name, plan.objective.direction)
        tuner = plan.tuner(keras_tuner.oracles.RandomSearchOracle(objective), plan.trainer())
        if requests is not None:
            tuner.oracle.stub = requests
        tuner.search(after_each=raise_lost)


def _reach_directly(ip: str) -> None:
    """Have gRPC go around a proxy that the environment names: it knows nothing of a chief."""
    name = "no_grpc_proxy"
    around = os.environ.get(name) or os.environ.get("no_proxy")
    os.environ[name] = ",".join(filter(None, [around, ip]))


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()  # KerasTuner's worker would wait an hour for the chief to come back
        os._exit(1)


def _take_back(oracle: Any, plan: Plan, name: str, code: int, tries: Counter[str]) -> None:
    """Count the death of a worker, and end its trial if that happens once too often."""
    trial = oracle.ongoing_trials.get(name)
    how = f"with signal {-code}" if code < 0 else f"with exit code {code}"
    if trial is None:
        tries[name] += 1
        if tries[name] > TRIES:
            raise SearchError(
                f"A worker died {tries[name]} times without a trial, at last {how}; "
                f"{plan.directory / LOG} says why."
            )
        return
    tries[trial.trial_id] += 1
    if tries[trial.trial_id] >= TRIES:  # else the one in the dead one's place goes on with it
        give_up(
            oracle, plan, trial, f"its worker died {tries[trial.trial_id]} times, at last {how}"
        )


def give_up(oracle: Any, plan: Plan, trial: Any, reason: str) -> None:
    """End a trial as failed, unless all that there is to know of it was written down."""
    folder = trial_folder(plan.directory, trial.trial_id)
    executions = read_executions(folder)
    if len(executions) == len(plan.seeds) or any(row.reason for row in executions):
        return
    seed = plan.seeds[len(executions)]
    failed = Execution("failed", seed=seed, reason=reason, seconds=0.0, epochs=0)
    write_executions(folder, [*executions, failed])
    trial.status = "FAILED"
    oracle.end_trial(trial)


def raise_if_broken(oracle: Any) -> None:
    """Raise what kept an oracle from proposing."""
    if oracle.broken is not None:
        raise oracle.broken
