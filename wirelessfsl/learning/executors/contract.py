"""What an executor is. Which one is used changes speed and memory, and nothing else.

``submit`` is called when the simulated computation starts, ``Work.result`` when it ends. The result's tensors may be
promises (:mod:`wirelessfsl.learning.executors.promises`), so that the simulation runs ahead of the numbers and stops
only where it asks for one. Work that is cancelled, and results that nobody keeps, need not be computed at all.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

from wirelessfsl.learning.compiling import Compiled
from wirelessfsl.learning.kernels import Kernel


class Failed(RuntimeError):
    """A kernel that raised; the message says about what it was and what it raised.

    heard: whether somebody who asked was told. Who settles is not told again, maybe in another run.
    """

    heard = False


class Lost(Failed):
    """A worker that is gone, with what it had made; the run can be resumed."""


def failed(about: object, error: Exception) -> Exception:
    """What a kernel raised, told with what it was about, if that is known."""
    if about is None or isinstance(error, Failed):
        return error
    told = Failed(f"{about}: {str(error) or type(error).__name__}")
    told.__cause__ = error
    return told


def heard(error: Exception) -> Exception:
    """A failure as it is raised."""
    if isinstance(error, Failed):
        error.heard = True
    return error


def unheard(error: Exception) -> bool:
    """Whether nobody was told of a failure."""
    return not (isinstance(error, Failed) and error.heard)


class Work(Protocol):
    """A computation under way."""

    def result(self) -> Any: ...
    def cancel(self) -> None: ...


class Executor(Protocol):
    """Runs kernels; values equal to calling the kernel, nothing else observable.

    busy_s: host time in which this process was busy with kernels, or waited for them.
    kernels: how many were run that train.
    widths: how many runs there were of how many such kernels at once.
    spent: how often each kernel was run, by name, and in how many seconds of the host.
    remote: whether kernels run elsewhere, while this process goes on.
    threads: of torch, that a kernel may take (:mod:`wirelessfsl.learning.threads`).
    compiled: what was compiled for its kernels.
    peaks: largest resident memory of every worker process so far, in bytes, by what names the process.
    """

    busy_s: float
    kernels: int
    widths: Counter[int]
    spent: dict[str, tuple[int, float]]
    remote: bool
    threads: int
    compiled: Compiled
    peaks: dict[object, int]

    def submit(self, kernel: Kernel, *args: Any, chain: str = "", about: object = None) -> Work:
        """A computation begins.

        args: values, also promises of this executor; in tuples and lists, too.
        chain: whose work it is. What one client computes follows from what it computed before, and stays together.
        about: says where in the simulation it belongs, if it fails: then :class:`Failed` is raised where a result is
            asked for. Without it the error itself is raised.
        """
        ...

    def settle(self) -> None:
        """Compute all that somebody still keeps. Raises what failed, the last of it that nobody has heard of."""
        ...

    def close(self) -> None:
        """Let go of workers and memory; promises that are not settled are lost."""
        ...


class Books:
    """What every executor keeps account of (:class:`Executor`)."""

    def __init__(self, remote: bool = False) -> None:
        self.busy_s = 0.0
        self.kernels = 0
        self.widths: Counter[int] = Counter()
        self.spent: dict[str, tuple[int, float]] = {}
        self.remote = remote
        self.threads = 1
        self.compiled = Compiled()
        self.peaks: dict[object, int] = {}

    def enter(self, name: str, calls: int, seconds: float, trained: int, width: int = 1) -> None:
        """A kernel was run so many times, and some of them trained; width: how many at once."""
        before, before_s = self.spent.get(name, (0, 0.0))
        self.spent[name] = before + calls, before_s + seconds
        if trained:
            self.kernels += trained
            self.widths[width] += trained // width
