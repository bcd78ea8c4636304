"""A worker process: runs kernels on what it is sent and on what it has made before, which stays here.

Messages come in batches of (what, ...):

    know    number and packed content of something that messages will name by this number
    forget  all that has such a number
    run     number, order, kernel, arguments, form of the result, threads of torch: to be run when its turn comes
    give    number and leaf of a result that is wanted elsewhere: into shared memory when it is there
    drop    numbers and leaves, one after the other, of results that nobody wants any more

Answers are batches of (what, ...):

    done    numbers of those that were run, or not, as nobody wanted them; the leaves that are single numbers; by
            kernel how many were run, in how many seconds, and how many of them were training; and the worker's peak
            memory in bytes, 0 while there is more to do
    failed  number of the kernel that failed, number of the one that it failed with, and the error
    given   number, leaf, and the block of its tensor or the packed value
    broken  the error that the worker ends with, as it cannot read its messages
    compiled  what was compiled for a kernel (:class:`wirelessfsl.learning.compiling.Compiled`)

Of what waits the least order is run first: one client's kernels before the next client's.
"""

from __future__ import annotations

import os
import pickle
import signal
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from heapq import heappop, heappush
from multiprocessing.connection import Connection
from threading import Condition, Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from wirelessfsl.lazy import torch
from wirelessfsl.learning.compiling import told
from wirelessfsl.learning.executors.promises import Template, taken_apart
from wirelessfsl.learning.executors.segments import Block, Segment, kept, packed, unpacked
from wirelessfsl.learning.host import keep_freed_memory, peak_rss_bytes
from wirelessfsl.learning.kernels import Kernel

if TYPE_CHECKING:
    from torch import Tensor

ANSWERS = 32
"""Kernels after which a worker that has more to do tells of those that are done."""
_NOTHING = object()


class Held(NamedTuple):
    """In a message: a leaf of a result that the worker has."""

    number: int
    leaf: int


class Packed(NamedTuple):
    """In a message: a value that another process packed."""

    content: bytes


class Known(NamedTuple):
    """In a message: something that was sent before."""

    number: int


class Failure(NamedTuple):
    """In place of a value: the kernel that failed."""

    number: int


class Job(NamedTuple):
    """A kernel that waits."""

    order: tuple[int, int]
    number: int
    kernel: Kernel
    args: tuple[Any, ...]
    template: Template
    threads: int


def work(connection: Connection, number: int, files: Sequence[Any]) -> None:
    """Work until the other end of the connection is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    keep_freed_memory()
    torch.set_num_threads(1)
    segments = [Segment(at, file.detach()) for at, file in enumerate(files)]
    with torch.inference_mode(), suppress(OSError):  # whom it works for has gone
        _Worker(connection, number, segments).work()


class _Inbox:
    """Messages as they come, read by a thread of its own, so that who sends never waits for a kernel.

    The process ends with the other end of the connection, whatever kernel it is at.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._came: deque[bytes] = deque()
        self._more = Condition()
        Thread(target=self._read, daemon=True).start()

    def take(self, wait: bool) -> list[bytes]:
        """What has come; waits for something if there is nothing."""
        with self._more:
            while wait and not self._came:
                self._more.wait()
            taken = [*self._came]
            self._came.clear()
        return taken

    def _read(self) -> None:
        while True:
            try:
                message = self._connection.recv_bytes()
            except (EOFError, OSError):
                os._exit(0)
            with self._more:
                self._came.append(message)
                self._more.notify()


