"""The Ray engine: a local Ray that nobody else can use, and clusters that lose machines."""

import os
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
from helpers import engine_items
from helpers.engine_items import SETUP, reasons, run
from helpers.engine_parameters import NEEDS_RAY
from helpers.processes import children
from helpers.ray_nodes import Nodes, with_tokens
from helpers.waiting import is_alive, wait_until

from cnnzoo.engine import EngineError, Limits, ray_cluster, start_engine
from cnnzoo.engine.ray import LOST
from cnnzoo.engine.ray_cluster import FOLDER, OPEN, SHORT_PATHS, _settings
from cnnzoo.runtime.files import CACHE, cache_folder

# Before anything is started


def test_ray_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(ray_cluster, "find_spec", lambda name: None)
    with pytest.raises(EngineError) as refused, start_engine("ray"):
        pass
    assert str(refused.value) == (
        "`engine`: 'ray' needs Ray, which is not installed. Install it: pip install 'cnnzoo[ray]'."
    )


@pytest.mark.parametrize("version", ["2.59.1", "1.13.0", "2.9.3"])
def test_an_old_ray_is_refused(monkeypatch, version):
    class OldRay:
        __version__ = version

    monkeypatch.setattr(ray_cluster, "find_spec", lambda name: name)
    monkeypatch.setattr(ray_cluster, "import_module", lambda name: OldRay)
    with pytest.raises(EngineError) as refused, start_engine("ray"):
        pass
    assert str(refused.value) == (
        f"`engine`: 'ray' needs Ray 2.60 or later; {version} is installed."
    )


@pytest.mark.parametrize("address", ["", "192.0.2.7", "ray://192.0.2.7:10001", "local", 6379])
def test_what_is_no_address_of_a_cluster_is_refused(address):
    with pytest.raises(EngineError) as refused:
        start_engine("ray", address=address)
    assert str(refused.value) == (
        "`address`: expected HOST:PORT of a Ray cluster, or 'auto' for the one that this machine "
        f"has joined; got {address!r}."
    )


@pytest.mark.parametrize("engine", ["processes", "serial"])
def test_other_engines_have_no_address(engine):
    with pytest.raises(EngineError) as refused:
        start_engine(engine, address="auto")
    assert str(refused.value) == f"`address`: expected None for the engine {engine}; got 'auto'."


# A local Ray


def listening(pid):
    """Addresses on which a process and its descendants listen."""
    for one in (pid, *children(pid)):
        for connection in psutil.Process(one).net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN:
                yield connection.laddr.ip


CONNECT = """
import sys
from ray._raylet import GcsClient
try:
    GcsClient(address=sys.argv[1])
except Exception as error:
    print(type(error).__name__)
"""


@pytest.fixture(scope="module")
def seen():
    """What is seen of a local Ray while and after it runs."""
    if NEEDS_RAY.args[0]:
        pytest.skip("Ray is not installed")
    import ray

    before = dict(os.environ)
    token = Path.home() / ".ray" / "auth_token"
    had = token.exists()
    with start_engine("ray", Limits(workers=1)) as engine:
        ((_, outcome),) = engine.run(engine_items.environment, [0])
        context = ray.get_runtime_context()
        open_to_all = subprocess.run(
            [sys.executable, "-c", CONNECT, context.gcs_address],
            env={**before, "RAY_AUTH_MODE": "disabled"},
            capture_output=True,
            text=True,
        )
        seen = {
            "listening": {*listening(os.getpid())},
            "commands": [" ".join(psutil.Process(p).cmdline()) for p in children(os.getpid())],
            "folder": Path(engine._cluster.scratch),
            "mode": Path(engine._cluster.scratch).stat().st_mode & 0o777,
            "stranger": open_to_all.stdout.strip(),
            "environment": outcome.result,
            "notes": engine.notes,
            "resources": ray.cluster_resources(),
            "usage": os.environ["RAY_USAGE_STATS_ENABLED"],
        }
    seen["token"] = (had, token.exists())
    return seen | {"before": before, "after": dict(os.environ), "left": ray.is_initialized()}


def test_a_local_ray_listens_on_loopback_only(seen):
    assert seen["listening"]
    assert {ip.removeprefix("::ffff:") for ip in seen["listening"]} == {"127.0.0.1"}


def test_a_local_ray_refuses_who_has_no_token(seen):
    assert seen["stranger"] == "AuthenticationError"
    assert seen["notes"] == ()


def test_the_token_of_a_local_ray_is_in_no_file(seen):
    had, has = seen["token"]
    assert had == has


def test_a_local_ray_has_no_dashboard_and_sends_no_statistics(seen):
    assert not any("--include-dashboard=true" in command for command in seen["commands"])
    assert seen["usage"] == "0"


