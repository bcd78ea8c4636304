"""A chain measured on a tensor, without a network: bytes, error, and what this machine takes for it."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import NamedTuple

import numpy as np

from wirelessfsl.codecs.chain import Chain
from wirelessfsl.codecs.wire import frame_bytes
from wirelessfsl.lazy import torch
from wirelessfsl.streams import stream

_REPEATS = 7


class Measured(NamedTuple):
    """What a chain does to a tensor.

    size_bytes: length of the payload. header_bytes: of it headers of the frame. raw_bytes: the tensor's own.
    relative_error: |x - x'|_2 / |x|_2. encode_flops, decode_flops: what a simulated node is charged.
    encode_s, decode_s: medians on this machine; no simulated time depends on them.
    """

    size_bytes: int
    header_bytes: int
    raw_bytes: int
    relative_error: float
    encode_flops: float
    decode_flops: float
    encode_s: float
    decode_s: float


def measure(chain: Chain, x: torch.Tensor) -> Measured:
    """Encode and decode a floating-point tensor a few times.

    Raises ValueError for a value that the chain cannot carry.
    """
    encode_s, decode_s = [], []
    for _ in range(_REPEATS):
        begin = perf_counter()
        payload, _ = chain.encode((x,), 1)
        middle = perf_counter()
        (decoded,) = chain.decode(payload)
        decode_s.append(perf_counter() - middle)
        encode_s.append(middle - begin)
    shapes, dtypes = [tuple(x.shape)], [x.dtype]
    norm = float(x.double().norm())
    error = float((x.double() - decoded.double()).norm())
    return Measured(
        size_bytes=len(payload),
        header_bytes=frame_bytes(shapes),
        raw_bytes=x.numel() * x.element_size(),
        relative_error=error / norm if norm else 0.0,
        encode_flops=chain.encode_flops(shapes, dtypes),
        decode_flops=chain.decode_flops(shapes, dtypes),
        encode_s=median(encode_s),
        decode_s=median(decode_s),
    )


def sample(shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal float32 numbers, always the same for a shape."""
    return torch.from_numpy(stream(0, "codec-sample").standard_normal(shape).astype(np.float32))


def read(path: str) -> torch.Tensor:
    """The floating-point array of a .npy file. Raises ValueError for what is none."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"{path}: not a .npy file with an array: {error}") from error
    if array.dtype not in (np.float16, np.float32, np.float64):
        raise ValueError(f"{path}: an array of {array.dtype}, must be float16, float32 or float64")
    return torch.from_numpy(np.ascontiguousarray(array))
