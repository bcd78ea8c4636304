"""The process that kernels run in: torch's threads, and memory."""

from __future__ import annotations

import ctypes
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from wirelessfsl.lazy import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Names of malloc.h."""


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let one torch operation use so many threads; 1 is quickest for small models."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def all_digits() -> None:
    """Let convolutions on a GPU keep all digits of a float32; as torch comes they drop 13 of its 23 bits."""
    cudnn: Any = torch.backends.cudnn
    cudnn.conv.fp32_precision = cudnn.rnn.fp32_precision = "ieee"


def check_device(name: str) -> None:
    """Raises ValueError if this machine lacks a device of torch's."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("host.device: got cuda, and torch finds no GPU here; set host.device=cpu, or run where one is")


def keep_freed_memory() -> None:
    """Let the C library of this process keep what is freed, up to 2 GiB, instead of handing it back to the system.

    Tensors of some MB come and go with every kernel, and getting fresh pages for them took a tenth of the host's time
    on a small ResNet. For glibc; elsewhere nothing happens.
    """
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_MMAP_THRESHOLD, 2**25)


def peak_rss_bytes() -> int:
    """Largest resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
