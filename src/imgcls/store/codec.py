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


def unpack(body: bytes) -> Output:
    """The inverse of :func:`pack`, for bytes that it wrote."""
    logsumexp, k = struct.unpack_from("<dB", body)
    fingerprints, has_form = divmod(len(body) - 9 - 8 * k, 4)
    values = struct.unpack_from(f"<{k}I{k}f{fingerprints}f", body, 9)
    form = FORMS[body[-1]] if has_form else None
    return Output(tuple(zip(values[:k], values[k : 2 * k], strict=True)), logsumexp, values[2 * k :], form)