def test_the_folder_of_a_local_ray_is_private_and_removed(seen):
    assert seen["mode"] == 0o700
    assert not seen["folder"].exists()


def test_a_local_ray_has_room_for_the_workers_that_are_asked_for(seen):
    assert seen["resources"]["CPU"] == 1
    assert seen["resources"]["object_store_memory"] <= 2**28


def test_the_environment_is_as_before(seen):
    assert seen["after"] == seen["before"]
    assert not seen["left"]


def test_an_item_has_the_environment_that_it_would_have_without_ray(seen):
    """Ray by itself sets OMP_NUM_THREADS, which changes sums."""
    ((_, outcome),) = run(engine_items.environment, [0], workers=1).items()
    without, with_ray = (
        {name: text for name, text in one.items() if "THREADS" in name or name[:3] == "TF_"}
        for one in (outcome.result, seen["environment"])
    )
    assert with_ray == without


@NEEDS_RAY
def test_a_ray_of_the_program_is_used_and_left_alone(tmp_path):
    import ray

    with ray_cluster.connected(Limits(workers=2), None, ()):
        first = ray.get_runtime_context().get_node_id()
        with pytest.raises(EngineError) as refused, start_engine("ray", address="127.0.0.1:6379"):
            pass
        assert str(refused.value) == (
            "`address`: expected None, because this program has called ray.init(); got "
            "127.0.0.1:6379."
        )
        with pytest.raises(EngineError) as crowded, start_engine("ray", Limits(cpus=3)):
            pass
        assert str(crowded.value) == (
            "`cpus`, `gpus`: expected what a node of the Ray cluster has; got 3 CPUs and 0 GPUs, "
            "and the nodes have 2 CPUs and 0 GPUs."
        )
        log = tmp_path / "log"
        told = run(engine_items.write_to_both_streams, range(2), "ray", log=log)
        assert set(reasons(told).values()) == {""}
        assert {*log.read_text().splitlines()} == {
            f"{stream} of {item}" for stream in ("output", "error") for item in range(2)
        }
        renewed = run(engine_items.change_state_if_odd, [1, 2, 3], "ray", workers=1)
        assert len({*engine_items.pids(renewed)}) == 2  # items 2 and 3 ran in one process
        assert ray.get_runtime_context().get_node_id() == first


@NEEDS_RAY
def test_the_folder_of_a_killed_program_is_removed_by_the_next():
    leftover = Path(SHORT_PATHS) / f"{FOLDER}of-a-killed-program"
    leftover.mkdir()
    (leftover / "session.log").touch()
    with ray_cluster._private_folder() as folder:
        assert not leftover.exists()
        with ray_cluster._private_folder():
            assert Path(folder).exists()  # because it is in use
    assert not Path(folder).exists()


# A cluster of several machines, each a node on this one


@pytest.fixture(scope="module")
def token():
    if NEEDS_RAY.args[0]:
        pytest.skip("Ray is not installed")
    with with_tokens():
        yield


@pytest.fixture(scope="module")
def cluster(token, tmp_path_factory):
    nodes = Nodes(tmp_path_factory.mktemp("caches"))
    yield nodes
    nodes.cluster.shutdown()


@pytest.fixture
def nodes(cluster):
    yield cluster
    cluster.clear()


def start(nodes, setup=SETUP, **limits):
    return start_engine("ray", Limits(**limits), setup, nodes.address)


def test_machines_are_lost_and_added_in_the_middle(nodes, tmp_path, capfd):
    first, second = nodes.add(), nodes.add()
    ran = tmp_path / "ran"
    seen, ended = [], []
    with start(nodes) as engine:
        assert engine.notes == ()
        for item, outcome in engine.run(partial(engine_items.note_machine, ran), range(40)):
            ended.append(item)
            assert outcome.reason == ""
            seen.append(outcome.result)
            if len(ended) == 8:
                nodes.lose(first)
                third = nodes.add()
    assert Counter(ended) == Counter(range(40))
    assert {*seen} == {first, second, third}
    started = Counter(map(int, ran.read_text().split()))
    assert {*started} == {*range(40)}
    assert started.total() <= 41  # the item of the lost machine ran again
    assert "Raylet" not in "".join(capfd.readouterr())


def outcomes_of_a_loss(nodes, folder, **limits):
    """Run two items on two machines, and lose one of them: its name, and the outcomes."""
    caches = [nodes.add(), nodes.add()]
    with start(nodes, **limits) as engine, ThreadPoolExecutor() as thread:
        running = engine.run(partial(engine_items.wait_for, folder), ["a", "b"])
        ended = thread.submit(list, running)
        wait_until(lambda: len([*folder.glob("* in *")]) == 2)
        pids = [int(path.name.split()[-1]) for path in folder.glob("* in *")]
        nodes.lose(caches[0])
        wait_until(lambda: not all(map(is_alive, pids)))
        for item in "ab":
            (folder / f"{item} may end").touch()
        return caches, dict(ended.result())


