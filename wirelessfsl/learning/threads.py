"""How many threads of the host a kernel takes.

Clients are many and alike: their kernels keep all cores busy as processes of one thread each. Threads are for kernels
that everybody waits for (a server's pass over the batches of all clients), if they are large. The rule asks for the
kernel and not for who runs it, as sums round otherwise with another number of threads. Left out: what else the machine
is doing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from wirelessfsl.learning.kernels import Kernel

ENOUGH_FLOPS = 1e8
"""Of a kernel that takes all threads; see :func:`threads_of`."""


def most_threads(setting: int | Literal["auto"]) -> int:
    """Threads that a kernel may take: as many as are set, or with ``auto`` as many as there are cores."""
    return cores() if setting == "auto" else setting


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_of(kernel: Kernel, args: tuple[Any, ...], most: int) -> int:
    """Threads that a kernel runs on: ``most`` if it is large and everybody waits for it, else 1.

    Four threads against one on a shared machine of four cores (AMD EPYC; LeNet, ResNet-8, ResNet-18; forward, backward
    and server's pass), of the times those in which no other process seemed to hold a core: at 10 MFLOP and below 0.7 to
    1.2 times as quick, at 30 MFLOP 1.2 to 2.9, from 100 MFLOP (3 ms on one thread) on mostly 1.7 to 4. Where a core was
    held, every operation waited for it, and the same passes took up to 300 times as long on four threads as on one.

    kernel: what runs; whether everybody waits for it is its ``alone``.
    args: of this call.
    most: threads that may be taken, >= 1.
    """
    return most if most > 1 and kernel.alone and kernel.flops(*args) >= ENOUGH_FLOPS else 1
