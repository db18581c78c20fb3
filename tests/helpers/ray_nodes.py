"""Clusters of Ray whose machines are nodes on this one."""

import itertools
from contextlib import contextmanager

import pytest

from cnnzoo.engine.ray_cluster import _settings
from cnnzoo.runtime.files import CACHE
from helpers.waiting import wait_until

TOKEN = "3f" * 32


@contextmanager
def with_tokens():
    """Let the clusters that start in this block ask for a token."""
    with _settings(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=TOKEN, RAY_USAGE_STATS_ENABLED="0"):
        yield


class Nodes:
    """A cluster with a head that has no CPU, and the nodes that tests add."""

    def __init__(self, folder):
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": 10**8}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.address = self.cluster.address
        self.added = []
        self._folder, self._caches = folder, itertools.count()

    def add(self, cpus=1, gpus=0, **environment):
        """Add a node, and return its cache folder."""
        cache = str(self._folder / f"cache{next(self._caches)}")
        with pytest.MonkeyPatch.context() as patch:
            for name, text in {CACHE: cache, **environment}.items():
                patch.setenv(name, text)
            options = {"num_cpus": cpus, "num_gpus": gpus, "object_store_memory": 10**8}
            self.added.append((cache, self.cluster.add_node(**options)))
        return cache

    def lose(self, cache):
        """Kill all processes of a node."""
        ((place, node),) = (one for one in self.added if one[0] == cache)
        self.added.remove((place, node))
        self.cluster.remove_node(node, allow_graceful=False)

    def clear(self):
        """Remove all nodes but the head, and wait until the head has missed them."""
        for cache, _ in [*self.added]:
            self.lose(cache)
        table = self.cluster.global_state.node_table
        wait_until(lambda: sum(node["Alive"] for node in table()) <= 1)
