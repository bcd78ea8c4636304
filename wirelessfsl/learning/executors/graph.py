"""Kernels that wait to be computed, as a graph: each needs what others return.

Of the orders that the graph allows this one is taken: when something is asked for, what it needs is computed first, and
then whatever is ready of the same chain, one client's work that is. So a client's weights stay in the processor's
cache, its memory is free before the next client's is needed, and an average takes each client's weights as they come.
"""

from __future__ import annotations

from collections import defaultdict, deque
from contextlib import nullcontext
from itertools import count
from time import perf_counter
from typing import Any, ClassVar
from weakref import ref

from wirelessfsl.lazy import torch
from wirelessfsl.learning.compiling import told
from wirelessfsl.learning.executors.contract import Books, failed, heard, unheard
from wirelessfsl.learning.executors.promises import Promise, Template, promised, promises_in, settled, taken_apart
from wirelessfsl.learning.host import torch_threads
from wirelessfsl.learning.kernels import Hidden, Kernel
from wirelessfsl.learning.threads import threads_of

MOST = 300_000
"""Kernels that may wait at a time; so many take some 700 MB of objects."""


class Task:
    """A kernel with its arguments, until it is computed; then its promises are kept and it is empty."""

    __slots__ = (
        "__weakref__",
        "about",
        "args",
        "chain",
        "done",
        "error",
        "graph",
        "kernel",
        "leaves",
        "needs",
        "template",
        "threads",
    )

    def __init__(self, graph: Graph, kernel: Kernel, args: tuple[Any, ...], chain: object, about: object) -> None:
        self.graph, self.kernel, self.chain, self.about = graph, kernel, chain, about
        self.args: tuple[Any, ...] = args
        self.needs = [task for promise in promises_in(args) if isinstance(task := promise.source, Task)][::-1]
        self.leaves: list[ref[Promise]] = []
        self.template: Template = None
        self.threads = 1
        self.done = False
        self.error: Exception | None = None

    def promise(self, outline: Any) -> Any:
        """What the kernel returns, as promises."""
        leaves: list[Promise] = []
        value, self.template = promised(self, outline, leaves)
        self.leaves = [ref(leaf) for leaf in leaves]
        return value

    def fulfil(self, promise: Promise) -> Any:
        self._compute()
        return promise.read()

    def there(self, promise: Promise) -> Any:
        """What was promised, where it is."""
        self._compute()
        return promise.there()

    def _compute(self) -> None:
        self.graph.compute(self)
        if self.error is not None:
            raise heard(self.error)

    def ask(self, promise: Promise) -> None: ...

    def end(self, value: Any) -> None:
        """It is computed: give everybody who still wants it a part of the value."""
        for leaf, own in zip(self.leaves, taken_apart(value, self.template, []), strict=True):
            if (promise := leaf()) is not None:
                promise.fulfilled(own)
        self.done, self.args, self.needs = True, (), []

    def fail(self, error: Exception) -> None:
        self.give_up(failed(self.about, error))

    def give_up(self, error: Exception) -> None:
        """Nothing comes of it, as this was raised here or before."""
        self.done, self.error, self.args, self.needs = True, error, (), []


class Submitted:
    """Work whose result is promised, or, where nobody can tell its form, computed when it is asked for."""

    __slots__ = ("promise", "read")

    def __init__(self, promise: Any, read: bool) -> None:
        self.promise, self.read = promise, read

    def result(self) -> Any:
        return self.promise.read() if self.read else self.promise

    def cancel(self) -> None:
        self.promise = None


class Graph(Books):
    """What executors have in common that run kernels in this process; they say how one is run."""

    task: ClassVar = Task

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[ref[Task]] = []
        self._chains: defaultdict[object, deque[ref[Task]]] = defaultdict(deque)
        self._averages: deque[object] = deque()
        self._numbers = count()

    def submit(self, kernel: Kernel, *args: Any, chain: str = "", about: object = None) -> Submitted:
        if len(self._waiting) > MOST:
            self.settle()
        if kernel.steps is not None:
            task = self._unfolded(kernel, args, chain or next(self._numbers), about)
        else:
            task = self._wait(self.task(self, kernel, args, chain, about))
            task.threads = threads_of(kernel, args, self.threads)
        known = kernel.outline is not None and not kernel.settles
        return Submitted(task.promise(kernel.outline(*args) if known else Hidden()), not known)  # type: ignore[misc]

    def settle(self) -> None:
        # From the last: an average that is asked for first takes each client's weights when they come.
        waiting, self._waiting = self._waiting, []
        for each in reversed(waiting):
            if (task := each()) is not None:
                self.compute(task)
                if (error := task.error) is not None and unheard(error):
                    raise heard(error)
        self._chains.clear()
        self._averages.clear()

    def close(self) -> None:
        self._waiting.clear()
        self._chains.clear()

    def compute(self, task: Task) -> None:
        """Compute a task and all that it needs, as far as nothing fails."""
        path = [task]
        while path:
            last = path[-1]
            if last.done:
                path.pop()
            elif not last.needs:
                self.run(last)
                self._go_on(last.chain)
            elif (error := last.needs[-1].error) is not None:
                last.give_up(error)
            elif last.needs[-1].done:
                last.needs.pop()
            else:
                path.append(last.needs[-1])

    def run(self, task: Task) -> None:
        """Compute a task of which all is there that it needs."""
        raise NotImplementedError

    def account(self, kernel: Kernel, begin: float, width: int = 1) -> None:
        """A kernel was run that began at this time, or so many at once."""
        seconds = perf_counter() - begin
        self.enter(kernel.name, width, seconds, width * kernel.trains, width)
        if more := told():
            self.compiled = self.compiled.and_also(more)
        if kernel.trains:
            self.busy_s += seconds

    def _wait(self, task: Task) -> Task:
        mark = ref(task)
        self._waiting.append(mark)
        self._chains[task.chain].append(mark)
        return task

    def _unfolded(self, kernel: Kernel, args: tuple[Any, ...], chain: object, about: object) -> Task:
        """A task for every step of a kernel that goes over many values, each on what the one before made of them."""
        assert kernel.steps is not None
        so_far, task = None, None
        if isinstance(chain, int):
            self._averages.append(chain)
        for step, own in kernel.steps(*args):
            task = self._wait(self.task(self, step, (so_far, *own), chain, about))
            so_far = task.promise(Hidden())
        assert task is not None
        return task

    def _go_on(self, chain: object) -> None:
        """Run what is ready of a chain, and of averages."""
        while self._averages and not self._chains[self._averages[0]]:
            self._averages.popleft()
        for each in (chain, *self._averages):
            tasks = self._chains[each]
            while tasks:
                task = tasks[0]()
                if task is not None and not task.done:
                    if any(not need.done or need.error is not None for need in task.needs):
                        break
                    self.run(task)
                tasks.popleft()


def in_this_process(task: Task) -> Any:
    """The value of a task's kernel."""
    with torch.inference_mode(), torch_threads(task.threads) if task.threads > 1 else nullcontext():
        return task.kernel.run(*settled(task.args))
