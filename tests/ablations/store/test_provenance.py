"""Descriptions of machines."""

import platform

import pytest

from ablations.store.provenance import all_machines, describe_machine, other_machine

CPUINFO = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) CPU @ 2.20GHz
power management:

processor\t: 1
model name\t: Intel(R) Xeon(R) CPU @ 2.20GHz
"""


@pytest.fixture
def proc(tmp_path):
    """Linux's files about a machine with two GPUs."""
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    (tmp_path / "meminfo").write_text("MemTotal:       16777216 kB\nMemFree:  1 kB\n")
    for bus, model in (("0000:01:00.0", "NVIDIA L4"), ("0000:02:00.0", "NVIDIA H100 80GB HBM3")):
        folder = tmp_path / "driver/nvidia/gpus" / bus
        folder.mkdir(parents=True)
        (folder / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 41\n")
    return tmp_path


def test_description_of_a_machine(proc):
    found = describe_machine(proc)
    assert int(found.pop("cores")) > 0
    assert found == {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": "Intel(R) Xeon(R) CPU @ 2.20GHz",
        "memory": "16 GiB",
        "gpus": "NVIDIA L4, NVIDIA H100 80GB HBM3",
    }


def test_host_name_is_left_out():
    assert platform.node() not in [*describe_machine().values()]


def test_unknown_facts_of_a_machine_are_left_out(tmp_path):
    assert set(describe_machine(tmp_path)) == {"python", "system", "cpu", "cores"}
    assert describe_machine(tmp_path)["cpu"] == platform.machine()


@pytest.mark.parametrize(
    ("earlier", "now", "said"),
    [
        ({"cpu": "A", "cores": "2"}, {"cpu": "A", "cores": "64"}, ""),
        ({"cpu": "A"}, {"cpu": "A", "gpus": "L4"}, "gpus none, here L4"),
        ({"cpu": "A", "gpus": "L4"}, {"cpu": "B"}, "cpu A, here B; gpus L4, here none"),
        ({"python": "3.11"}, {"cpu": "B"}, ""),  # stored before the CPU was
    ],
)
def test_machines_differ_by_cpu_and_gpu(earlier, now, said):
    assert other_machine(earlier, now) == said


def test_no_results_have_no_machine():
    assert all_machines([]) == {}
