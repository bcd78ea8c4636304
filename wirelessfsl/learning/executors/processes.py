"""Kernels in worker processes of this machine, each client's in one of them.

What a kernel returns stays with the worker that ran it, and what follows from it is run there; so of a client's work
only messages of some hundred bytes go to and fro. What another worker or this process wants goes through shared memory
(:mod:`wirelessfsl.learning.executors.segments`). Workers end with this process, however it ends. A worker that dies
takes its values with it, and so ends the run; a run can be resumed.

torch's own multiprocessing and loky share a tensor by a file of its own, which costs more than a small kernel; here a
result that nobody else wants is not shared at all.
"""

from __future__ import annotations

import os
import pickle
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from multiprocessing import reduction
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from selectors import EVENT_READ, DefaultSelector
from signal import SIGKILL, Signals
from time import perf_counter
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakValueDictionary, finalize, ref

from wirelessfsl.forking import fork_server
from wirelessfsl.lazy import torch
from wirelessfsl.learning.compiling import Compiled
from wirelessfsl.learning.executors.contract import Books, Failed, Lost, failed, heard, unheard
from wirelessfsl.learning.executors.graph import MOST, Submitted
from wirelessfsl.learning.executors.promises import Promise, Template, promised, promises_in
from wirelessfsl.learning.executors.segments import Block, Segment, new_file, own, packed, unpacked
from wirelessfsl.learning.executors.worker import Failure, Held, Known, Packed, work
from wirelessfsl.learning.kernels import Hidden, Kernel
from wirelessfsl.learning.threads import cores, threads_of

if TYPE_CHECKING:
    from torch import Tensor

BATCH, BUSY = 64, 16
"""Messages that go at once to a worker that has so many kernels to do; one that has fewer gets what there is."""
_PLAIN = frozenset({int, float, str, bool, bytes, type(None)})
_NOTHING: Any = object()
_SENT = -1
"""In place of a leaf: that a kernel was sent to its worker."""


class Remote:
    """A kernel that a worker runs. Its promises keep it as long as they want what it returned."""

    __slots__ = (
        "__weakref__",
        "about",
        "args",
        "given",
        "kernel",
        "missing",
        "number",
        "order",
        "origin",
        "pool",
        "raised",
        "sent",
        "template",
        "threads",
        "wanting",
        "worker",
    )

    def __init__(
        self, pool: Processes, worker: _Worker, order: int, kernel: Kernel, args: tuple[Any, ...], about: object
    ) -> None:
        self.pool, self.worker, self.kernel, self.about = pool, worker, kernel, about
        self.args: tuple[Any, ...] | None = args
        self.number = next(pool.numbers)
        self.order = (order, self.number)
        self.template: Template = None
        self.given: dict[int, Block | Packed] = {}
        self.wanting: dict[int, list[Remote]] = {}
        self.missing, self.threads = 0, 1
        self.sent = False
        self.origin: Remote | None = None
        self.raised: Exception | None = None

    @property
    def error(self) -> Exception | None:
        """Why nothing comes of it, if so: what it or a kernel before it raised."""
        return (self.origin or self).raised

    def promise(self, outline: Any) -> Any:
        """What the kernel returns, as promises."""
        leaves: list[Promise] = []
        value, self.template = promised(self, outline, leaves)
        self.pool.watch(self, leaves)
        return value

    def fulfil(self, promise: Promise) -> Any:
        if promise.value is _NOTHING:
            self.pool.fetch(self, promise)
        return promise.value

    def ask(self, promise: Promise) -> None:
        if promise.value is _NOTHING and self.error is None:
            self.pool.want(self, promise.number)


class _Leaf(ref[Promise]):
    """A promise of a kernel, as long as somebody keeps it."""

    __slots__ = ("leaf", "number")

    number: int
    leaf: int


class _Kept:
    """A kernel of whose promises somebody keeps so many."""

    __slots__ = ("leaves", "left", "task", "worker")

    def __init__(self, task: Remote, leaves: list[_Leaf]) -> None:
        self.task, self.worker, self.leaves, self.left = ref(task), task.worker, leaves, len(leaves)


class _Worker:
    """A worker process, as it is seen from here."""

    def __init__(self, process: ForkServerProcess, connection: Connection) -> None:
        self.process, self.connection = process, connection
        self.messages: list[tuple[Any, ...]] = []
        self.dropped: list[int] = []
        self.known: dict[Any, Known] = {}
        self.known_by_id: dict[int, Known] = {}
        self.out: dict[int, Remote] = {}
        self.chains = 0
        self.heard = False

    @property
    def at(self) -> object:
        """What it is at, as far as is known."""
        first = min(self.out.values(), key=lambda task: task.order, default=None)
        return "between kernels" if first is None else first.about or first.kernel.name

    def send(self) -> None:
        (messages, self.messages), (dropped, self.dropped) = (self.messages, []), (self.dropped, [])
        if dropped:
            messages.append(("drop", dropped))
        if messages:
            self.connection.send_bytes(pickle.dumps(messages, pickle.HIGHEST_PROTOCOL))


