"""A worker on another host waits for its chief visibly, and not for ever."""

import threading
from concurrent.futures import ThreadPoolExecutor

import keras_tuner
import pytest
from keras_tuner.src import protos
from search_files import trials_of

import cnnzoo
from cnnzoo.tuning import reaching, role, writing
from cnnzoo.tuning.oracle import make_safe
from cnnzoo.tuning.workers import serve

SPACE = protos.get_service().GetSpaceRequest()


@pytest.fixture
def address(monkeypatch, port):
    """An address at which nobody answers, as the environment of a worker names it."""
    for name, value in zip(role.VARIABLES, ("one", "127.0.0.1", str(port)), strict=True):
        monkeypatch.setenv(name, value)
    return f"127.0.0.1:{port}"


@pytest.fixture
def patience(monkeypatch):
    """Set the seconds until it is told that a chief is waited for, and until it is given up."""

    def set_to(notice, whole):
        monkeypatch.setattr(reaching, "NOTICE", notice)
        monkeypatch.setattr(reaching, "RECONNECT", 0.1)
        monkeypatch.setenv(role.PATIENCE, str(whole))

    return set_to


@pytest.fixture
def oracle(tmp_path):
    space = keras_tuner.HyperParameters()
    space.Choice("number", [1, 2, 3])
    made = keras_tuner.oracles.RandomSearchOracle(
        keras_tuner.Objective("val_accuracy", "max"), hyperparameters=space
    )
    made._set_project_dir(str(tmp_path), "chief")
    return make_safe(made, [], patient=True)


def names(space):
    return [*keras_tuner.HyperParameters.from_proto(space.hyperparameters).values]


def test_a_chief_that_answers_is_not_spoken_of(oracle, address, patience):
    patience(10, 20)
    said = []
    server, *_ = serve(oracle, address)
    assert names(reaching.Patient(said.append).GetSpace(SPACE)) == ["number"]
    server.stop(None)
    assert said == []


def test_a_chief_that_starts_later_is_waited_for_and_that_is_told(oracle, address, patience):
    patience(0.1, 60)
    servers, said = [], []

    def say(line):
        said.append(line)
        if line.startswith("Waiting"):  # then it starts
            servers.append(serve(oracle, address)[0])

    worker = reaching.Patient(say)
    assert names(worker.GetSpace(SPACE)) == ["number"]
    patience(60, 60)
    assert names(worker.GetSpace(SPACE)) == ["number"]
    servers[0].stop(None)
    assert said == [
        f"Waiting for the chief at {address}, up to 60 s.",
        f"The chief at {address} has answered.",
    ]


def test_the_first_answer_is_waited_for_as_long_as_for_the_beginning(
    oracle, address, patience, monkeypatch
):
    patience(0.1, 60)
    monkeypatch.delenv(role.PATIENCE)
    monkeypatch.setattr(reaching, "ANSWER_WITHIN", 3.0)
    server, said = [], []

    def say(line):
        said.append(line)
        if not server:
            server.append(serve(oracle, address)[0])

    worker = reaching.Patient(say)
    assert names(worker.GetSpace(SPACE)) == ["number"]
    server[0].stop(None).wait()
    with pytest.raises(reaching.NoAnswerError):
        worker.GetSpace(SPACE)
    assert said == [
        f"Waiting for the chief at {address}, up to 600 s.",
        f"The chief at {address} has answered.",
        f"Waiting for the chief at {address}, up to 3 s.",
    ]


def test_a_chief_that_dies_over_a_request_is_asked_again(oracle, address, patience, monkeypatch):
    patience(5, 60)
    server, *_ = serve(oracle, address)
    get_space = oracle.get_space
    asked, dead = threading.Event(), threading.Event()

    def dying():
        asked.set()
        dead.wait(60)  # the request is cut off meanwhile
        return get_space()

    def start_again():
        assert asked.wait(60)
        server.stop(None).wait(60)
        monkeypatch.setattr(oracle, "get_space", get_space)
        dead.set()
        return serve(oracle, address)[0]

    monkeypatch.setattr(oracle, "get_space", dying)
    with ThreadPoolExecutor() as beside:
        second = beside.submit(start_again)
        assert names(reaching.Patient(lambda line: None).GetSpace(SPACE)) == ["number"]
        second.result(60).stop(None)


