"""The links of a chain that are not steps: packing its bytes at the end, and remembering what it lost."""

from __future__ import annotations

import zlib
from typing import Annotated, Literal

from wirelessfsl.codecs.wire import CorruptPayload
from wirelessfsl.settings import settings
from wirelessfsl.units import Ge, Le, NonNegative


@settings
class Deflate:
    """Entropy coding of a chain's bytes by DEFLATE (LZ77 and Huffman codes; RFC 1951) in its zlib wrapping (RFC 1950).

    Loses nothing; the size depends on the values, and so do airtime and energy. Must be the last of a chain.

    level: effort of the search, 1-9.
    flops_per_byte: operations that a byte costs the sender, >= 0; the receiver pays a quarter. An estimate: no floating
        point is involved, and what a device manages depends on its memory.

    >>> len(Deflate().pack(bytes(10_000))) < 100
    True
    """

    kind: Literal["deflate"] = "deflate"
    level: Annotated[int, Ge(1), Le(9)] = 6
    flops_per_byte: NonNegative = 50.0

    def pack(self, body: bytes) -> bytes:
        return zlib.compress(body, self.level)

    def unpack(self, packed: memoryview, most_bytes: int) -> bytes:
        """The packed bytes. Raises CorruptPayload for damage, and for more than ``most_bytes``."""
        stream = zlib.decompressobj()
        try:
            body = stream.decompress(packed, most_bytes + 1)
        except zlib.error as error:
            raise CorruptPayload(f"deflate: {error}") from None
        if len(body) > most_bytes or not stream.eof or stream.unused_data:
            raise CorruptPayload("deflate: the packed bytes are cut short, or too many")
        return body

    def pack_flops(self, size_bytes: int) -> float:
        return self.flops_per_byte * size_bytes

    def unpack_flops(self, size_bytes: int) -> float:
        return self.flops_per_byte / 4 * size_bytes


@settings
class ErrorFeedback:
    """What the chain lost of a message is added to the next one of the same link, kind and tensor.

    e <- x + e - C(x + e). Must be the first of a chain; useful for gradients and model updates, whose sum matters. One
    tensor of memory each, 2 FLOPs per element. Source: Seide et al., 1-Bit Stochastic Gradient Descent, Interspeech
    2014; Karimireddy et al., Error Feedback Fixes SignSGD, ICML 2019, algorithm 2.

    >>> ErrorFeedback().kind
    'error_feedback'
    """

    kind: Literal["error_feedback"] = "error_feedback"