class Processes(Books):
    """Runs kernels in worker processes.

    workers: how many; by default as many as there are cores.
    """

    def __init__(self, workers: int | None = None) -> None:
        super().__init__(remote=True)
        self.numbers = count()
        self._orders = count(1)
        self._chains: dict[object, tuple[_Worker, int]] = {}
        self._kept: dict[int, _Kept] = {}
        self._gone: deque[_Leaf] = deque()
        self._undone = 0
        self._failed: list[ref[Remote]] = []
        self._origins: WeakValueDictionary[int, Remote] = WeakValueDictionary()
        self._lost: Exception | None = None
        self._shared: dict[int, tuple[Tensor, Block]] = {}
        self._lasting: dict[int, tuple[Tensor, Block]] = {}
        files = [new_file() for _ in range((workers or cores()) + 1)]
        self._segments = [Segment(number, file) for number, file in enumerate(files)]
        self._workers = _started(files)
        for file in files:
            os.close(file)
        self._selector = DefaultSelector()
        for each in self._workers:
            self._selector.register(each.connection, EVENT_READ, each)
        self.close = finalize(
            self,
            _stop,
            self._selector,
            [each.process for each in self._workers],
            [each.connection for each in self._workers],
        )

    def submit(self, kernel: Kernel, *args: Any, chain: str = "", about: object = None) -> Submitted:
        known = kernel.outline is not None and not kernel.settles
        outline = kernel.outline(*args) if known else Hidden()  # type: ignore[misc]
        if kernel.steps is None:
            return Submitted(self._submit(kernel, args, chain, about, outline), not known)
        promise, steps = None, kernel.steps(*args)
        for left, (step, more) in zip(reversed(range(len(steps))), steps, strict=True):
            promise = self._submit(step, (promise, *more), chain, about, Hidden() if left else outline)
        return Submitted(promise, not known)

    def settle(self) -> None:
        begin = perf_counter()
        self._flush()
        while self._undone:
            self._listen()
        before, self._failed = self._failed, []
        tasks = [task for each in before if (task := each()) and task.number in self._kept]
        errors = [task.error for task in sorted(tasks, key=lambda task: task.number)]
        self._free(self._shared)
        self.busy_s += perf_counter() - begin
        for error in reversed(errors):  # as the graph: from the last
            if error is not None and unheard(error):
                raise heard(error)

    def fetch(self, task: Remote, promise: Promise) -> None:
        """Bring a value here. Raises what its kernel raised."""
        begin = perf_counter()
        self.want(task, promise.number)
        self._flush()
        while promise.value is _NOTHING:
            if (error := task.error) is not None:
                raise heard(error)
            if (where := task.given.get(promise.number)) is None:
                self._listen()
            else:
                promise.value = (
                    unpacked(where.content, self._segments)
                    if isinstance(where, Packed)
                    else own(self._segments[where.segment].view(where))
                )
        self.busy_s += perf_counter() - begin

    # Sending

    def _submit(self, kernel: Kernel, args: tuple[Any, ...], chain: object, about: object, outline: Any) -> Any:
        if self._lost is not None:
            raise self._lost
        if self._undone > MOST:
            self.settle()
        self._let_go()
        if not (self._undone or self._kept):
            self._forget()
        worker, order = self._chains.get(chain) or self._place(chain)
        task = Remote(self, worker, order, kernel, args, about)
        task.threads = threads_of(kernel, args, self.threads)
        promise = task.promise(outline)
        self._undone += 1
        for each in promises_in(args):
            source = each.source
            assert isinstance(source, Remote)
            if source.worker is worker:  # behind it, in the worker's order too
                task.order = max(task.order, (source.order[0], task.number))
                if not source.sent:
                    source.wanting.setdefault(_SENT, []).append(task)
                    task.missing += 1
            elif each.number not in source.given and source.error is None:
                self.want(source, each.number).append(task)
                task.missing += 1
        if not task.missing:
            self._send(task)
        if not task.number % BUSY:
            self._listen(0.0)
        return promise

    def watch(self, task: Remote, leaves: list[Promise]) -> None:
        """Its worker holds what a kernel returned for as long as somebody keeps a promise of it.

        That one goes is told by a weak reference to a method of C, in which no interrupt can be lost. The references
        are kept here, or the collector of cycles would take them with what they refer to, and tell nobody.
        """
        marks = []
        for leaf in leaves:
            leaf.value = _NOTHING
            mark = _Leaf(leaf, self._gone.append)
            mark.number, mark.leaf = task.number, leaf.number
            marks.append(mark)
        if marks:
            self._kept[task.number] = _Kept(task, marks)

    def _let_go(self) -> None:
        """Tell workers what nobody wants any more."""
        while self._gone:
            mark = self._gone.popleft()
            kept = self._kept[mark.number]
            kept.worker.dropped += (mark.number, mark.leaf)
            kept.left -= 1
            if not kept.left:
                del self._kept[mark.number]

    def _task(self, number: int) -> Remote | None:
        kept = self._kept.get(number)
        return None if kept is None else kept.task()

    def _place(self, chain: object) -> tuple[_Worker, int]:
        """The worker of a chain, and when its turn comes: what belongs to no client is done before all else."""
        worker = min(self._workers, key=lambda each: each.chains)
        worker.chains += 1
        self._chains[chain] = worker, next(self._orders) if chain else 0
        return self._chains[chain]

    def want(self, task: Remote, leaf: int) -> list[Remote]:
        """Let a worker give a value as soon as it is there; those who wait for it."""
        if leaf not in task.wanting:
            task.wanting[leaf] = []
            if leaf not in task.given:
                task.worker.messages.append(("give", task.number, leaf))
        return task.wanting[leaf]

    def _send(self, task: Remote) -> None:
        """Let a worker run a kernel of which all is there that it needs, and then those that follow it there."""
        ready = [task]
        while ready:
            task = ready.pop()
            self._send_one(task)
            ready += _arrived(task.wanting.pop(_SENT, ()))

    def _send_one(self, task: Remote) -> None:
        worker, task.sent = task.worker, True
        try:
            kernel, args = self._known(task.kernel, worker), self._sent(task.args, worker)
            form = self._known(task.template, worker) if isinstance(task.template, tuple) else task.template
        except Exception as error:
            task.raised = failed(task.about, error)
            self._fail(task, task)
            return
        worker.out[task.number] = task
        worker.messages.append(("run", task.number, task.order, kernel, args, form, task.threads))
        if len(worker.messages) >= (BATCH if len(worker.out) > BUSY else 1):
            self._to(worker)

    def _sent(self, value: Any, worker: _Worker) -> Any:
        """A value as messages have it: by name what the worker has or can see."""
        kind = type(value)
        if kind in _PLAIN or kind.__module__ == "numpy":
            return value
        if kind is Promise:
            source = value.source
            if source.error is not None:
                return Failure((source.origin or source).number)
            return Held(source.number, value.number) if source.worker is worker else source.given[value.number]
        if issubclass(kind, tuple):
            items = [self._sent(each, worker) for each in value]
            return kind(*items) if hasattr(kind, "_fields") else kind(items)
        if kind is list:
            return [self._sent(each, worker) for each in value]
        if isinstance(value, Mapping):
            return {key: self._sent(each, worker) for key, each in value.items()}
        if isinstance(value, torch.Tensor):
            return self._share(value, self._shared)
        return self._known(value, worker)

    def _known(self, value: Any, worker: _Worker) -> Known | Packed:
        """The name of something that the worker is told once, or all of it if it cannot be told from others."""
        if (known := worker.known_by_id.get(id(value))) is not None:
            return known
        try:
            known = worker.known.get(value)
        except TypeError:  # it has no hash
            return Packed(packed(value, lambda tensor: self._share(tensor, self._shared)))
        if known is None:
            known = worker.known[value] = worker.known_by_id[id(value)] = Known(len(worker.known))
            content = packed(value, lambda tensor: self._share(tensor, self._lasting))
            worker.messages.append(("know", known.number, content))
        return known

    def _share(self, tensor: Tensor, where: dict[int, tuple[Tensor, Block]]) -> Block:
        """A tensor of this process in shared memory; it is kept, so that no other gets its id."""
        for each in (self._lasting, where):
            if id(tensor) in each:
                return each[id(tensor)][1]
        block = self._segments[0].put(tensor)
        where[id(tensor)] = tensor, block
        return block

    def _free(self, shared: dict[int, tuple[Tensor, Block]]) -> None:
        for _, block in shared.values():
            self._segments[0].free(block)
        shared.clear()

    def _forget(self) -> None:
        """Nothing is left of what was computed: a run has ended, and the next may have other data."""
        self._free(self._shared)
        self._free(self._lasting)
        self._chains.clear()
        for worker in self._workers:
            worker.chains = 0
            if worker.known:
                worker.known.clear()
                worker.known_by_id.clear()
                worker.messages.append(("forget",))

    def _flush(self) -> None:
        for worker in self._workers:
            self._to(worker)

    def _to(self, worker: _Worker) -> None:
        self._let_go()
        try:
            worker.send()
        except OSError:
            self._died(worker)

    # Listening

    def _listen(self, timeout_s: float | None = None) -> None:
        """Take what workers have answered; wait for it, by default as long as it takes."""
        heard: dict[str, Callable[..., None]] = {"done": self._done, "given": self._given, "failed": self._failure}
        heard |= {"compiled": self._compiled, "broken": self._broken}
        for key, _ in self._selector.select(timeout_s):
            worker = key.data
            try:
                answers = pickle.loads(worker.connection.recv_bytes())
            except (EOFError, OSError):
                self._died(worker)
            worker.heard = True
            for what, *rest in answers:
                heard[what](worker, *rest)
        if timeout_s is None:
            self._flush()

    def _done(
        self,
        worker: _Worker,
        done: list[int],
        numbers: dict[Held, Any],
        spent: dict[str, tuple[int, float, int]],
        peak_bytes: int,
    ) -> None:
        if peak_bytes:
            self.peaks[worker.process.pid] = peak_bytes
        for (number, leaf), (value, dtype) in numbers.items():
            kept = self._kept.get(number)
            if kept is not None and (promise := kept.leaves[leaf]()) is not None:
                promise.value = torch.tensor(value, dtype=dtype)
        for number in done:
            if (task := worker.out.pop(number, None)) is not None:
                task.args = None
                self._undone -= 1
        for name, (calls, seconds, trained) in spent.items():
            self.enter(name, calls, seconds, trained)

    def _compiled(self, worker: _Worker, *more: Any) -> None:
        self.compiled = self.compiled.and_also(Compiled(*more))

    def _given(self, worker: _Worker, number: int, leaf: int, where: Block | Packed) -> None:
        task = self._task(number)
        if task is None:
            return
        task.given[leaf] = where
        for waiter in _arrived(task.wanting.pop(leaf, ())):
            self._send(waiter)

    def _failure(self, worker: _Worker, number: int, origin: int, error: Exception | None) -> None:
        if (task := worker.out.get(number) or self._task(number)) is None:
            return
        if error is not None:
            task.raised = failed(task.about, error)
        self._fail(task, task if origin == number else self._origins[origin])

    def _fail(self, task: Remote, origin: Remote) -> None:
        """Nothing comes of a kernel; those that wait for it are sent all the same, and fail when their turn comes."""
        task.worker.out.pop(task.number, None)
        self._undone -= task.args is not None
        task.args, task.origin = None, None if origin is task else origin
        if origin is task:
            self._origins[task.number] = task
        self._failed.append(ref(task))
        for waiters in [*task.wanting.values()]:
            for waiter in _arrived(waiters):
                self._send(waiter)
        task.wanting.clear()

    def _broken(self, worker: _Worker, error: Exception) -> NoReturn:
        self._lost = Lost(f"{worker.at}: a worker process cannot take its work: {type(error).__name__}: {error}")
        raise self._lost from error

    def _died(self, worker: _Worker) -> NoReturn:
        process = worker.process
        process.join(5.0)
        how = process.exitcode or 0
        ended = f"was killed by {Signals(-how).name}" if how < 0 else f"ended with status {how}"
        if how > 0 and not worker.heard:
            self._lost = Failed(
                f"worker process {process.pid} {ended} before it could begin, and has written why; a script that runs"
                ' scenarios in worker processes must do so under: if __name__ == "__main__":'
            )
            raise self._lost
        if how == -SIGKILL:
            ended += " (by the system, if memory is short: take fewer workers)"
        self._lost = Lost(f"{worker.at}: worker process {process.pid} {ended}; what it had made is lost")
        raise self._lost


def _arrived(waiters: Sequence[Remote]) -> list[Remote]:
    """Those of the kernels that waited for something that wait for nothing else."""
    for waiter in waiters:
        waiter.missing -= 1
    return [waiter for waiter in dict.fromkeys(waiters) if not waiter.missing]


class _Files:
    """Descriptors on their way to a process that is being started."""

    def __init__(self, files: Sequence[int]) -> None:
        self.files = files

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, ([reduction.DupFd(file) for file in self.files],)


def _started(files: Sequence[int]) -> list[_Worker]:
    """A worker for every file but the first, which is this process's."""
    context, workers = fork_server(), []
    for number in range(1, len(files)):
        ours, its = context.Pipe()
        process = context.Process(target=work, args=(its, number, _Files(files)), daemon=True)
        process.start()
        its.close()
        workers.append(_Worker(process, ours))
    return workers


def _stop(selector: DefaultSelector, processes: Sequence[ForkServerProcess], connections: Sequence[Connection]) -> None:
    selector.close()
    for process, connection in zip(processes, connections, strict=True):
        connection.close()
        process.kill()
    for process in processes:
        process.join()
        process.close()
