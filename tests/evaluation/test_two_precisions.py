"""imgcls.evaluation.two_precisions: where a reduced precision pays, by a rule that times nothing."""

from dataclasses import replace

import pytest

from builders import INFO
from imgcls.evaluation import two_precisions
from imgcls.records.runtime import Screen
from imgcls.system import machine

VECTORS, MATRICES = "avx512_bf16 avx512f", "amx_bf16 avx512_bf16"
ON_OPENVINO = replace(INFO, runtime="openvino", device="cpu")
ON_GPU = replace(INFO, runtime="eager", device="cuda")


def _screen(again: int) -> Screen:
    return Screen("bfloat16", bound=0.5, images=64, again=again, largest=0.4, median=0.05)


@pytest.mark.parametrize(("cpu", "precision"), [(VECTORS, "bfloat16"), (MATRICES, "bfloat16"), ("avx2 avx512f", None)])
def test_a_cpu_needs_instructions_for_bfloat16(
    monkeypatch: pytest.MonkeyPatch, cpu: str, precision: str | None
) -> None:
    """Without them, OpenVINO computes in float32 whatever is requested."""
    monkeypatch.setattr(machine, "vectors", lambda: cpu)
    assert two_precisions.reduced(ON_OPENVINO) == precision


def test_a_gpu_computes_in_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the CPU has; eager on a CPU saves nothing."""
    monkeypatch.setattr(machine, "vectors", lambda: "")
    assert two_precisions.reduced(ON_GPU) == "float16"
    assert two_precisions.reduced(replace(ON_GPU, device="cpu")) is None


@pytest.mark.parametrize(
    ("cpu", "info", "most"), [(VECTORS, ON_OPENVINO, 6), (MATRICES, ON_OPENVINO, 21), ("", ON_GPU, 21)]
)
def test_too_many_images_that_are_scored_twice_are_an_objection(
    monkeypatch: pytest.MonkeyPatch, cpu: str, info: object, most: int
) -> None:
    """A tenth where bfloat16 does twice the work of float32, a third where it does far more."""
    monkeypatch.setattr(machine, "vectors", lambda: cpu)
    assert two_precisions.objection(info, _screen(most)) is None  # type: ignore[arg-type]
    why = two_precisions.objection(info, _screen(most + 1))  # type: ignore[arg-type]
    assert str(why).startswith(
        f'precision = "auto" is float32 here: bfloat16 moves logits against each other by up to 0.4, and on {most + 1} '
        "of 64 images they are too near for that: scoring more than "
    )
