"""Equal kernels at once: what many clients compute is one computation on tensors that are stacked.

Clients go in step, as far as what they need allows: of all that is ready the task comes first that has the fewest
before it in its chain, and with it goes the next task of every other chain that is equal but for its numbers. What they
return stays stacked until somebody wants one of them. Which kernels can be stacked they say themselves
(:class:`wirelessfsl.learning.kernels.Kernel`); others run one by one. Stacked operations sum in another order, so
numbers differ in their last digits.

Kernels run on any device of torch's: tensors move there with their first use and stay. What is read is copied to the
host, and kernels that deal in bytes run there, with one copy for all of them that are ready; one that deals in tensors
first and in bytes then, or the other way round, runs in halves, each where it belongs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from heapq import heapify, heappop, heappush
from itertools import count
from time import perf_counter
from typing import Any, ClassVar
from weakref import ref

from wirelessfsl.lazy import torch
from wirelessfsl.learning.executors.contract import heard, unheard
from wirelessfsl.learning.executors.graph import Graph, Submitted, Task
from wirelessfsl.learning.executors.piles import Pile, Place, copy_here, in_memory, likeness, moved
from wirelessfsl.learning.executors.promises import promises_in, taken_apart
from wirelessfsl.learning.host import all_digits, check_device, torch_threads
from wirelessfsl.learning.kernels import Kernel

WIDTH = 128
"""Clients that go in step by default, and so kernels at once."""


class Placed(Task):
    """A task with its place in line, what it still misses, and who waits for it.

    rank: block of clients, number in its chain, number of the chain, and of the task.
    likeness: what equal tasks have in common; None for one that runs by itself.
    """

    __slots__ = ("likeness", "missing", "rank", "users")

    rank: tuple[int, int, int, int]
    likeness: Any
    missing: int
    users: list[ref[Placed]]


class Stacked(Graph):
    """Runs equal kernels that are ready as one, on a device.

    device: of torch, as ``cpu`` or ``cuda``.
    width: kernels at once, and clients that go in step, at most; memory is in proportion. 1 runs one by one, client by
        client.

    Raises ValueError for a device that is not there.
    """

    task: ClassVar = Placed

    def __init__(self, device: str = "cpu", width: int = WIDTH) -> None:
        super().__init__()
        check_device(device)
        all_digits()
        self._place, self._width = Place(device), width
        self._lengths: Counter[str] = Counter()
        self._order: dict[str, int] = {}
        self._serial = count()
        self._ready: dict[Any, list[ref[Placed]]] = {}
        self._apart: set[Any] = set()

    def compute(self, task: Task) -> None:
        self._advance([task])

    def settle(self) -> None:
        waiting, self._waiting = self._waiting, []
        tasks = [task for each in waiting if (task := each()) is not None]
        self._advance(tasks)
        self._forget()
        for task in reversed(tasks):
            wanted = any(leaf() is not None for leaf in task.leaves)
            if wanted and (error := task.error) is not None and unheard(error):
                raise heard(error)

    def close(self) -> None:
        super().close()
        self._forget()

    def _forget(self) -> None:
        self._averages.clear()
        self._lengths.clear()
        self._order.clear()
        self._ready.clear()

    # In line

    def submit(self, kernel: Kernel, *args: Any, chain: str = "", about: object = None) -> Submitted:
        if kernel.halves is not None and self._place.device.type != "cpu":
            kernel = replace(kernel, steps=kernel.halves)
        return super().submit(kernel, *args, chain=chain, about=about)

    def _wait(self, task: Task) -> Task:
        assert isinstance(task, Placed)
        self._waiting.append(ref(task))
        needs = {need for need in task.needs if isinstance(need, Placed)}
        if isinstance(task.chain, str) and task.chain:
            order = self._order.setdefault(task.chain, len(self._order))
            block, at = order // self._width, self._lengths[task.chain]
            self._lengths[task.chain] += 1
        else:
            order = 0
            block, at = max(((need.rank[0], need.rank[1] + 1) for need in needs), default=(0, 0))
        task.rank = (block, at, order, next(self._serial))
        task.users, task.missing = [], 0
        for need in needs:
            if not need.done:
                need.users.append(ref(task))
                task.missing += 1
        if not task.missing:
            self._line_up(task)
        return task

    def _line_up(self, task: Placed) -> None:
        """A task has all that it needs."""
        kernel, task.likeness = task.kernel, None
        if kernel.host or not (kernel.trains or kernel.stacks):  # codecs: one by one, but of all who are so far
            task.likeness = kernel.name, kernel.host
        elif kernel.stacks:
            with suppress(TypeError):  # nobody can tell whether another is equal
                alike = (kernel, *map(likeness, task.args))
                task.likeness = None if alike in self._apart else alike
        if task.likeness is not None:
            self._ready.setdefault(task.likeness, []).append(ref(task))

    def _equals(self, task: Placed) -> list[Placed]:
        """A task and those that are ready and equal, one a chain."""
        if task.likeness is None:
            return [task]
        found, chains, left = [task], {task.chain or task}, []
        for mark in self._ready.pop(task.likeness, ()):
            other = mark()
            if other is None or other.done or other is task:
                continue
            chain = other.chain or other
            if len(found) < self._width and other.rank[0] == task.rank[0] and chain not in chains:
                found.append(other)
                chains.add(chain)
            else:
                left.append(mark)
        if left:
            self._ready[task.likeness] = left
        return sorted(found, key=lambda each: each.rank[2:])

    def _advance(self, targets: Sequence[Task]) -> None:
        """Compute tasks and all that they need."""
        wanted, path = set(), [*targets]
        while path:
            task = path.pop()
            if not task.done and task not in wanted:
                wanted.add(task)
                path += task.needs
        line = [(each.rank, each) for each in wanted if isinstance(each, Placed) and not each.missing]
        heapify(line)
        while line:
            _, first = heappop(line)
            if not first.done:
                group = self._equals(first)
                self._run(group)
                for user in self._freed(group):
                    if user in wanted:
                        heappush(line, (user.rank, user))

    def _freed(self, group: Sequence[Placed]) -> Iterator[Placed]:
        """Tasks that waited for nothing but these."""
        for task in group:
            for mark in task.users:
                if (user := mark()) is not None:
                    user.missing -= 1
                    if not user.missing:
                        self._line_up(user)
                        yield user
            task.users = []

    # Running

    def _run(self, group: Sequence[Placed]) -> None:
        """Compute equal tasks, of which all is there that they need; in halves if the memory is too small for all."""
        for task in group:
            if error := next((need.error for need in reversed(task.needs) if need.error is not None), None):
                task.give_up(error)
        group = [task for task in group if not task.done]
        if not group:
            return
        kernel, short = group[0].kernel, None
        alike = len(group) > 1 and kernel.stacks
        try:
            with torch.inference_mode():
                (self._on_host if kernel.host else self._as_one if alike else self._one_by_one)(group)
        except torch.OutOfMemoryError as error:
            short = error.with_traceback(None)  # or it would keep what was made so far
        if short is None:
            return
        if len(group) == 1:
            group[0].fail(short)
            return
        self._width = half = -(-len(group) // 2)
        for some in (group[:half], group[half:]):
            self._run(some)

    def _one_by_one(self, group: Sequence[Placed]) -> None:
        for task in group:
            if (leaves := self._value(task, self._place.own)) is not None:
                _end(task, [(Pile(leaf), None) for leaf in leaves])

    def _as_one(self, group: Sequence[Placed]) -> None:
        """Compute equal tasks as one if that can be. Raises OutOfMemoryError."""
        begin, leaves = perf_counter(), None
        try:
            leaves = self._joint(group)
        except torch.OutOfMemoryError:
            raise
        except Exception:  # of one of them, or of all since an operation cannot be stacked
            pass
        if leaves is None:
            self._one_by_one(group)
            if all(task.error is None for task in group):
                self._apart.add(group[0].likeness)
            return
        self.account(group[0].kernel, begin, len(group))
        piles = [Pile(leaf, len(group)) for leaf in leaves]
        for at, task in enumerate(group):
            _end(task, [(pile, at) for pile in piles])

    def _joint(self, group: Sequence[Placed]) -> list[Any]:
        """Leaves of what a kernel returns for all tasks at once."""
        args = [*map(self._place.joined, zip(*(task.args for task in group), strict=True))]
        with torch_threads(self.threads):
            return taken_apart(group[0].kernel.run(*args), group[0].template, [])

    def _on_host(self, group: Sequence[Placed]) -> None:
        """Compute tasks in the host's memory: there goes all at once that they need, and back what they return.

        Raises OutOfMemoryError.
        """
        copy_here({pile for task in group for p in promises_in(task.args) if isinstance(pile := p.source, Pile)})
        ended = {task: own for task in group if (own := self._value(task, in_memory)) is not None}
        for task, leaves in zip(ended, moved(list(ended.values()), self._place.device), strict=True):
            _end(task, [(Pile(leaf), None) for leaf in leaves])

    def _value(self, task: Placed, own: Callable[[Any], Any]) -> list[Any] | None:
        """Leaves of what a task's kernel returns, None if it fails; own: makes of an argument what it takes."""
        begin = perf_counter()
        try:
            with torch_threads(task.threads):
                value = task.kernel.run(*map(own, task.args))
            leaves = taken_apart(value, task.template, [])
        except Exception as error:
            task.fail(error)
            return None
        self.account(task.kernel, begin)
        return leaves


def _end(task: Placed, leaves: Sequence[tuple[Pile, int | None]]) -> None:
    """Give everybody who still wants it what a task returned."""
    for leaf, (pile, at) in zip(task.leaves, leaves, strict=True):
        if (promise := leaf()) is not None:
            promise.source, promise.value = pile, at
    task.done, task.args, task.needs = True, (), []
