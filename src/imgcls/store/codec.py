"""A prediction as the bytes of one row."""

import struct

from imgcls.records.evaluation import Output


def pack(output: Output) -> bytes:
    """Little-endian: logsumexp, number of classes, their indices, their logits, the fingerprint."""
    indices, logits = zip(*output.top, strict=True)
    k, f = len(indices), len(output.fingerprint)
    return struct.pack(f"<dB{k}I{k}f{f}f", output.logsumexp, k, *indices, *logits, *output.fingerprint)


def unpack(body: bytes) -> Output:
    """The inverse of :func:`pack`, for bytes that it wrote."""
    logsumexp, k = struct.unpack_from("<dB", body)
    fingerprints = (len(body) - 9 - 8 * k) // 4
    values = struct.unpack(f"<{k}I{k}f{fingerprints}f", body[9:])
    return Output(tuple(zip(values[:k], values[k : 2 * k], strict=True)), logsumexp, values[2 * k :])
