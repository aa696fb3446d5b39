"""What a process may fill of the main memory, on machines that there are: plain, in containers of both kinds."""

from types import SimpleNamespace

import pytest
import torch

from server import main_memory
from server.transpixar import placement

GB = 10**9
HELD = "Name:\tpython\nVmRSS:\t 4000000 kB\nRssAnon:\t 1500000 kB\nRssFile:\t 2400000 kB\nRssShmem:\t 100000 kB\n"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with 20 GB free of 32, a process that holds 1.6 GiB itself, and no control groups yet."""
    memory = SimpleNamespace(available=20 * GB, total=32 * GB)
    monkeypatch.setattr(main_memory.psutil, "virtual_memory", lambda: memory)
    for name in ("_STATUS", "_GROUPS", "_MOUNT"):
        monkeypatch.setattr(main_memory, name, tmp_path / name)
    (tmp_path / "_STATUS").write_text(HELD)

    def put(group: str, **files: int | str) -> None:
        folder = tmp_path / "_MOUNT" / group
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in files.items():
            (folder / f"memory.{name}").write_text(f"{value}\n")

    return SimpleNamespace(memory=memory, put=put, groups=tmp_path / "_GROUPS")


OWN = 1_600_000 * 1024


def test_what_is_free_and_what_the_process_holds_but_not_its_files(machine):
    assert main_memory.fillable_bytes() == 20 * GB + OWN
    assert main_memory.total_bytes() == 32 * GB


def test_filling_some_of_it_does_not_change_the_answer(machine):
    before = main_memory.fillable_bytes()
    filled = 11_400_000 * 1024
    machine.memory.available -= filled
    assert main_memory.fillable_bytes(elsewhere=filled) == before
    main_memory._STATUS.write_text(HELD.replace("1500000 kB", "12900000 kB"))
    assert main_memory.fillable_bytes() == before


def test_a_container_of_version_2_and_the_groups_above_it(machine):
    machine.groups.write_text("0::/kubepods/pod1/box\n")
    machine.put("kubepods/pod1/box", max="max", current=3 * GB)
    machine.put(
        "kubepods/pod1",
        max=8 * GB,
        current=6 * GB,
        stat=f"anon 1\nactive_file {GB}\ninactive_file {2 * GB}\ninactive_anon 5\n",
    )
    machine.put("kubepods", max=64 * GB, current=7 * GB)
    assert main_memory.fillable_bytes() == 5 * GB + OWN  # 8 - (6 - 3 of files that give way)
    assert main_memory.total_bytes() == 8 * GB


def test_a_container_of_version_1(machine):
    machine.groups.write_text("5:devices:/\n4:cpu,memory:/docker/1\n1:name=systemd:/\n0::/\n")
    machine.put("memory/docker/1", limit_in_bytes=4 * GB, usage_in_bytes=3 * GB, stat=f"total_inactive_file {GB}\n")
    machine.put("memory", limit_in_bytes=2**63 - 4096, usage_in_bytes=9 * GB)
    assert main_memory.fillable_bytes() == 2 * GB + OWN
    assert main_memory.total_bytes() == 4 * GB


def test_a_container_that_sees_its_own_group_as_the_root(machine):
    machine.groups.write_text("0::/\n")
    machine.put("", max=2 * GB, current=3 * GB)
    assert main_memory.fillable_bytes() == OWN  # over its limit: nothing but what it holds
    assert main_memory.total_bytes() == 2 * GB


@pytest.mark.parametrize("text", ["", "nonsense\n", "0::/../../elsewhere\n"])
def test_groups_that_cannot_be_read_count_for_nothing(machine, text):
    machine.groups.write_text(text)
    assert main_memory.fillable_bytes() == 20 * GB + OWN


def test_systems_that_tell_less(machine):
    main_memory._STATUS.unlink()
    rss = main_memory.psutil.Process().memory_info().rss
    assert main_memory.fillable_bytes() == pytest.approx(20 * GB + rss, rel=0.1)


def test_this_machine():
    before = main_memory.held_bytes()
    block = torch.ones(50_000_000, dtype=torch.float32)
    assert main_memory.held_bytes() - before > 0.9 * block.nbytes
    assert 0 < main_memory.fillable_bytes() <= main_memory.total_bytes()
    assert placement.available_bytes("cpu") == pytest.approx(main_memory.fillable_bytes(), rel=0.05)


def test_memory_that_the_driver_has_pinned_is_held(machine, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "host_memory_stats", lambda: {"allocated_bytes.current": 11 * GB})
    assert placement.available_bytes("cpu") == 31 * GB + OWN
