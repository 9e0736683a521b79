"""imgcls.light_imports: libraries come without torch's compiler, and with it as soon as something of it is used."""

import json
import sys
import threading
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import timm
import torch
import torchvision

from conftest import Command
from imgcls import light_imports

COMPILING: Any = torch.compiler
"""Its functions have no types."""

IMPORTED = """
from imgcls import light_imports
models = light_imports.torchvision("torchvision.models")
assert models is sys.modules["torchvision.models"] and models.list_models(module=models)
assert not [name for name in sys.modules if name.startswith("torch._dynamo")]

import torch
from torchvision.ops import roi_align
image, boxes = torch.arange(64.0).reshape(1, 1, 8, 8), torch.tensor([[0, 0, 0, 4, 4.0]])
assert roi_align(image, boxes, 2).flatten().isfinite().all()
assert sys.modules[roi_align.__module__].is_compile_supported("meta") is False
assert sys.modules["torch._dynamo.utils"].is_compile_supported("meta") is False

assert torch.compile(lambda x: x + 1, backend="eager")(torch.ones(2)).tolist() == [2, 2]
"""


@pytest.mark.slow
def test_the_compiler_comes_when_it_is_used(python: Command) -> None:
    """No stand-in is left, and whatever is used of the compiler is its own."""
    result = python(f"import sys\n{IMPORTED}\nprint('it holds')")
    assert result.outlines[-1:] == ["it holds"], str(result.stderr)


COMPILED = """
import torch
torch.set_num_threads(1)
from timm.models import NaFlexVit
assert ("torch._dynamo" in sys.modules) is {is_there}

torch.manual_seed(0)
network = timm.create_model(
    "naflexvit_base_patch16_gap", img_size=64, embed_dim=32, depth=1, num_heads=2, num_classes=5
).eval()
rows, columns = torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij")
batch = {{
    "patches": torch.rand(2, 16, 16 * 16 * 3),
    "patch_coord": torch.stack([rows, columns], -1).reshape(1, 16, 2).repeat(2, 1, 1),
    "patch_valid": torch.ones(2, 16, dtype=torch.bool),
}}
with torch.inference_mode():
    outputs = [network(batch)]
    assert ("torch._dynamo" in sys.modules) is {is_there}
    outputs.append(torch.compile(network, backend="eager")(batch))

import torch._dynamo
from torch._dynamo.utils import counters
of_timm = NaFlexVit._generate_rope_naflex
assert of_timm._torchdynamo_disable and torch.compiler.disable.__module__ == "torch.compiler"
print(json.dumps([
    [output.tolist() for output in outputs], counters["frames"], counters["stats"],
    sum(counters["graph_break"].values()),
    sorted(name for name in vars(of_timm) if name != "_torchdynamo_wrapper_id"), of_timm.__qualname__,
]))
"""


@pytest.mark.slow
def test_a_function_of_timm_is_disabled_for_the_compiler_as_ever(python: Command) -> None:
    """Networks that have such functions are compiled in as many parts, and compute the same, bit for bit."""
    light = "from imgcls import light_imports\ntimm = light_imports.timm()"
    results = [
        python(f"import json, sys\n{imported}\n{COMPILED.format(is_there=is_there)}")
        for imported, is_there in ((light, False), ("import timm", True))
    ]
    deferred, plain = (json.loads(result.outlines[-1]) for result in results)
    assert deferred == plain
    [output, compiled], *_, breaks, _, _ = deferred
    assert compiled == output
    assert breaks > 0


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that stands for the compiler, and is not imported yet."""
    (tmp_path / "own_compiler.py").write_text(
        "class decorators:\n    skip = staticmethod(lambda function: function)\n", encoding="ascii"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(light_imports, "COMPILER", "own_compiler")
    monkeypatch.setattr(COMPILING, "disable", _disabled)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.delitem(sys.modules, "own_compiler", raising=False)
    return "own_compiler"


def _disabled(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """What torch's own would return, with what it was given."""

    def disabled() -> Any:
        return fn(), recursive, reason

    return disabled


def _seven() -> int:
    """A number."""
    return 7


def test_a_function_is_disabled_when_the_compiler_is_imported(compiler: str) -> None:
    """Whoever holds it has the disabled one from then on, with all that was given."""
    with light_imports._disabling_later():
        function = COMPILING.disable(_seven, recursive=False, reason="why")
    assert (function(), function.__doc__, COMPILING.disable) == (7, "A number.", _disabled)
    finders = len(sys.meta_path)
    import_module(compiler)
    assert function() == (7, False, "why")
    assert len(sys.meta_path) == finders - 1


def test_a_function_is_disabled_at_once_where_the_compiler_is_there(compiler: str) -> None:
    """Also where another thread imported it in the meantime."""
    with light_imports._disabling_later():
        function = COMPILING.disable(_seven)
        thread = threading.Thread(target=import_module, args=[compiler])
        thread.start()
        thread.join()
        later = COMPILING.disable(_seven)
    assert function() == later() == (7, True, None)


def test_a_failure_restores_what_was_there(compiler: str) -> None:
    """What was defined before it is still disabled when the compiler comes."""
    functions = []

    def fail() -> None:
        with light_imports._disabling_later():
            functions.append(COMPILING.disable(_seven))
            raise ImportError("broken")

    with pytest.raises(ImportError, match="broken"):
        fail()
    assert COMPILING.disable is _disabled
    import_module(compiler)
    assert functions[0]() == (7, True, None)


@pytest.mark.usefixtures("compiler")
def test_what_is_no_function_is_disabled_by_torch_itself() -> None:
    """A module or a class, and the form with parentheses; and everything after the import."""
    with light_imports._disabling_later():
        held = COMPILING.disable
        assert COMPILING.disable(int)() == (0, True, None)
    assert held(_seven)() == (7, True, None)


def test_timm_is_imported_as_ever_where_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or where the compiler is."""
    monkeypatch.setattr(light_imports, "_disabling_later", lambda: pytest.fail("something is put off"))
    assert light_imports.timm() is timm
    assert light_imports.timm("timm.data") is sys.modules["timm.data"]
    monkeypatch.setitem(sys.modules, "torch._dynamo", ModuleType("torch._dynamo"))
    assert light_imports.timm() is timm


@pytest.mark.parametrize("imported", ["torchvision", "torch._dynamo"])
def test_nothing_stands_in_for_what_is_there(imported: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where either of the two is imported already, the import is as any other."""
    monkeypatch.setitem(sys.modules, imported, sys.modules.get(imported, torchvision))
    monkeypatch.setattr(light_imports, "_later", lambda: pytest.fail("something stands in for the compiler"))
    assert light_imports.torchvision() is torchvision


def test_whoever_holds_a_stand_in_gets_what_the_module_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is imported at the first use of a name; what a module has of itself is no use."""
    package, name = "wsgiref", "wsgiref.util"
    monkeypatch.setattr(light_imports, "COMPILER", package)
    monkeypatch.setattr(light_imports, "UTILITIES", name)
    for module in (package, name):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with light_imports._later():
        held = import_module(name)
        assert not hasattr(held, "__file__")
        assert sys.modules[name] is held
        assert held.is_hop_by_hop("Connection")
        assert sys.modules[name] is not held
    assert held.is_hop_by_hop is sys.modules[name].is_hop_by_hop
    with pytest.raises(AttributeError, match="nothing"):
        held.nothing  # noqa: B018 - it is looked up
