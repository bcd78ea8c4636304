"""Where kernels run on the host. Which one is used changes speed and nothing else.

``submit`` is called when the simulated computation starts, ``Work.result`` when it ends; work that is cancelled in
between (a client dropped) need not run at all.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import Any, Protocol

from wirelessfsl.lazy import torch
from wirelessfsl.learning.kernels import Kernel

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


def keep_freed_memory() -> None:
    """Let the C library of this process keep what is freed, up to 2 GiB, instead of handing it back to the system.

    Tensors of some MB come and go with every kernel, and getting fresh pages for them took a tenth of the host's time
    on a small ResNet. For glibc; elsewhere nothing happens.
    """
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_MMAP_THRESHOLD, 2**25)


class Work(Protocol):
    """A computation under way."""

    def result(self) -> Any: ...
    def cancel(self) -> None: ...


class Executor(Protocol):
    """Runs kernels; values equal to calling the kernel, nothing else observable.

    ``busy_s`` is host time spent in kernels and ``kernels`` their number, for the manifest.
    """

    busy_s: float
    kernels: int

    def submit(self, kernel: Kernel, *args: Any) -> Work: ...


class Sequential:
    """The reference: one kernel after another in this thread, each when its result is asked for."""

    def __init__(self) -> None:
        self.busy_s = 0.0
        self.kernels = 0

    def submit(self, kernel: Kernel, *args: Any) -> Work:
        return _Later(self, kernel, args)


class ShapesOnly:
    """For runs that are about time alone: nothing is computed, results have the right shapes and no numbers.

    A kernel says by its outline what comes out. Tensors without numbers take no memory, whatever their shape.
    """

    def __init__(self) -> None:
        self.busy_s = 0.0
        self.kernels = 0

    def submit(self, kernel: Kernel, *args: Any) -> Work:
        return _Outlined(self, kernel, args)


class _Outlined:
    __slots__ = ("args", "executor", "kernel")

    def __init__(self, executor: ShapesOnly, kernel: Kernel, args: tuple[Any, ...]) -> None:
        self.executor, self.kernel, self.args = executor, kernel, args

    def result(self) -> Any:
        if self.kernel.outline is None:
            raise ValueError(f"kernel {self.kernel.name} has no outline, which a timing-only run needs; give it one")
        self.executor.kernels += 1
        return _anew(self.kernel.outline(*self.args))

    def cancel(self) -> None:
        self.args = ()


def _anew(value: Any) -> Any:
    """The same with tensors of its own, as a computation returns them: who holds a tensor is marked on it."""
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, tuple):
        items = [_anew(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value


class _Later:
    __slots__ = ("args", "executor", "kernel")

    def __init__(self, executor: Sequential, kernel: Kernel, args: tuple[Any, ...]) -> None:
        self.executor, self.kernel, self.args = executor, kernel, args

    def result(self) -> Any:
        executor = self.executor
        begin = perf_counter()
        with torch.inference_mode():
            value = self.kernel.run(*self.args)
        executor.busy_s += perf_counter() - begin
        executor.kernels += 1
        return value

    def cancel(self) -> None:
        self.args = ()
