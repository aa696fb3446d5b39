"""What the doctor says about Python, torch and the card of machines that are not this one."""

import argparse
from dataclasses import replace

import pytest

from server.doctor.command import examine
from server.doctor.finding import Finding, Level, verdict
from server.doctor.machine import Machine, TorchBuild, read_driver_folder
from server.doctor.software import check_software


def finding(machine: Machine, about: str) -> Finding:
    return next(found for found in check_software(machine) if found.about == about)


def test_a_healthy_machine_without_a_card(machine):
    findings = list(check_software(machine))
    assert not [found for found in findings if found.level is Level.PROBLEM]
    assert verdict(findings) == (True, "Clips can be made on this machine.")


@pytest.mark.parametrize(("system", "python"), [("Windows", "py -m pip"), ("Linux", "python3 -m pip")])
def test_an_nvidia_card_and_a_torch_that_cannot_use_it(machine, system, python):
    machine = replace(machine, system=system, nvidia_cards=("NVIDIA GeForce RTX 4090",))
    found = finding(machine, "PyTorch")
    assert found.level is Level.PROBLEM
    assert "There is an NVIDIA card (NVIDIA GeForce RTX 4090)" in found.said
    assert "computes on the processor only" in found.said
    assert found.advice is not None
    assert f"{python} install --force-reinstall torch --index-url https://download.pytorch.org/whl/cu" in found.advice
    # `mini` still makes clips on the processor.
    assert not found.prevents_clips


def test_an_nvidia_card_and_a_driver_that_is_too_old(machine):
    torch = TorchBuild("2.13.0+cu130", cuda="13.0", has_gpu=False)
    found = finding(replace(machine, torch=torch, nvidia_cards=("NVIDIA RTX A2000",)), "PyTorch")
    assert found.level is Level.PROBLEM
    assert "newest driver" in str(found.advice)


def test_python_that_is_too_old(machine):
    found = finding(replace(machine, python=(3, 10, 4)), "Python")
    assert found.prevents_clips
    assert "Install Python 3.11 or newer" in str(found.advice)


@pytest.mark.parametrize(
    "broken",
    [
        {"torch": None, "torch_error": "DLL load failed", "missing": ()},
        {"missing": ("pydantic", "fastapi")},
        {"torch": None, "torch_error": "No module named 'torch'", "missing": ("torch",)},
    ],
)
def test_packages_that_are_missing_end_the_examination(machine, broken):
    findings = list(examine(replace(machine, **broken), argparse.Namespace()))
    possible, said = verdict(findings)
    assert not possible
    assert "until this is mended" in said
    assert any("pip install" in str(found.advice) for found in findings if found.prevents_clips)


def test_little_main_memory(machine):
    assert finding(replace(machine, memory_free=10**9), "Main memory").level is Level.NOTE


def test_cards_are_found_without_their_program(tmp_path):
    card = tmp_path / "0000:01:00.0"
    card.mkdir()
    (card / "information").write_text("Model: \t\t NVIDIA GeForce RTX 3060\nIRQ:   \t 54\n")
    assert read_driver_folder(tmp_path) == ("NVIDIA GeForce RTX 3060",)
    assert read_driver_folder(tmp_path / "nothing") == ()
