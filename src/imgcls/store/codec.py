"""A prediction as the bytes of one row."""

import struct
from typing import get_args

from imgcls.records.evaluation import Output
from imgcls.records.runtime import Form

FORMS = get_args(Form)


def pack(output: Output) -> bytes:
    """Little-endian: logsumexp, number of classes, their indices, their logits, the fingerprint; a byte for a form."""
    indices, logits = zip(*output.top, strict=True)
    k, f = len(indices), len(output.fingerprint)
    body = struct.pack(f"<dB{k}I{k}f{f}f", output.logsumexp, k, *indices, *logits, *output.fingerprint)
    return body if output.form is None else body + bytes([FORMS.index(output.form)])


def is_reduced(body: str) -> str:
    """SQL: whether the packed prediction in a column is of a reduced precision, and may be made again in float32."""
    return f"({has_form(body)} and substr({body}, -1) = x'{FORMS.index('reduced'):02x}')"


def without_form(body: str) -> str:
    """SQL: the packed prediction in a column without its form."""
    return f"substr({body}, 1, length({body}) - {has_form(body)})"


def has_form(body: str) -> str:
    """SQL: whether the packed prediction in a column has a form; without it, a byte more than a multiple of four."""
    return f"(length({body}) % 4 = 2)"


def unpack(body: bytes) -> Output:
    """The inverse of :func:`pack`, for bytes that it wrote."""
    logsumexp, k = struct.unpack_from("<dB", body)
    fingerprints, rest = divmod(len(body) - 9 - 8 * k, 4)
    values = struct.unpack_from(f"<{k}I{k}f{fingerprints}f", body, 9)
    form = FORMS[body[-1]] if rest else None
    return Output(tuple(zip(values[:k], values[k : 2 * k], strict=True)), logsumexp, values[2 * k :], form)
