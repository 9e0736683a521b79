"""imgcls.system.versions: one list of the libraries that a prediction depends on."""

import platform
from importlib import metadata

import pytest

from imgcls.system import versions


def test_every_library_has_its_version() -> None:
    """Python and the libraries, by the names of their distributions; the environment adds the platform."""
    libraries = versions.libraries()
    assert list(libraries) == ["python", "imgcls", "torch", "torchvision", "timm", "pillow", "numpy"]
    assert libraries["torch"] == metadata.version("torch")
    assert versions.environment().items() >= {**libraries, "platform": platform.platform()}.items()


def test_a_runtime_without_a_library_of_its_own_is_always_there() -> None:
    """Eager and compiled networks are computed by torch itself."""
    assert (versions.of_runtime("eager"), versions.has_library("eager")) == ({}, True)


@pytest.mark.parametrize(("installed", "expected"), [("2025.3.0", {"openvino": "2025.3.0"}), (None, {})])
def test_the_library_of_a_runtime_may_be_absent(
    monkeypatch: pytest.MonkeyPatch, installed: str | None, expected: dict[str, str]
) -> None:
    """Where it is installed it is part of the environment, and elsewhere it has no version."""
    version = metadata.version

    def of(name: str) -> str:
        if name != "openvino":
            return version(name)
        if installed is None:
            raise metadata.PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(metadata, "version", of)
    assert versions.of_runtime("openvino") == expected
    assert versions.has_library("openvino") is bool(expected)
    assert {name: v for name, v in versions.environment().items() if name == "openvino"} == expected
