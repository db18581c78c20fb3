"""The description of the machine."""

import platform

import psutil
import pytest

from cnnzoo.runtime.machine import describe_machine

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
    for bus, model in (("0000:01:00.0", "NVIDIA L4"), ("0000:02:00.0", "NVIDIA H100 80GB HBM3")):
        folder = tmp_path / "driver/nvidia/gpus" / bus
        folder.mkdir(parents=True)
        (folder / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 41\n")
    return tmp_path


def test_machine_description(proc):
    machine = describe_machine(proc)
    assert int(machine.pop("cores")) > 0
    assert machine == {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": "Intel(R) Xeon(R) CPU @ 2.20GHz",
        "memory": f"{round(psutil.virtual_memory().total / 1024**3)} GiB",
        "gpus": "NVIDIA L4, NVIDIA H100 80GB HBM3",
    }


def test_description_omits_the_host_name():
    assert platform.node() not in [*describe_machine().values()]


def test_description_omits_what_is_unknown(tmp_path):
    assert set(describe_machine(tmp_path)) == {"python", "system", "cpu", "cores", "memory"}
    assert describe_machine(tmp_path)["cpu"] == platform.machine()