def test_a_chief_that_fails_is_not_asked_again(oracle, address, patience, monkeypatch):
    def fail():
        raise ValueError("no space")

    patience(5, 60)
    server, *_ = serve(oracle, address)
    monkeypatch.setattr(oracle, "get_space", fail)
    with pytest.raises(cnnzoo.SearchError) as refusal:
        reaching.Patient(lambda line: None).GetSpace(SPACE)
    server.stop(None)
    assert str(refusal.value) == (
        f"The chief at {address} failed: Exception calling application: no space."
    )


@pytest.fixture
def late(searched, stub_training, address, patience, monkeypatch, tmp_path, capsys):
    """Return a function that starts a worker after its search, and returns what is told."""
    stub_training(lambda levels, seed: 0.5)
    asked = ("mlp", "digits", {"units": [8, 16]})
    with pytest.MonkeyPatch.context() as alone:
        for name in role.VARIABLES:
            alone.delenv(name)
        searched(*asked, tuner="grid")
    patience(0.1, 3)
    monkeypatch.setattr("cnnzoo.tuning.tune.fix_arithmetic", lambda: None)
    monkeypatch.setattr("cnnzoo.tuning.workers.fix_arithmetic", lambda: None)

    def start(**options):
        cnnzoo.tune(*asked, directory=tmp_path / "search", **options)
        return capsys.readouterr().err.splitlines()

    return start


def test_a_worker_that_comes_after_all_is_done_ends_well(late, address, tmp_path):
    writing.end(tmp_path / "search")
    assert late() == [
        f"Waiting for the chief at {address}, up to 3 s.",
        f"The search in {tmp_path / 'search'} is over: nothing is left for this worker to do.",
    ]
    assert len(trials_of(tmp_path / "search")) == 2
    assert late(progress=False) == []


def test_a_worker_whose_chief_does_not_answer_says_how_to_go_on(late, address):
    with pytest.raises(cnnzoo.SearchError) as refusal:
        late()
    assert str(refusal.value) == (
        f"The chief at {address} has not answered in 3 s. Start it, and then this worker again: "
        "what was trained is kept. With CNNZOO_PATIENCE=SECONDS in the environment a worker waits "
        "longer."
    )


def test_that_a_search_is_begun_is_waited_for_as_long_as_the_environment_says(
    address, patience, tmp_path
):
    patience(0.1, 0.4)
    said = []
    with pytest.raises(cnnzoo.SearchError) as refusal:
        writing.wait_for_chief(tmp_path, said.append)
    assert said == [f"Waiting for a chief to begin a search in {tmp_path}, up to 0.4 s."]
    assert str(refusal.value) == (
        f"No chief has begun a search in {tmp_path} in 0.4 s. Start it, with a directory that all "
        "hosts share, and then this worker again."
    )


def test_a_chief_takes_back_that_a_search_is_over_before_it_loads_the_data(
    searched, address, monkeypatch, tmp_path
):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    place = tmp_path / "search"
    place.mkdir()
    writing.end(place)
    with pytest.raises(cnnzoo.DataError):
        searched("mlp", "no such data", {"units": [8, 16]})
    assert not writing.is_over(place)


def test_a_search_that_is_gone_on_with_is_not_over(tmp_path):
    writing.begin(tmp_path, {"model": "mlp"}, {})
    writing.end(tmp_path)
    assert writing.is_over(tmp_path)
    writing.begin(tmp_path, {"model": "mlp"}, {})
    assert not writing.is_over(tmp_path)


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan", ""])
def test_patience_is_a_time(address, monkeypatch, text):
    monkeypatch.setenv(role.PATIENCE, text)
    with pytest.raises(cnnzoo.ToggleError) as refusal:
        role.role()
    assert str(refusal.value) == (
        f"CNNZOO_PATIENCE must be a number of seconds from 0 up; got {text!r}."
    )
