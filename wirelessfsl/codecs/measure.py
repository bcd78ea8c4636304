"""A chain measured on a message, without a network: bytes, error, and what this machine takes for it."""

from __future__ import annotations

from math import hypot, prod
from statistics import median
from time import perf_counter
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from wirelessfsl.codecs.chain import Chain
from wirelessfsl.codecs.wire import MAX_ELEMENTS, frame_bytes
from wirelessfsl.lazy import torch
from wirelessfsl.streams import stream

_REPEATS = 7


class Measured(NamedTuple):
    """What a chain does to the tensors of a message.

    size_bytes: length of the payload. header_bytes: of it headers of the frame. raw_bytes: the tensors' own.
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


def measure(chain: Chain, tensors: tuple[torch.Tensor, ...], key: int) -> Measured:
    """Encode and decode the tensors of a message a few times.

    key: of the random numbers of codecs that draw.

    Raises ValueError for a value that the chain cannot carry.
    """
    encode_s, decode_s = [], []
    for _ in range(_REPEATS):
        begin = perf_counter()
        payload, _ = chain.encode(tensors, key)
        middle = perf_counter()
        decoded = chain.decode(payload)
        decode_s.append(perf_counter() - middle)
        encode_s.append(middle - begin)
    shapes, dtypes = [tuple(x.shape) for x in tensors], [x.dtype for x in tensors]
    norm = _norm(tensors)
    error = _norm(tuple(x.double() - y.double() for x, y in zip(tensors, decoded, strict=True)))
    return Measured(
        size_bytes=len(payload),
        header_bytes=frame_bytes(shapes),
        raw_bytes=sum(x.numel() * x.element_size() for x in tensors),
        relative_error=error / norm if norm else 0.0,
        encode_flops=chain.encode_flops(shapes, dtypes),
        decode_flops=chain.decode_flops(shapes, dtypes),
        encode_s=median(encode_s),
        decode_s=median(decode_s),
    )


def sample(shape: tuple[int, ...], dtype: str, seed: int) -> torch.Tensor:
    """Standard normal numbers, always the same for a shape and a seed. Raises ValueError for more than can fly."""
    if prod(shape) > MAX_ELEMENTS:
        raise ValueError(f"--shape: got {prod(shape)} elements, must be at most {MAX_ELEMENTS}")
    numbers = stream(seed, "codec-sample").standard_normal(shape)
    return torch.from_numpy(numbers).to(getattr(torch, dtype))


def read(path: str) -> tuple[torch.Tensor, ...]:
    """The floating-point array of a .npy file, or all of a .safetensors file. Raises ValueError if there is none."""
    try:
        if path.endswith(".safetensors"):
            arrays = list(load_file(path).values())
        else:
            arrays = [np.load(path, allow_pickle=False)]
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (EOFError, ValueError, SafetensorError) as error:
        raise ValueError(f"{path}: not a .npy or .safetensors file with arrays: {error}") from error
    arrays = [array.astype(array.dtype.newbyteorder("=")) for array in arrays]
    for array in arrays:
        if array.dtype not in (np.float16, np.float32, np.float64):
            raise ValueError(f"{path}: an array of {array.dtype}, must be float16, float32 or float64")
    if not sum(array.size for array in arrays):
        raise ValueError(f"{path}: no numbers in it")
    return tuple(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays)


def _norm(tensors: tuple[torch.Tensor, ...]) -> float:
    return hypot(*(float(x.double().norm()) for x in tensors))
