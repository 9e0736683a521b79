"""imgcls.doctor.libraries: planted versions that do not belong together, and what mends them."""

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import reference_environment
from examined import evidence, of_level
from imgcls.doctor import findings, libraries


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """What the installed libraries are built for, by default what no file states."""
    stated: dict[str, str | None] = {}
    monkeypatch.setattr(libraries, "build", stated.get)
    return stated


def test_versions_that_a_bug_report_needs() -> None:
    """What is installed here is one line, and all that imgcls requires is here."""
    [finding] = libraries.versions(evidence(packages=findings.installed()))
    assert finding.level == "ok"
    assert finding.text.startswith("Python 3.")
    assert ", torch 2." in finding.text


def test_extras_for_work_on_this_project_are_none_of_a_user() -> None:
    """They are those that the reference describes as parts of a clone."""
    of_a_clone = {name for name, text in reference_environment.EXTRAS.items() if "of a clone" in text}
    assert of_a_clone == libraries.OUR_OWN


def test_what_imgcls_requires_and_is_not_there() -> None:
    """An absent package and an old one, each with the command that installs it."""
    packages = {**findings.installed(), "timm": "0.9.16"}
    del packages["safetensors"]
    broken = of_level(libraries.versions(evidence(packages=packages)), "broken")
    assert ("imgcls needs safetensors>=0.5, which is not installed", "pip install 'safetensors>=0.5'") in broken
    assert ("imgcls needs timm>=1.0.20, and 0.9.16 is installed", "pip install 'timm>=1.0.20'") in broken
    assert len(broken) == 2


def test_requirements_of_other_platforms_are_not_missed() -> None:
    """A marker that is not true here requires nothing."""
    assert libraries.unmet(Requirement("memray; sys_platform == 'amiga'"), evidence()) is None


@pytest.mark.usefixtures("builds")
@pytest.mark.parametrize(
    ("torch", "vision", "expected"),
    [("2.9.0", "0.25.0", "0.24.*"), ("2.10.1", "0.24.1", "0.25.*"), ("2.0.1", "0.16.0", "0.15.*")],
)
def test_a_torchvision_of_another_release(torch: str, vision: str, expected: str) -> None:
    """Every torchvision is built for one torch: the command installs the pair."""
    pair = {"torch": torch, "torchvision": vision}
    [(text, remedy)] = of_level(libraries.pairs(evidence(packages=pair)), "broken")
    assert text.startswith(f"torch {torch} needs torchvision {expected}, and {vision} is installed")
    assert text.endswith("(operator torchvision::nms does not exist)")
    assert remedy == f"pip install --force-reinstall 'torch=={torch}' 'torchvision=={expected}'"


@pytest.mark.parametrize(("torch", "vision"), [("cpu", "cu130"), ("cu126", "cu130"), ("rocm6.4", "cpu")])
def test_builds_for_different_devices(builds: dict[str, str | None], torch: str, vision: str) -> None:
    """A torch for the CPU and a torchvision for CUDA: both are fetched anew from torch's index."""
    builds |= {"torch": torch, "torchvision": vision}
    pair = {"torch": "2.14.1", "torchvision": "0.29.1"}
    [(text, remedy)] = of_level(libraries.pairs(evidence(packages=pair)), "broken")
    assert text.startswith(f"torch is built for {torch}, and torchvision for {vision}: ")
    assert remedy == (
        "pip install --force-reinstall 'torch==2.14.1' 'torchvision==0.29.1' "
        f"--index-url https://download.pytorch.org/whl/{torch}"
    )


@pytest.mark.parametrize(
    "packages",
    [
        {"torch": "2.14.1", "torchvision": "0.29.0"},
        {"torch": "2.9.0+cpu", "torchvision": "0.24.0+cpu"},
        {"torch": "3.0.0", "torchvision": "0.40.0"},
        {"torch": "2.14.1"},
        {},
    ],
)
@pytest.mark.usefixtures("builds")
def test_pairs_that_are_not_wrong(packages: Mapping[str, str]) -> None:
    """One release, a torch whose rule is not known, or one of them absent, which another check reports."""
    assert of_level(libraries.pairs(evidence(packages=packages)), "broken", "warning") == []


def test_the_build_is_read_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metadata of a package index do not have it, and a broken library cannot be imported for it."""
    for name, version in {"planted_cpu": "2.14.1+cpu", "planted_bare": "2.14.1"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('broken')\n")
        (tmp_path / name / "version.py").write_text(f"from typing import Any\n__version__ = '{version}'\ncuda = None\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert libraries.build("planted_cpu") == "cpu"
    assert libraries.build("planted_bare") is None
    assert libraries.build("planted_absent") is None


def test_extras_that_are_there_and_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each absent one with the command that installs it; those for work on imgcls itself are not missed."""
    required = ["numpy>=2", "onnx>=1; extra == 'onnx'", "onnxruntime>=1; extra == 'onnx'", "ruff; extra == 'lint'",
                "openvino>=2025; extra == 'openvino'"]  # fmt: skip
    monkeypatch.setattr(metadata, "requires", lambda _: required)
    ok, note = libraries.extras(evidence(packages={"onnx": "1.18", "openvino": "2026.4"}))
    assert (ok.level, ok.text) == ("ok", "installed: openvino")
    assert (note.level, note.text, note.remedy) == ("note", "onnx: without onnxruntime", "pip install 'imgcls[onnx]'")
