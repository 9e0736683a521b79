"""Which libraries are installed, and whether they belong together; nothing is imported for it."""

from __future__ import annotations

import importlib.util
import platform
import re
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from imgcls.doctor.findings import Evidence, Finding
from imgcls.doctor.network import TORCH

OUR_OWN = frozenset({"docs", "lint", "plugins", "scale", "test"})
"""Extras that only work on this project needs."""

_SHOWN = ("imgcls", "torch", "torchvision", "timm", "pillow", "numpy", "pytest")
_FIRST_VISION = 15  # docs/decisions.md#torchvision-of-a-torch
WHEELS = f"{TORCH}/whl"
_BUILD = re.compile(r"^__version__ = ['\"][^'\"+]+\+(\w+)", re.MULTILINE)
"""What version.py states of a build: ``cpu``, ``cu130``, ``rocm6.4``; the metadata of a package index leave it out."""


def versions(evidence: Evidence) -> Iterator[Finding]:
    """The versions that a bug report needs, and what imgcls requires and is not installed."""
    named = [f"{name} {evidence.packages[name]}" for name in _SHOWN if name in evidence.packages]
    yield Finding("ok", ", ".join([f"Python {platform.python_version()}", *named]))
    for requirement in _requirements("imgcls"):
        if problem := unmet(requirement, evidence):
            yield Finding("broken", f"imgcls needs {problem}", f"pip install '{_plain(requirement)}'")


def unmet(requirement: Requirement, evidence: Evidence) -> str | None:
    """What is required and not installed; None where it is, or is not required here."""
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        return None
    version = evidence.packages.get(canonicalize_name(requirement.name))
    if version is None:
        return f"{_plain(requirement)}, which is not installed"
    if not requirement.specifier.contains(version, prereleases=True):
        return f"{_plain(requirement)}, and {version} is installed"
    return None


def _plain(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"


def _requirements(package: str) -> list[Requirement]:
    with suppress(metadata.PackageNotFoundError):
        return [Requirement(text) for text in metadata.requires(package) or ()]
    return []


def extras(evidence: Evidence) -> Iterator[Finding]:
    """Which optional parts are there, and how to get the others."""
    needs: dict[str, list[Requirement]] = {}
    for requirement in _requirements("imgcls"):
        match = re.search(r"extra == ['\"]([\w.-]+)['\"]", str(requirement.marker or ""))
        if match and match[1] not in OUR_OWN:
            needs.setdefault(match[1], []).append(requirement)
    absent = {extra: [one.name for one in rows if not _is_met(one, evidence)] for extra, rows in sorted(needs.items())}
    complete = [extra for extra, names in absent.items() if not names]
    yield Finding("ok", f"installed: {', '.join(complete) or 'none'}")
    for extra, names in absent.items():
        if names:
            yield Finding("note", f"{extra}: without {', '.join(names)}", f"pip install 'imgcls[{extra}]'")


def _is_met(requirement: Requirement, evidence: Evidence) -> bool:
    version = evidence.packages.get(canonicalize_name(requirement.name))
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def pairs(evidence: Evidence) -> Iterator[Finding]:
    """Whether torch and torchvision are of one release and of one build."""
    torch, vision = (evidence.packages.get(name, "").partition("+")[0] for name in ("torch", "torchvision"))
    if not torch or not vision:
        return
    builds = [build(name) for name in ("torch", "torchvision")]
    expected = vision_of(torch)
    if expected and not vision.startswith(expected):
        yield Finding(
            "broken",
            f"torch {torch} needs torchvision {expected}*, and {vision} is installed: its operators will be missing "
            "(operator torchvision::nms does not exist)",
            _reinstall(torch, f"{expected}*", builds[0]),
        )
    elif all(builds) and builds[0] != builds[1]:
        yield Finding(
            "broken",
            f"torch is built for {builds[0]}, and torchvision for {builds[1]}: its operators will be missing "
            "(operator torchvision::nms does not exist)",
            _reinstall(torch, vision, builds[0]),
        )
    else:
        yield Finding("ok", f"torch {torch} and torchvision {vision} belong together, built for {builds[0] or 'any'}")


def vision_of(torch: str) -> str | None:
    """How the version of the torchvision begins that was built with a torch: 0.15 for 2.0, 0.16 for 2.1, and so on."""
    major, minor, *_ = [*torch.split("."), ""]
    return f"0.{int(minor) + _FIRST_VISION}." if major == "2" and minor.isdecimal() else None


def build(package: str) -> str | None:
    """What an installed library was built for, read from its version.py; None where that does not state it."""
    with suppress(OSError, ImportError, ValueError):
        spec = importlib.util.find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            if match := _BUILD.search((Path(folder) / "version.py").read_text(encoding="utf-8", errors="replace")):
                return match[1]
    return None


def _reinstall(torch: str, vision: str, build: str | None) -> str:
    index = f" --index-url {WHEELS}/{build}" if build else ""
    return f"pip install --force-reinstall 'torch=={torch}' 'torchvision=={vision}'{index}"
