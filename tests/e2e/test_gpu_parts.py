"""What the parts of ``bench/gpu.py`` share: the pretended card, the record of figures, tables and the floor."""

import ast
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import torch

import gpu
import scoring_images
import scoring_process
from gpu_parts import memory, pretended, scoring, steps, tables
from gpu_parts.scene import Scene
from imgcls.models import inference

PARTS = Path(gpu.__file__).parent / "gpu_parts"


def test_the_pretended_card_has_torchs_signatures() -> None:
    """A call that torch would refuse is refused in a dry run, too; afterwards everything is as it was."""
    before = torch.cuda.mem_get_info
    with pretended.card():
        assert torch.cuda.mem_get_info() == (pretended.TOTAL_BYTES, pretended.TOTAL_BYTES)
        with pytest.raises(TypeError):
            torch.cuda.set_per_process_memory_fraction(0.5, 0, 1)  # type: ignore[call-arg]
        assert vars(torch.cuda)["Event"] is pretended.Event
    assert torch.cuda.mem_get_info is before


def test_every_call_of_cuda_is_pretended() -> None:
    """What the parts take from ``torch.cuda`` is there in a dry run, so that none of it is first run on a card."""
    used = {
        node.attr
        for file in PARTS.glob("*.py")
        if file.name != "pretended.py"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "torch.cuda"
    }
    with pretended.card():
        real = {name for name in used if not isinstance(getattr(torch.cuda, name), mock.NonCallableMock | type)}
        assert sorted(name for name in real if not hasattr(getattr(torch.cuda, name), "mock")) == ["memory"]


def test_the_largest_allocation_is_named() -> None:
    """By the innermost line outside of torch; one that no Python made is native code's."""
    assert memory.largest(pretended.SNAPSHOT) == (pretended.ALLOCATED_BYTES, "planted.py:2 in forward")
    native = {"device_traces": [[{"action": "alloc", "size": 7, "frames": []}]]}
    assert memory.largest(native) == (7, "native code:0 in ?")


def test_figures_are_as_json_has_them() -> None:
    """What is not finite is null, and what JSON does not know is its text."""
    figures = {"nan": math.nan, 1: (math.inf, 2.0), "path": Path("a"), "flag": True, "none": None}
    assert steps.plain(figures) == {"nan": None, "1": [None, 2.0], "path": "a", "flag": True, "none": None}


DOCUMENT: dict[str, Any] = {
    "dry_run": False, "python": "3.12.1", "seconds": 401.2, "complete": False, "parts": {
        "environment": {"status": "done", "steps": {
            "card": {"name": "NVIDIA H200"}, "libraries": {"torch": "2.11.0", "cuda": "13.0"},
            "host": {"cores": 16, "cpu": "Xeon"},
        }},
        "latency": {"status": "late", "error": "it was ended after 75 s; it printed:\nmuch", "steps": {
            "alexnet": {"p50_ns": 1234567, "steady": True}, "resnet50": {"p50_ns": 2.5, "other": {"a|b": 1}},
        }},
    },
}  # fmt: skip


def test_tables_are_markdown() -> None:
    """Steps are rows, what they share are columns, and a part that was ended states why."""
    text = tables.markdown(DOCUMENT)
    assert (
        text.splitlines()[0]
        == "NVIDIA H200, 16 cores of Xeon, torch 2.11.0, cuda 13.0, Python 3.12.1, 401 s (cut short)."
    )
    assert "late: it was ended after 75 s; it printed:" in text
    assert "| step | p50_ns | other figures |" in text
    assert "| resnet50 | 2.5 | other a\\|b 1 |" in text


def test_the_command_prints_tables_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--markdown`` measures nothing."""
    (tmp_path / "gpu.json").write_text(json.dumps(DOCUMENT))
    assert gpu.main(["--markdown", str(tmp_path / "gpu.json")]) == 0
    assert "### Latency" in capsys.readouterr().out
    assert gpu.main(["--markdown", str(tmp_path / "no.json")]) == 2
    assert "not a file of figures" in capsys.readouterr().out


def test_the_floor_of_a_card_is_by_its_own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches as scoring has them, without the first turn, which loads kernels."""
    sizes: list[int] = []

    def device_ns(batch: torch.Tensor) -> int:
        sizes.append(len(batch))
        return len(batch) * (10**9 if len(sizes) <= 3 else 1000)

    monkeypatch.setattr(inference, "batch_size", lambda _: 4)
    classifier = SimpleNamespace(device_ns=device_ns, to_device=lambda batch: batch)
    model = SimpleNamespace(info=None, classifier=classifier)
    assert scoring_process.device_seconds(model, [torch.zeros(8, 1), torch.zeros(2, 1)], 0.0) == pytest.approx(1e-6)
    assert sizes == [4, 4, 2] * 2


def test_every_network_knows_the_classes_of_the_files(tmp_path: Path) -> None:
    """Of ImageNet's 1000 classes the lists of 21,843 lack one, which gets no file; there are ten networks."""
    real = Scene(tmp_path, dry=False)
    wnids, without = scoring._classes(real)
    assert (len(wnids), without) == (1000, {"n04399382"})
    scoring_images.lay_out(tmp_path, ["n01440764", "n04399382"], tmp_path / "none", 2, without)
    assert [len(list((tmp_path / wnid).iterdir())) for wnid in ("n01440764", "n04399382")] == [2, 0]
    assert len(scoring._networks(real)) == 10
