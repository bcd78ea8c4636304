"""For runs that are about time alone: nothing is computed, results have the right shapes and no numbers."""

from __future__ import annotations

from typing import Any

from wirelessfsl.learning.executors.contract import Books
from wirelessfsl.learning.kernels import Kernel


class ShapesOnly(Books):
    """A kernel says by its outline what comes out. Tensors without numbers take no memory, whatever their shape."""

    def submit(self, kernel: Kernel, *args: Any, chain: str = "", about: object = None) -> _Outlined:
        return _Outlined(self, kernel, args)

    def settle(self) -> None: ...
    def close(self) -> None: ...


class _Outlined:
    __slots__ = ("args", "executor", "kernel")

    def __init__(self, executor: ShapesOnly, kernel: Kernel, args: tuple[Any, ...]) -> None:
        self.executor, self.kernel, self.args = executor, kernel, args

    def result(self) -> Any:
        if self.kernel.outline is None:
            raise ValueError(f"kernel {self.kernel.name} has no outline, which a timing-only run needs; give it one")
        self.executor.kernels += self.kernel.trains
        return self.kernel.outline(*self.args)

    def cancel(self) -> None:
        self.args = ()