class _Worker:
    def __init__(self, connection: Connection, number: int, segments: list[Segment]) -> None:
        self.connection, self.number, self.segments = connection, number, segments
        self.inbox = _Inbox(connection)
        self.jobs: list[tuple[tuple[int, int], int, Job]] = []
        self.held: dict[tuple[int, int], Any] = {}
        self.blocks: dict[tuple[int, int], list[Block]] = {}
        self.wanted: set[tuple[int, int]] = set()
        self.unwanted: dict[int, set[int]] = {}
        self.waiting: dict[int, Job] = {}
        self.known: dict[int, Any] = {}
        self.answers: list[tuple[Any, ...]] = []
        self.done: list[int] = []
        self.numbers: dict[Held, tuple[float, torch.dtype]] = {}
        self.spent: dict[str, tuple[int, float, int]] = {}

    def work(self) -> None:
        while True:
            for message in self.inbox.take(wait=not self.jobs):
                try:
                    for what, *rest in pickle.loads(message):
                        getattr(self, what)(*rest)
                except Exception as error:  # code that this process cannot import, say
                    self.answers.append(("broken", portable(error)))
                    self.answer()
                    return
            while self.jobs:
                _, _, job = heappop(self.jobs)
                if self.waiting.pop(job.number, None) is not None:
                    self.compute(job)
                    break
            if len(self.done) >= ANSWERS or not self.jobs:
                self.answer()

    def answer(self) -> None:
        print(end="", flush=True)  # what kernels of the user's own have printed
        if self.done:
            peak_bytes = 0 if self.jobs else peak_rss_bytes()  # which takes as long as a small kernel
            self.answers.append(("done", self.done, self.numbers, self.spent, peak_bytes))
            self.done, self.numbers, self.spent = [], {}, {}
        if self.answers:
            self.connection.send_bytes(pickle.dumps(self.answers))
            self.answers = []

    # Messages

    def know(self, number: int, content: bytes) -> None:
        self.known[number] = unpacked(content, self.segments, lasting=True)

    def forget(self) -> None:
        self.known.clear()

    def run(self, number: int, order: tuple[int, int], kernel: Known, args: Any, template: Any, threads: int) -> None:
        form = self.known[template.number] if type(template) is Known else template
        self.waiting[number] = job = Job(order, number, self.known[kernel.number], args, form, threads)
        heappush(self.jobs, (order, number, job))

    def give(self, number: int, leaf: int) -> None:
        if (number, leaf) in self.held:
            self.export(number, leaf)
        else:
            self.wanted.add((number, leaf))

    def drop(self, places: list[int]) -> None:
        for number, leaf in zip(places[::2], places[1::2], strict=True):
            if self.held.pop((number, leaf), _NOTHING) is _NOTHING:
                self.unwanted.setdefault(number, set()).add(leaf)
                self.wanted.discard((number, leaf))
            for block in self.blocks.pop((number, leaf), ()):
                self.segments[self.number].free(block)

    # Kernels

    def compute(self, job: Job) -> None:
        unwanted = self.unwanted.pop(job.number, set())
        if len(unwanted) == _count(job.template):
            self.done.append(job.number)
            return
        begin = perf_counter()
        try:
            args = self.resolved(job.args)
            if job.threads > 1:
                torch.set_num_threads(job.threads)
            value = job.kernel.run(*args)
            leaves = kept(taken_apart(value, job.template, []), self.segments)
        except _FailedBefore as failed:
            self.failed(job, failed.number, None)
            return
        except Exception as error:
            self.failed(job, job.number, error)
            return
        finally:
            if job.threads > 1:
                torch.set_num_threads(1)
        if more := told():
            self.answers.append(("compiled", *more))
        for leaf, own in enumerate(leaves):
            if leaf not in unwanted:
                self.held[job.number, leaf] = own
                if isinstance(own, torch.Tensor) and own.ndim == 0 and own.is_floating_point():
                    self.numbers[Held(job.number, leaf)] = (own.item(), own.dtype)
        calls, seconds, trained = self.spent.get(job.kernel.name, (0, 0.0, 0))
        ended = calls + 1, seconds + perf_counter() - begin, trained + job.kernel.trains
        self.spent[job.kernel.name] = ended
        self.done.append(job.number)
        self.give_wanted(job.number, len(leaves))

    def failed(self, job: Job, origin: int, error: Exception | None) -> None:
        for leaf in range(_count(job.template)):
            self.held[job.number, leaf] = Failure(origin)
        self.answers.append(("failed", job.number, origin, None if error is None else portable(error)))
        self.give_wanted(job.number, _count(job.template))

    def give_wanted(self, number: int, leaves: int) -> None:
        for leaf in range(leaves):
            if (number, leaf) in self.wanted:
                self.wanted.discard((number, leaf))
                self.export(number, leaf)

    def export(self, number: int, leaf: int) -> None:
        """Put a value where others can read it; it is read from there here, too."""
        value, place = self.held[number, leaf], (number, leaf)
        if isinstance(value, Failure):
            return
        if place in self.blocks:
            return
        segment, blocks = self.segments[self.number], self.blocks.setdefault(place, [])

        def put(tensor: Tensor) -> Block:
            blocks.append(segment.put(tensor))
            return blocks[-1]

        try:
            if isinstance(value, torch.Tensor):
                self.held[place] = segment.view(put(value))
                self.answers.append(("given", number, leaf, blocks[0]))
            else:
                self.answers.append(("given", number, leaf, Packed(packed(value, put))))
        except Exception as error:
            self.answers.append(("failed", number, number, portable(error)))
        self.answer()

    def resolved(self, value: Any) -> Any:
        """Arguments with the values of what is held here in their places."""
        kind = type(value)
        if kind is Held:
            found = self.held[value]
            return self.resolved(found) if type(found) is Failure else found
        if kind is Failure:
            raise _FailedBefore(value.number)
        if kind is Block:
            return self.segments[value.segment].view(value)
        if kind is Known:
            return self.known[value.number]
        if kind is Packed:
            return unpacked(value.content, self.segments)
        if issubclass(kind, tuple):
            items = [self.resolved(each) for each in value]
            return kind(*items) if hasattr(kind, "_fields") else kind(items)
        if kind is dict:
            return {key: self.resolved(each) for key, each in value.items()}
        return [self.resolved(each) for each in value] if kind is list else value


class _FailedBefore(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _count(template: Template) -> int:
    if isinstance(template, tuple):
        return sum(map(_count, template))
    return 0 if template is None else 1


def portable(error: Exception) -> Exception:
    """The error, or if it cannot be sent one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(str(error) or type(error).__name__)
    return error