def test_an_item_of_a_lost_machine_waits_for_room_on_another(nodes, tmp_path):
    caches, outcomes = outcomes_of_a_loss(nodes, tmp_path, retries=1)
    assert {item: outcome.result for item, outcome in outcomes.items()} == {
        "a": caches[1],
        "b": caches[1],
    }


def test_without_retries_the_item_of_a_lost_machine_fails(nodes, tmp_path):
    _, outcomes = outcomes_of_a_loss(nodes, tmp_path, retries=0)
    assert sorted(outcome.reason for outcome in outcomes.values()) == ["", LOST]
    assert sorted(outcome.worker_died for outcome in outcomes.values()) == [False, True]


def test_a_lost_head_ends_the_run_with_a_sentence(token, tmp_path):
    nodes = Nodes(tmp_path)
    nodes.add()
    with start(nodes) as engine:
        running = engine.run(partial(engine_items.note_machine, tmp_path / "ran"), range(1000))
        next(running)
        head = nodes.cluster.head_node.all_processes["gcs_server"][0].process
        os.kill(head.pid, signal.SIGKILL)
        with pytest.raises(EngineError) as lost:
            list(running)
    assert str(lost.value) == (
        f"The Ray cluster at {nodes.address} does not answer any more. Finished trials are saved; "
        "run again to resume."
    )
    nodes.cluster.shutdown()


def test_a_machine_with_other_versions_is_refused(nodes):
    nodes.add(KERAS_VERSION="3.14.0")
    setup = replace(SETUP, versions=engine_items.versions)
    with start(nodes, setup) as engine, pytest.raises(EngineError) as refused:
        list(engine.run(engine_items.answer, [0]))
    assert str(refused.value) == (
        f"The machine {nodes.address.partition(':')[0]} has other versions: keras from 3.15.1 to "
        "3.14.0. Install the same versions on all machines."
    )


def test_folders_of_the_cache_and_modules_are_sent(nodes, tmp_path, monkeypatch):
    caches = {nodes.add(), nodes.add()}
    monkeypatch.setenv(CACHE, str(tmp_path / "mine"))
    folder = cache_folder() / "arrays" / "2x2-0f"
    folder.mkdir(parents=True)
    (folder / "train_x.npy").write_bytes(b"pixels")
    (tmp_path / "sent_module.py").write_text("CONTENT = 'from the caller'")
    modules = (*SETUP.modules, tmp_path / "sent_module.py")
    setup = replace(SETUP, modules=modules, folders=("arrays/2x2-0f",))
    with start(nodes, setup) as engine:
        told = [outcome.result for _, outcome in engine.run(engine_items.what_was_sent, range(4))]
    assert {one[1:] for one in told} == {("from the caller", b"pixels")}
    assert {place for place, *_ in told} == caches


def test_several_items_share_a_gpu(nodes, tmp_path):
    """Ray counts the GPUs that it is told of, so this needs none."""
    nodes.add(cpus=8, gpus=2, CUDA_VISIBLE_DEVICES="0,1")
    with start(nodes, gpus=0.25) as engine:
        assert engine._cluster.workers() == 8
        outcomes = engine.run(partial(engine_items.wait_for_others, tmp_path, 8), range(8))
        told = [outcome.result.gpu for _, outcome in outcomes]
    assert Counter(told) == {"0": 4, "1": 4}
    with start(nodes, gpus=0, workers=1) as engine:
        ((_, outcome),) = engine.run(engine_items.answer, [0])
    assert outcome.result.gpu == "-1"


def test_a_cluster_without_a_token_is_named(tmp_path):
    pytest.importorskip("ray")
    with _settings(RAY_AUTH_MODE="disabled", RAY_USAGE_STATS_ENABLED="0"):
        nodes = Nodes(tmp_path)
        try:
            nodes.add()
            with start(nodes) as engine:
                assert engine.notes == (OPEN,)
        finally:
            nodes.cluster.shutdown()


@NEEDS_RAY
def test_a_cluster_that_cannot_be_reached_is_named(monkeypatch):
    import ray

    def refuse(**_):
        raise ConnectionError("no cluster there.")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(EngineError) as refused, start_engine("ray", address="192.0.2.9:6379"):
        pass
    assert str(refused.value) == (
        "`engine`: Ray at 192.0.2.9:6379 cannot be reached (ConnectionError: no cluster there)."
    )
