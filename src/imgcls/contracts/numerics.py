"""Whether all numbers stay finite, also in narrower types."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, get_args

import numpy as np
import torch

from imgcls.contracts import layers
from imgcls.contracts.layers import Call
from imgcls.contracts.subject import COUNT, Finding, Skipped, Subject
from imgcls.errors import ImgclsError
from imgcls.messages import one_line
from imgcls.models import loader
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.records.config import Precision

NARROW = 2  # docs/decisions.md#images-of-a-contract
"""The number of images in bfloat16 and float16, which a CPU computes slowly."""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)


class _Extent(NamedTuple):
    """Of a tensor: the largest magnitude of its finite values, and whether all are finite."""

    largest: float
    is_finite: bool


def finite(subject: Subject) -> Finding:
    """Whether logits, and all that leads to them, are finite in float32, bfloat16 and float16."""
    whole = subject.samples(COUNT)
    batch = subject.batch(whole.items)
    try:
        subject.network()
    except Skipped as reason:
        return _of_logits(subject, batch, f"{whole.what}; other precisions are not tried: {reason}")
    exact = loader.as_float32(subject.model)
    reference: Sequence[Call] = ()
    problems, tried = [], []
    for precision in PRECISIONS:
        try:
            images = batch if precision == "float32" else batch[:NARROW]
            run = layers.calls(_classifier(exact.classifier.module, precision, subject), images, _extent)
        except ImgclsError as error:
            if precision in {"float32", subject.model.info.precision}:
                raise
            tried.append(f"{precision} is not computed here: {one_line(error)[:150]}")
            continue
        reference = reference or run
        tried.append(f"{precision} up to {_largest(run):.3g}")
        problems += list(_problem(run, reference, precision, exact.classifier.module))
        if problems and precision == "float32":  # then narrower types show nothing more
            break
    if problems:
        return Finding("fail", "; ".join(problems))
    return Finding(
        "pass", f"finite in every layer: {', '.join(tried)} ({whole.what}; {NARROW} of them in narrow types)"
    )


def _of_logits(subject: Subject, batch: torch.Tensor, what: str) -> Finding:
    logits, precision = subject.logits(batch), subject.model.info.precision
    if np.isfinite(logits).all():
        return Finding("pass", f"logits in {precision} are finite on {what}")
    return Finding(
        "fail", f"logits in {precision} of {int((~np.isfinite(logits)).any(axis=1).sum())} images are not finite"
    )


def _classifier(module: torch.nn.Module, precision: Precision, subject: Subject) -> EagerClassifier:
    """The network in another precision; it is copied where its own tensors would be changed."""
    own = module if precision == "float32" else copy.deepcopy(module)
    return EagerClassifier(own, precision, subject.model.info.device, subject.model.spec.output)


def _extent(tensor: torch.Tensor) -> _Extent:
    if not tensor.is_floating_point() or not tensor.numel():
        return _Extent(0.0, is_finite=True)
    is_finite = torch.isfinite(tensor)
    values = torch.where(is_finite, tensor, torch.zeros_like(tensor))
    return _Extent(float(values.abs().max()), bool(is_finite.all()))


def _largest(run: Sequence[Call]) -> float:
    return max((extent.largest for call in run for extent in call.after), default=0.0)


def _problem(
    run: Sequence[Call], reference: Sequence[Call], precision: Precision, module: torch.nn.Module
) -> Iterator[str]:
    """The first module that makes something not finite of what is, in words."""
    for number, call in enumerate(run):
        if all(extent.is_finite for extent in call.after) or not all(extent.is_finite for extent in call.before):
            continue
        yield f"in {precision}, {call} returns what is not finite: {_reason(number, reference, precision, module)}"
        return


def _reason(number: int, reference: Sequence[Call], precision: Precision, module: torch.nn.Module) -> str:
    """What its outputs and weights are in float32."""
    call, limit = reference[number], torch.finfo(getattr(torch, precision)).max
    own = dict(module.named_modules())[call.name].named_parameters(recurse=False)
    largest = {name: float(tensor.detach().abs().max()) for name, tensor in own if tensor.numel()}
    if wrong := [f"its {name} reaches {value:.3g}" for name, value in largest.items() if not value <= limit]:
        return f"{', '.join(wrong)}, and the largest value of {precision} is {limit:.3g}"
    extent = max(call.after, key=lambda extent: extent.largest, default=_Extent(math.nan, is_finite=True))
    if precision == "float32":
        return f"all that it takes is finite, and its largest finite value is {extent.largest:.3g}"
    within = "" if extent.largest > limit else ", which is exceeded on the way to it"
    return f"in float32 it reaches {extent.largest:.3g}, and the largest value of {precision} is {limit:.3g}{within}"
