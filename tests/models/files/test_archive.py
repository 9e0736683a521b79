"""imgcls.models.files.archive: programs of torch.export that would run something are refused before they are loaded."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from imgcls.errors import ModelError
from imgcls.models.files import archive
from network_files import write_exported


class Malicious:
    """What a pickle runs when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("it ran",))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program as torch writes it, with sizes of any number and an extra file."""
    return write_exported(tmp_path_factory.mktemp("plain") / "net.pt2", extra={"labels.txt": "cat"})


def _changed(plain: Path, file: Path, member: str, change: Callable[[bytes], bytes]) -> Path:
    """A copy in which one member is another, or one more."""
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(file, "w") as copy:
        folder = source.namelist()[0].partition("/")[0]
        contents = {name: source.read(name) for name in source.namelist()}
        name = f"{folder}/{member}"
        contents[name] = change(contents.get(name, b""))
        for key, content in contents.items():
            copy.writestr(key, content)
    return file


def _in_description(change: Callable[[dict[str, Any]], None]) -> Callable[[bytes], bytes]:
    def apply(content: bytes) -> bytes:
        description = json.loads(content)
        change(description)
        return json.dumps(description).encode()

    return apply


def _target(target: str) -> Callable[[bytes], bytes]:
    return _in_description(lambda model: model["graph_module"]["graph"]["nodes"][0].update(target=target))


def _expression(text: str) -> Callable[[bytes], bytes]:
    return _in_description(lambda model: model.update(more={"expr_str": text}))


def _structure(text: str) -> Callable[[bytes], bytes]:
    return _in_description(lambda model: model.update(more={"in_spec": text}))


def _sample(_: bytes) -> bytes:
    buffer = io.BytesIO()
    torch.save(Malicious(), buffer)
    return buffer.getvalue()


def test_a_plain_program(plain: Path) -> None:
    """What torch writes of plain tensors passes, and its extra files are returned."""
    assert archive.check(plain) == {"labels.txt": "cat"}


DEFAULTDICT = json.dumps([1, {"type": "collections.defaultdict", "context": "{}", "children_spec": []}])


@pytest.mark.parametrize(
    ("member", "change", "named"),
    [
        ("models/model.json", _target("torch.ops.load_library"), "torch.ops.load_library"),
        ("models/model.json", _target("torch.os.system"), "torch.os.system"),
        ("models/model.json", _target("_operator.methodcaller"), "_operator.methodcaller"),
        ("models/model.json", _target("torch.ops.aten.from_file.default"), "from_file"),
        ("models/model.json", _target("torch.ops.my.own.default"), "torch.ops.my.own.default"),
        ("models/model.json", _expression("__import__('os').system('x')"), "the expression"),
        ("models/model.json", _expression("exec(chr(1))"), r"the expression exec\(chr\(1\)\)"),
        ("models/model.json", _expression("s0.__class__"), "the expression"),
        ("models/model.json", _structure(DEFAULTDICT), "a structure of other types"),
        ("data/weights/model_weights_config.json", lambda _: b'{"config": {"w": {"use_pickle": true}}}', "pickles"),
        ("data/sample_inputs/model.pt", _sample, "its sample inputs"),
        ("data/constants/custom_obj_0", lambda _: pickle.dumps(Malicious()), "its member data/constants/custom_obj_0"),
        ("data/aotinductor/model/model.so", lambda _: b"\x7fELF", "its member data/aotinductor"),
    ],
)
def test_what_would_run_something(
    plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], member: str, change: Any, named: str
) -> None:
    """Each way in is named, and nothing ran."""
    file = _changed(plain, tmp_path / "net.pt2", member, change)
    with pytest.raises(ModelError, match=rf"is refused: loading it would run .*{named}"):
        archive.check(file)
    assert capsys.readouterr().out == ""


def test_sizes_are_plain_expressions() -> None:
    """What torch writes of sizes passes."""
    for text in ("Symbol('s77', positive=True, integer=True)", "2*s0 + 1", "FloorDiv(s1, 2)", "Max(1, u0)"):
        archive._check_values(Path("net.pt2"), "models/model.json", {"expr_str": text})


def test_an_earlier_format(tmp_path: Path) -> None:
    """What torch before 2.8 wrote is read with pickle only, and refused by name."""
    with zipfile.ZipFile(tmp_path / "net.pt2", "w") as file:
        file.writestr("version", "8.2")
        file.writestr("serialized_exported_program.json", "{}")
    with pytest.raises(ModelError, match=r"was saved by a torch before 2\.8"):
        archive.check(tmp_path / "net.pt2")


def test_another_archive(tmp_path: Path) -> None:
    """A zip archive of something else is no program."""
    with zipfile.ZipFile(tmp_path / "net.pt2", "w") as file:
        file.writestr("a/data.pkl", "")
    with pytest.raises(ModelError, match=r"is not a program of torch.export: save one with"):
        archive.check(tmp_path / "net.pt2")
