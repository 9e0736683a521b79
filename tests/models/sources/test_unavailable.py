"""imgcls.models.sources.unavailable: files that no library here runs, and a package that adds one."""

from importlib.metadata import EntryPoint

import pytest

from imgcls import extensions
from imgcls.errors import MachineError
from imgcls.models import loader
from imgcls.models.runtimes import unavailable
from imgcls.models.runtimes.base import Request
from network_files import make_spec


@pytest.mark.parametrize("arch", ["tensorrt:net.engine", "coreml:net.mlpackage"])
def test_they_are_not_available(arch: str) -> None:
    """One line says why, and what to do instead."""
    with pytest.raises(MachineError, match=r"is not available here: .* arch = \"onnx:FILE\"") as caught:
        loader.load(make_spec(arch), "cpu")
    assert "\n" not in str(caught.value)


def test_neither_is_their_runtime() -> None:
    """A runtime without a package is refused by itself, too."""
    with pytest.raises(MachineError, match="no installed package adds its runtime"):
        unavailable.build(Request("net", lambda: None, "float32", "cpu", (8, 8), 1, 1))


def test_an_installed_package_takes_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its modules are used, and the rows stay what they are otherwise: a file, and its own runtime."""
    monkeypatch.setattr(extensions, "_installed", lambda group, name: EntryPoint(name, "engines.net", group))
    source, runtime = extensions.source("tensorrt"), extensions.runtime("tensorrt")
    assert source is not None
    assert runtime is not None
    assert (source.module, source.runtime, source.is_file) == ("engines.net", "tensorrt", True)
    assert (runtime.module, runtime.compiles) == ("engines.net", False)
    assert extensions.source("onnx") == extensions.SOURCES["onnx"]
