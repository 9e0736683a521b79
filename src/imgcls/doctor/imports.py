"""Whether libraries can be imported, each tried in a child process, so that a broken one breaks nothing here."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imgcls.doctor import children
from imgcls.doctor.children import LIBRARIES
from imgcls.doctor.findings import Evidence, Finding, Step
from imgcls.doctor.libraries import WHEELS, build

_NO_OPERATORS = "torchvision::nms"


def imports(evidence: Evidence) -> Iterator[Finding]:
    """Whether torch, torchvision and timm can be imported, and torchvision's operators are there.

    Of several that cannot only the first is a finding, since each needs those before it.
    """
    steps = [step for name in LIBRARIES if (step := evidence.libraries.result().get(name))]
    faulty = [step for step in steps if step.error or _is_foreign(step)]
    yield from (_failed(step, evidence) for step in faulty[:1])
    whole = [step.name for step in steps if step not in faulty and step.name != "numpy"]
    if whole:
        yield Finding("ok", f"{', '.join(whole)} can be imported")


def _is_foreign(step: Step) -> bool:
    """Whether a file of the user has the name of a library, and is imported in its place."""
    file = str(step.values.get("file") or "__init__.py").replace("\\", "/")
    return not file.endswith("/__init__.py") and "/" in file


def _failed(step: Step, evidence: Evidence) -> Finding:
    error = step.error or ""
    if _is_foreign(step):
        text = f"import {step.name} finds {step.values['file']}, which is not the library"
        return Finding("broken", text, "rename this file")
    if "not done after" in error:
        return Finding(
            "warning", f"import {step.name}: {error}; the disk may be slow, or the first import after an installation",
            "run imgcls doctor again",
        )  # fmt: skip
    if step.name == "numpy":
        numpy = evidence.packages.get("numpy", "")
        return Finding(
            "broken", f"torch cannot use NumPy {numpy}: {error}", "pip install --upgrade torch torchvision numpy"
        )
    reinstalled = "torch torchvision" if step.name in {"torch", "torchvision"} else step.name
    own = build("torch")
    index = f" --index-url {WHEELS}/{own}" if own and "torch" in reinstalled else ""
    why = "torch and torchvision do not match: " if _NO_OPERATORS in error else ""
    return Finding(
        "broken", f"import {step.name} fails: {why}{error}", f"pip install --force-reinstall {reinstalled}{index}"
    )


def gpu(evidence: Evidence) -> Iterator[Finding]:
    """Which GPU torch has, or why it has none although there is one."""
    from imgcls.system import machine

    step = evidence.libraries.result().get("torch")
    if step is None or step.error:
        yield Finding("note", "not known, as torch cannot be imported")
        return
    values = step.values
    error, seen = values.get("gpu_error"), [_of_gpu(one, values["built_for"]) for one in values["gpus"]]
    yield from seen
    if error and all(finding.level == "ok" for finding in seen):
        yield Finding("broken", f"torch sees a GPU of CUDA, and cannot compute on it: {error}", "nvidia-smi")
    if error or seen:
        return
    if values["mps"]:
        yield Finding("ok", "Apple's GPU: --device mps")
    elif not machine.has_gpu():
        yield Finding("ok", "none; models run on the CPU")
    elif "CUDA_VISIBLE_DEVICES" in evidence.environ:
        yield Finding(
            "note", f"none is visible: CUDA_VISIBLE_DEVICES={evidence.environ['CUDA_VISIBLE_DEVICES']}",
            "unset CUDA_VISIBLE_DEVICES",
        )  # fmt: skip
    elif values["cuda"] is None:
        yield Finding(
            "warning", f"there is a driver of an NVIDIA GPU, and torch {values['version']} is built for the CPU",
            "pip install --force-reinstall torch torchvision",
        )  # fmt: skip
    else:
        reasons = "; ".join(values.get("warnings", ())) or "no device is found"
        yield Finding(
            "warning", f"torch is built for CUDA {values['cuda']}, and cannot use it: {reasons}", "nvidia-smi"
        )


def _of_gpu(gpu: Mapping[str, Any], built_for: Sequence[str]) -> Finding:
    major, minor = gpu["compute"]
    text = f"{gpu['name']}, {gpu['bytes'] / 2**30:.0f} GiB, compute capability {major}.{minor}"
    if not built_for or any(_runs_on(name, major, minor) for name in built_for):
        return Finding("ok", text)
    return Finding(
        "broken", f"{text}, for which torch is not built: it is for {', '.join(built_for)}",
        "install the torch and torchvision that https://pytorch.org/get-started names for this GPU",
    )  # fmt: skip


def _runs_on(name: str, major: int, minor: int) -> bool:
    """Whether code for ``sm_80`` or ``compute_80`` runs on a GPU: the latter is compiled for all that are newer."""
    kind, _, digits = name.partition("_")
    number = int(re.sub(r"\D", "", digits) or 0)
    return (number <= 10 * major + minor) and (kind == "compute" or number // 10 == major)


def memray(evidence: Evidence) -> Iterator[Finding]:
    """Whether memory can be measured by block."""
    if sys.platform == "win32":
        yield Finding("note", "memray is not made for Windows, and memory cannot be measured there")
    elif "memray" not in evidence.packages:
        yield Finding("broken", "memray is not installed, and memory cannot be measured", "pip install memray")
    else:
        yield _optional(children.tried("memray")["memray"], "memory cannot be measured", "memray")


def openvino(evidence: Evidence) -> Iterator[Finding]:
    """Whether the runtime that is fastest on many CPUs is there, and works."""
    if "openvino" not in evidence.packages:
        yield Finding("note", "not installed: models run in torch", "pip install 'imgcls[openvino]'")
    else:
        yield _optional(children.tried("openvino")["openvino"], "models run in torch", "openvino")


def _optional(step: Step, consequence: str, package: str) -> Finding:
    if step.error:
        return Finding("warning", f"{consequence}: {step.error}", f"pip install --force-reinstall {package}")
    devices = step.values.get("devices")
    return Finding("ok", f"works, {step.values['version']}" + (f", for {', '.join(devices)}" if devices else ""))
