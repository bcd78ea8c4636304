"""Dimension reduction by random keys (C3-SL): R samples are bound to keys, added up, and fly as one.

Binding is circular convolution with a fixed random key, unbinding circular correlation with the same. Keys are not
exactly orthogonal, so a sample comes back with noise of the others, and the network learns through that noise.
"""

from __future__ import annotations

from functools import lru_cache, partial
from math import log2, prod
from typing import Annotated, Literal

from wirelessfsl.codecs.bits import numbers
from wirelessfsl.codecs.codec import Backward, Coded, Layout, Memory, Opened, Shape, Take, doubt
from wirelessfsl.codecs.kept import finite, rows_of
from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings
from wirelessfsl.units import Count, Ge, Lt


@settings
class C3SL:
    """Circular convolution with random keys, S = sum_i k_i * z_i over R samples; z'_i is the correlation of k_i and S.

    Keys are normal with mean square length 1, brought to length 1; the same for both directions of a link and never
    trained. In expectation |z' - z|^2 = R |z|^2 and the correlation of z' and z is 1 / sqrt(1 + R), whatever the number
    of dimensions D. Size = itemsize D ceil(B / R) bytes for B samples: a ratio of exactly R. Gradients of activations
    return through the adjoint maps, which are the same: R times smaller as well. Cost, by FFT, (B + ceil(B / R)) 2.5 D
    log2 D + 4 B D FLOPs on either side. Source: Hsieh, Chuang, Wu, C3-SL: Circular Convolution-Based Batch-Wise
    Compression for Communication-Efficient Split Learning, 2022.

    ratio: R, samples that fly as one.
    seed: of the keys, which both ends make by themselves.

    >>> C3SL(ratio=4).layout(torch.float32, (32, 64, 8, 8)).shape
    (8, 4096)
    """

    kind: Literal["c3_sl"] = "c3_sl"
    ratio: Count = 2
    seed: Annotated[int, Ge(0), Lt(2**63)] = 1

    def begin(self, key: int) -> Memory:
        return None

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        shape, dtype = tuple(x.shape), x.dtype
        flat, doubts = finite("c3_sl", x)
        values = self._bound(flat.view(shape))
        doubts += doubt(values.isfinite().all(), tuple, partial(self._too_large, dtype))
        backward = Backward(partial(self._unbound, shape=shape), self.decode_flops(shape))
        return Coded(b"", values, backward=backward, doubts=doubts)

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        backward = Backward(self._bound, self.encode_flops(shape))
        return Opened(dtype, self.layout(dtype, shape).shape, lambda values: self._unbound(values, shape), backward)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        samples, count = rows_of("sample", shape)
        near_flops, far_flops = self.decode_flops(shape), self.encode_flops(shape)
        return Layout(0, dtype, (-(-samples // self.ratio), count), near_flops=near_flops, far_flops=far_flops)

    def encode_flops(self, shape: Shape) -> float:
        samples, count = rows_of("sample", shape)
        transforms = samples + -(-samples // self.ratio)
        return transforms * 2.5 * count * log2(max(count, 1)) + 4.0 * prod(shape)

    def decode_flops(self, shape: Shape) -> float:
        return self.encode_flops(shape)

    def _bound(self, x: torch.Tensor) -> torch.Tensor:
        samples, count = rows_of("sample", tuple(x.shape))
        if not x.numel():
            return x.new_empty(self.layout(x.dtype, tuple(x.shape)).shape)
        rows = x.reshape(samples, count).double()
        rows = torch.nn.functional.pad(rows, (0, 0, 0, -samples % self.ratio)).view(-1, self.ratio, count)
        sums = (torch.fft.rfft(rows) * _spectra(self.seed, self.ratio, count, x.device)).sum(1)
        bound: torch.Tensor = torch.fft.irfft(sums, n=count)
        return bound.to(x.dtype)

    def _unbound(self, values: torch.Tensor, shape: Shape) -> torch.Tensor:
        samples, count = rows_of("sample", shape)
        if not values.numel():
            return values.new_empty(shape)
        spectrum = torch.fft.rfft(values.double())[:, None]
        keys = _spectra(self.seed, self.ratio, count, values.device)
        rows: torch.Tensor = torch.fft.irfft(spectrum * keys.conj_physical(), n=count)
        return rows.reshape(-1, count)[:samples].to(values.dtype).reshape(shape)

    def _too_large(self, dtype: torch.dtype) -> ValueError:
        return ValueError(f"c3_sl: a sum of {self.ratio} samples is too large for {dtype}")


@lru_cache(maxsize=8)
def _spectra(seed: int, ratio: int, count: int, device: torch.device) -> torch.Tensor:
    """Fourier transforms of the keys, shape (ratio, count // 2 + 1)."""
    keys = torch.from_numpy(numbers(seed).standard_normal((ratio, count)))
    spectra: torch.Tensor = torch.fft.rfft(keys / keys.norm(dim=1, keepdim=True))
    return spectra.to(device)
