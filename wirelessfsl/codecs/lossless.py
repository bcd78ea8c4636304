"""The links of a chain that are not steps: packing its bytes at the end, and remembering what it lost."""

from __future__ import annotations

import struct
import sys
import zlib
from typing import Annotated, Any, Literal, Protocol

import constriction
import numpy as np
from numpy.typing import NDArray

from wirelessfsl.codecs.bits import flags_bytes, unpack_flags
from wirelessfsl.codecs.wire import CorruptPayload, Reader
from wirelessfsl.settings import settings
from wirelessfsl.units import Ge, Le

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FlopsPerByte = Annotated[float, Ge(0), Le(1e6)]
_COUNT = struct.Struct("<I")
_BYTES = 256


class Lossless(Protocol):
    """What packs the bytes of a whole message; a value object. Its size depends on them, and so does the clock."""

    @property
    def kind(self) -> str: ...

    def pack(self, body: bytes) -> bytes:
        """The same in fewer bytes, if they can be foretold."""
        ...

    def unpack(self, packed: memoryview, most_bytes: int) -> bytes:
        """What was packed. Raises CorruptPayload for damage that shows, and for more than ``most_bytes``."""
        ...

    def pack_flops(self, size_bytes: int) -> float:
        """Operations of packing so many bytes, for the sender's clock."""
        ...

    def unpack_flops(self, size_bytes: int) -> float:
        """Operations of unpacking to so many bytes, for the receiver's clock."""
        ...


@settings
class Deflate:
    """Entropy coding of a chain's bytes by DEFLATE (LZ77 and Huffman codes; RFC 1951) in its zlib wrapping (RFC 1950).

    Loses nothing; the size depends on the values, and so do airtime and energy. Must be the last of a chain.

    level: effort of the search, 1-9.
    huffman_only: code each byte by its frequency alone and search for no repetitions: quicker, and as small for numbers
        that do not repeat.
    flops_per_byte: operations that a byte costs the sender, >= 0; the receiver pays a quarter. An estimate: no floating
        point is involved, and what a device manages depends on its memory.

    >>> len(Deflate().pack(bytes(10_000))) < 100
    True
    """

    kind: Literal["deflate"] = "deflate"
    level: Annotated[int, Ge(1), Le(9)] = 6
    huffman_only: bool = False
    flops_per_byte: FlopsPerByte = 50.0

    def pack(self, body: bytes) -> bytes:
        strategy = zlib.Z_HUFFMAN_ONLY if self.huffman_only else zlib.Z_DEFAULT_STRATEGY
        stream = zlib.compressobj(self.level, strategy=strategy)
        return stream.compress(body) + stream.flush()

    def unpack(self, packed: memoryview, most_bytes: int) -> bytes:
        return _unpacked(self.kind, zlib.decompressobj(), packed, most_bytes)

    def pack_flops(self, size_bytes: int) -> float:
        return self.flops_per_byte * size_bytes

    def unpack_flops(self, size_bytes: int) -> float:
        return self.flops_per_byte / 4 * size_bytes


def _unpacked(kind: str, stream: Any, packed: memoryview, most_bytes: int) -> bytes:
    """All that a stream decompresses, no more than so many bytes."""
    try:
        body: bytes = stream.decompress(packed, most_bytes + 1)
    except (zlib.error, zstd.ZstdError) as error:
        raise CorruptPayload(f"{kind}: {error}") from None
    if len(body) > most_bytes or not stream.eof or stream.unused_data:
        raise CorruptPayload(f"{kind}: the packed bytes are cut short, or too many")
    return body


@settings
class Zstd:
    """Entropy coding of a chain's bytes by Zstandard (LZ77, Huffman codes and finite-state entropy; RFC 8878).

    Loses nothing; the size depends on the values, and so do airtime and energy. Must be the last of a chain.

    level: effort of the search, 1-19.
    flops_per_byte: operations that a byte costs the sender, >= 0; the receiver pays a quarter. An estimate.

    >>> len(Zstd().pack(bytes(10_000))) < 100
    True
    """

    kind: Literal["zstd"] = "zstd"
    level: Annotated[int, Ge(1), Le(19)] = 3
    flops_per_byte: FlopsPerByte = 20.0

    def pack(self, body: bytes) -> bytes:
        return zstd.compress(body, self.level)

    def unpack(self, packed: memoryview, most_bytes: int) -> bytes:
        return _unpacked(self.kind, zstd.ZstdDecompressor(), packed, most_bytes)

    def pack_flops(self, size_bytes: int) -> float:
        return self.flops_per_byte * size_bytes

    def unpack_flops(self, size_bytes: int) -> float:
        return self.flops_per_byte / 4 * size_bytes


