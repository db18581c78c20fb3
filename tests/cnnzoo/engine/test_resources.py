"""Cores and memory, read from files of a made-up system."""

import math
import os

import pytest

from cnnzoo.engine import resources
from cnnzoo.engine.resources import (
    available_cores,
    available_memory,
    default_workers,
)

GIGABYTE = 2**30


@pytest.fixture
def system(tmp_path):
    """Return a function that returns what is available if files have given contents."""

    def system(files, available=available_memory):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return available(tmp_path / "proc", tmp_path / "cgroup")

    return system


MEMINFO = {
    "proc/meminfo": (
        "MemTotal:       16777216 kB\nMemFree:          524288 kB\n"
        "MemAvailable:    8388608 kB\nCached:          7340032 kB\nHugePages_Total:       0\n"
    )
}


def second_version(folder, limit, used, cached=0):
    return {
        f"cgroup/{folder}/memory.max": f"{limit}\n",
        f"cgroup/{folder}/memory.current": f"{used}\n",
        f"cgroup/{folder}/memory.stat": f"anon 17\nfile {cached + 5}\ninactive_file {cached}\n",
    }


def first_version(folder, limit, used, cached=0):
    folder = f"cgroup/memory/{folder}"
    return {
        f"{folder}/memory.limit_in_bytes": f"{limit}\n",
        f"{folder}/memory.usage_in_bytes": f"{used}\n",
        f"{folder}/memory.stat": f"inactive_file 1\ntotal_inactive_file {cached}\n",
    }


def test_the_page_cache_counts_as_available(system):
    assert system(MEMINFO) == 8 * GIGABYTE


def test_without_files_there_is_no_limit(system):
    assert system({"proc/self/stat": ""}) == math.inf
    assert system({"proc/meminfo": "MemTotal: 1 kB\n"}) == math.inf


@pytest.mark.parametrize(
    ("group", "version", "unlimited"),
    [
        ("0::/jobs/7\n", second_version, "max"),
        ("5:cpu:/other\n4:memory:/jobs/7\n1:name=systemd:/x\n", first_version, 2**63 - 4096),
        ("4:cpu,memory:/jobs/7\n0::/\n", first_version, 2**63 - 4096),
    ],
    ids=["version 2", "version 1", "version 1 with another controller"],
)
def test_used_memory_is_subtracted_from_the_limit_of_a_group(system, group, version, unlimited):
    own = {"proc/self/cgroup": group, **MEMINFO}
    assert system({**own, **version("jobs/7", unlimited, GIGABYTE)}) == 8 * GIGABYTE
    assert system({**own, **version("jobs/7", 4 * GIGABYTE, GIGABYTE)}) == 3 * GIGABYTE
    # files that were read would be given up
    cached = version("jobs/7", 4 * GIGABYTE, 3 * GIGABYTE, cached=2 * GIGABYTE)
    assert system({**own, **cached}) == 3 * GIGABYTE
    # what is above it has limits too
    above = version("jobs", 6 * GIGABYTE, 5 * GIGABYTE)
    assert system({**own, **above}) == GIGABYTE
    # and a neighbour's limit is none of its business
    assert system({**own, **version("jobs/8", 5, 4)}) == GIGABYTE
    assert system({**own, **version("jobs/7", GIGABYTE, 2 * GIGABYTE)}) == 0


@pytest.mark.parametrize(
    ("group", "version"),
    [("0::/\n", second_version), ("4:memory:/docker/abc\n", first_version)],
)
def test_the_limit_of_a_container_is_at_the_top(system, group, version):
    files = {"proc/self/cgroup": group, **MEMINFO, **version(".", 2 * GIGABYTE, GIGABYTE)}
    assert system(files) == GIGABYTE


def test_this_machine_has_memory():
    assert 0 < available_memory() < math.inf


@pytest.fixture
def cores(system, monkeypatch):
    """Return a function that returns how many of 8 cores are available for given files."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    return lambda files: system(files, available_cores)


def second_quota(folder, quota, period=100_000):
    return {f"cgroup/{folder}/cpu.max": f"{'max' if quota == -1 else quota} {period}\n"}


def first_quota(folder, quota, period=100_000):
    return {
        f"cgroup/cpu/{folder}/cpu.cfs_quota_us": f"{quota}\n",
        f"cgroup/cpu/{folder}/cpu.cfs_period_us": f"{period}\n",
    }


@pytest.mark.parametrize(
    ("group", "version"),
    [
        ("0::/jobs/7\n", second_quota),
        ("5:memory:/other\n4:cpu:/jobs/7\n1:name=systemd:/x\n", first_quota),
        ("4:cpu,cpuacct:/jobs/7\n0::/\n", first_quota),
    ],
    ids=["version 2", "version 1", "version 1 with another controller"],
)
def test_the_quota_of_a_control_group_limits_the_cores(cores, group, version):
    own = {"proc/self/cgroup": group}
    assert cores(own) == 8
    assert cores({**own, **version("jobs/7", -1)}) == 8
    assert cores({**own, **version("jobs/7", 400_000)}) == 4
    assert cores({**own, **version("jobs/7", 390_000)}) == 3
    assert cores({**own, **version("jobs/7", 40_000)}) == 1
    assert cores({**own, **version("jobs/7", 100_000, 50_000)}) == 2
    assert cores({**own, **version("jobs/7", 2_000_000)}) == 8
    # what is above it has a quota too, and a neighbour's is none of its business
    assert cores({**own, **version("jobs", 600_000)}) == 6
    assert cores({**own, **version("jobs/8", 100_000)}) == 6


def test_one_worker_per_core_within_the_memory(monkeypatch):
    monkeypatch.setattr(resources, "available_cores", lambda: 8)
    for gigabytes, workers in [(0, 1), (1, 1), (3, 2), (6, 4), (100, 8), (math.inf, 8)]:
        monkeypatch.setattr(resources, "available_memory", lambda: gigabytes * GIGABYTE)  # noqa: B023
        assert default_workers() == workers
    assert default_workers(gpus=3) == 3
