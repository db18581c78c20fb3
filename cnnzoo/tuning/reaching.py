"""How a worker on another host reaches its chief: visibly, and not for ever.

KerasTuner's own would wait for each answer in silence, up to an hour.
"""

import os
import time
from collections.abc import Callable
from typing import Any

import grpc
from keras_tuner.src import protos

from cnnzoo.runtime.console import without_advice
from cnnzoo.tuning.records import SearchError
from cnnzoo.tuning.role import ANSWER_WITHIN, BEGIN_WITHIN, PATIENCE, VARIABLES, patience
from cnnzoo.tuning.workers import Plan, follow
from cnnzoo.tuning.writing import is_over

NOTICE = 3.0
"""Seconds after which it is told that one is waited for."""

RECONNECT = 1.0
"""Seconds between two tries to reach the chief."""

GONE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class NoAnswerError(Exception):
    """The chief has not answered in time."""


def follow_chief(plan: Plan, say: Callable[[str], None]) -> None:
    """Train what a chief on another host proposes, until it proposes no more.

    Parameters
    ----------
    plan
        What is trained.
    say
        Tells that the chief is waited for, and that the search was over before.

    Raises
    ------
    SearchError
        If the chief does not answer, and has not ended the search.
    """
    # one that goes on with a search loads the data now, as one that begins it does
    first = ANSWER_WITHIN if is_over(plan.directory) else BEGIN_WITHIN
    try:
        with without_advice():
            follow(plan, Patient(say, first))
    except NoAnswerError as error:
        if not is_over(plan.directory):
            raise SearchError(str(error)) from None
        say(f"The search in {plan.directory} is over: nothing is left for this worker to do.")


class Patient:
    """KerasTuner's requests to the chief that the environment names, made with patience.

    A request that is made twice does no harm: the oracle gives a worker the trial that it has, and
    ends a trial once.

    Parameters
    ----------
    say
        Tells that the chief is waited for, and that it has answered.
    first
        For how many seconds the first answer is waited for, unless the environment says otherwise.
    """

    def __init__(self, say: Callable[[str], None], first: float = BEGIN_WITHIN) -> None:
        _, ip, port = (os.environ[variable] for variable in VARIABLES)
        often = [("grpc.max_reconnect_backoff_ms", int(RECONNECT * 1000))]
        self._address = f"{ip}:{port}"
        channel = grpc.insecure_channel(self._address, options=often)
        self._requests = protos.get_service_grpc().OracleStub(channel)
        self._say, self._seconds, self._waiting = say, patience(first), False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        make = getattr(self._requests, name)

        def ask(request: Any, **_: Any) -> Any:
            limit = time.monotonic() + self._seconds
            while True:
                left = max(limit - time.monotonic(), 0.0)
                try:
                    return self._heard(make.future(request, wait_for_ready=True, timeout=left))
                except grpc.RpcError as error:
                    if error.code() not in GONE:
                        raise SearchError(
                            f"The chief at {self._address} failed: {error.details()}."
                        ) from error
                    if time.monotonic() + RECONNECT > limit:
                        raise self._no_answer() from None
                time.sleep(RECONNECT)  # it died over the request, and may be started again

        return ask

    def _heard(self, coming: Any) -> Any:
        """Return an answer when it has come, and tell of it where that takes long."""
        try:
            answer = coming.result(NOTICE)
        except grpc.FutureTimeoutError:
            if not self._waiting:
                self._say(f"Waiting for the chief at {self._address}, up to {self._seconds:g} s.")
            self._waiting = True
            answer = coming.result()
        if self._waiting:
            self._say(f"The chief at {self._address} has answered.")
        self._waiting, self._seconds = False, patience(ANSWER_WITHIN)
        return answer

    def _no_answer(self) -> NoAnswerError:
        return NoAnswerError(
            f"The chief at {self._address} has not answered in {self._seconds:g} s. Start it, "
            f"and then this worker again: what was trained is kept. With {PATIENCE}=SECONDS in "
            "the environment a worker waits longer."
        )