@settings
class RangeCoder:
    """Entropy coding of a chain's bytes by a range coder, each byte by its frequency in the message.

    Loses nothing. Size = 36 + 2 per different byte + n H / 8 bytes, rounded up to 4, for n bytes of entropy H bits:
    what 8-bit quantisation leaves comes within a thousandth of its entropy, where Huffman codes lose up to a bit a
    byte. Codes of 1, 2 and 4 bits are taken several at once; of other widths bytes cut them in two. Must be the last of
    a chain. Source: Martin, Range Encoding, Video and Data Recording Conference 1979; the coder is constriction
    (Bamler, Understanding Entropy Coding With Asymmetric Numeral Systems, arXiv:2201.01741).

    flops_per_byte: operations that a byte costs either side, >= 0. An estimate.

    >>> len(RangeCoder().pack(bytes(range(4)) * 1000))  # 2 bits a byte
    1048
    """

    kind: Literal["range_coder"] = "range_coder"
    flops_per_byte: FlopsPerByte = 20.0

    def pack(self, body: bytes) -> bytes:
        values = np.frombuffer(body, np.uint8)
        counts = np.bincount(values, minlength=_BYTES)
        present = counts > 0
        # Frequencies in 16 bits, at least 1: both ends must make the same model of them.
        frequencies = -(-counts[present] * 0xFFFF // max(counts.max(), 1)).astype("<u2")
        place = np.cumsum(present) - 1
        coder = constriction.stream.queue.RangeEncoder()
        if len(frequencies) > 1:
            coder.encode(place[values].astype(np.int32), _model(frequencies))
        words = coder.get_compressed().astype("<u4")
        flags = np.packbits(present, bitorder="little")
        return b"".join((_COUNT.pack(len(body)), flags.tobytes(), frequencies.tobytes(), words.tobytes()))

    def unpack(self, packed: memoryview, most_bytes: int) -> bytes:
        reader = Reader(packed)
        count = int.from_bytes(reader.take(_COUNT.size), "little")
        present = np.flatnonzero(unpack_flags(reader.take(flags_bytes(_BYTES)), _BYTES)).astype(np.uint8)
        frequencies = np.frombuffer(reader.take(2 * len(present)), "<u2")
        rest = reader.rest()
        if count > most_bytes or len(rest) % 4 or not frequencies.all() or (count and not len(present)):
            raise CorruptPayload("range_coder: the packed bytes are cut short, or too many")
        if len(present) < 2:
            return present.tobytes() * count
        decoder = constriction.stream.queue.RangeDecoder(np.frombuffer(rest, "<u4").astype(np.uint32))
        try:
            places: NDArray[np.int32] = decoder.decode(_model(frequencies), count)
        except (AssertionError, ValueError) as error:
            raise CorruptPayload(f"range_coder: {error}") from None
        return present[places].tobytes()

    def pack_flops(self, size_bytes: int) -> float:
        return self.flops_per_byte * size_bytes

    def unpack_flops(self, size_bytes: int) -> float:
        return self.flops_per_byte * size_bytes


def _model(frequencies: NDArray[np.uint16]) -> Any:
    return constriction.stream.model.Categorical(frequencies / frequencies.sum(dtype=np.int64), perfect=False)


@settings
class ErrorFeedback:
    """What the chain lost of a message is added to the next one of the same link, kind and tensor.

    e <- x + e - C(x + e). Must be the first of a chain; useful for gradients and model updates, whose sum matters. Only
    for codecs that bring the tensor nearer, |C(x) - x| < |x|, such as sign, top_k, quantize and power_sgd: what is
    unbiased with a large variance (qsgd at few levels, ternary, dropout) makes e grow. One
    tensor of memory each, 2 FLOPs per element. A message that is lost on the air counts as sent. Source: Seide et al.,
    1-Bit Stochastic Gradient Descent, Interspeech 2014; Karimireddy et al., Error Feedback Fixes SignSGD, ICML 2019,
    algorithm 2.

    >>> ErrorFeedback().kind
    'error_feedback'
    """

    kind: Literal["error_feedback"] = "error_feedback"
