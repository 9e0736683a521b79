"""A prediction as the bytes of one row, with a checksum."""

import struct
import zlib

from imgcls.records.evaluation import Output


def pack(output: Output) -> bytes:
    """Little-endian: logsumexp, number of classes, their indices, their logits, the fingerprint, a CRC-32."""
    indices, logits = zip(*output.top, strict=True)
    k, f = len(indices), len(output.fingerprint)
    content = struct.pack(f"<dB{k}I{k}f{f}f", output.logsumexp, k, *indices, *logits, *output.fingerprint)
    return content + struct.pack("<I", zlib.crc32(content))


def unpack(body: bytes) -> Output:
    """The inverse of :func:`pack`. Raises struct.error for bytes that it did not write."""
    content = body[:-4]
    if struct.pack("<I", zlib.crc32(content)) != body[-4:]:
        raise struct.error(f"{len(body)} bytes that do not match their checksum")
    logsumexp, k = struct.unpack_from("<dB", content)
    fingerprints = (len(content) - 9 - 8 * k) // 4
    values = struct.unpack(f"<{k}I{k}f{fingerprints}f", content[9:])
    return Output(tuple(zip(values[:k], values[k : 2 * k], strict=True)), logsumexp, values[2 * k :])
