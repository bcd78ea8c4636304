"""Kernels on a Ray cluster, or on a Ray of this machine alone.

A task of Ray costs as much as some small kernels. So what one client computes is gathered, until somebody else needs
something of it, somebody reads, or there is enough of it: that is a stretch
(:mod:`wirelessfsl.learning.executors.stretches`) and runs as one task, on what the stretches before it returned. What a
stretch returns stays with Ray until somebody reads it here. Ray runs a stretch again whose worker died, or whose result
was lost with its machine and is still needed; as kernels are pure, nothing changes by that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from weakref import WeakValueDictionary, finalize, ref

from wirelessfsl.lazy import torch
from wirelessfsl.learning.executors.contract import Books, Failed, failed, heard, unheard
from wirelessfsl.learning.executors.graph import MOST, Submitted
from wirelessfsl.learning.executors.parcels import Parcel
from wirelessfsl.learning.executors.promises import Promise, Template, promised, promises_in
from wirelessfsl.learning.executors.segments import Block, own, packed
from wirelessfsl.learning.executors.stretches import (
    ASKED,
    AWAITED,
    HERE,
    REPORT,
    REST,
    At,
    Failure,
    Knowledge,
    Known,
    Report,
    Step,
    run,
)
from wirelessfsl.learning.kernels import Hidden, Kernel
from wirelessfsl.learning.threads import cores, threads_of
from wirelessfsl.rays import connect, library

if TYPE_CHECKING:
    from torch import Tensor

LONG, TERMS = 64, 16
"""Kernels of a stretch, and of one that adds up what many clients made, which it holds at once."""
SMALL_BYTES = 1024
"""Of a value that goes with a message."""
TRIES = 4
"""Of a stretch whose workers die."""
_PLAIN = frozenset({int, float, str, bool, bytes, type(None)})
_NOTHING: Any = object()


class Call:
    """A kernel that was submitted. Its promises keep it as long as they want what it returned."""

    __slots__ = (
        "__weakref__",
        "about",
        "args",
        "cluster",
        "error",
        "given",
        "kernel",
        "knowledge",
        "leaves",
        "number",
        "origin",
        "refs",
        "stretch",
        "template",
        "threads",
        "uses",
    )

    def __init__(self, cluster: Ray, stretch: Stretch, kernel: Kernel, about: object) -> None:
        self.cluster, self.stretch, self.kernel, self.about = cluster, stretch, kernel, about
        self.number = next(cluster.numbers)
        self.args: tuple[Any, ...] = ()
        self.uses: set[At] = set()
        self.given: set[Any] = set()
        self.knowledge: dict[int, Knowledge] = {}
        self.template: Template = None
        self.leaves: list[ref[Promise]] = []
        self.refs: dict[int, Any] = {}
        self.threads = 1
        self.error: Exception | None = None
        self.origin = self.number

    def promise(self, outline: Any) -> Any:
        """What the kernel returns, as promises."""
        leaves: list[Promise] = []
        value, self.template = promised(self, outline, leaves)
        for leaf in leaves:
            leaf.value = _NOTHING
        self.leaves = [ref(leaf) for leaf in leaves]
        return value

    def fulfil(self, promise: Promise) -> Any:
        if promise.value is _NOTHING:
            self.cluster.fetch(self, promise)
        return promise.value

    def ask(self, promise: Promise) -> None:
        if not self.stretch.sent:
            self.cluster.send_all()

    def wanted(self) -> Iterator[tuple[int, Promise]]:
        """Leaves that somebody keeps."""
        return ((number, promise) for number, leaf in enumerate(self.leaves) if (promise := leaf()) is not None)


class Stretch:
    """Calls of one chain; gathered until it is sent, when it is empty but for its report."""

    def __init__(self, chain: object) -> None:
        self.chain = chain
        self.calls: list[Call] = []
        self.report: Any = None
        self.sent = False
        self.what: object = None


class Ray(Books):
    """Runs kernels on a Ray cluster: the one that this process is connected to, or else one that it connects to.

    address: of the cluster; None for a Ray of this machine alone, which ends with the executor.
    workers: kernels at once of a Ray of this machine alone; by default as many as there are cores.

    Raises ValueError if Ray is not installed, or the address does not answer.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        super().__init__(remote=True)
        self.numbers = count()
        self._ray = ray = library(ASKED)
        if address and workers:
            raise ValueError("executor: a cluster has as many workers as it has; leave their number or its address out")
        if begins := not ray.is_initialized():
            connect(ray, address, None if address else workers or cores())
        elif address or workers:
            raise ValueError(
                "executor: this process is connected to a Ray; leave its address and number of workers out"
            )
        self._whose = uuid4().hex
        task = ray.remote(num_cpus=1, max_retries=TRIES - 1)(run)
        self._tasks = {objects: task.options(num_returns=objects) for objects in (1, 2, 3)}
        self._open: dict[object, Stretch] = {}
        self._unheard: dict[Any, Stretch] = {}
        self._pending = 0
        self._calls: WeakValueDictionary[int, Call] = WeakValueDictionary()
        self._known: dict[Any, Knowledge] = {}
        self._kernels: dict[int, Kernel] = {}
        self._lasting: dict[int, tuple[Tensor, int, Any]] = {}
        self._shared: dict[int, tuple[Any, At, Any]] = {}
        self._abouts: dict[int, object] = {}
        self._errors: dict[int, Exception] = {}
        self._failed: list[ref[Call]] = []
        self.close = finalize(self, _stop, ray, self._unheard, begins)

    def submit(self, kernel: Kernel, *args: Any, chain: str = "", about: object = None) -> Submitted:
        known = kernel.outline is not None and not kernel.settles
        outline = kernel.outline(*args) if known else Hidden()  # type: ignore[misc]
        if self._pending > MOST:
            self.settle()
        if kernel.steps is None:
            place = chain or next(self.numbers)
            return Submitted(self._submit(kernel, args, self._stretch(place, LONG), about, outline), not known)
        promise, steps, place = None, kernel.steps(*args), chain or next(self.numbers)
        for left, (step, terms) in zip(reversed(range(len(steps))), steps, strict=True):
            stretch = self._stretch(place, TERMS)
            promise = self._submit(step, (promise, *terms), stretch, about, Hidden() if left else outline)
        return Submitted(promise, not known)

    def settle(self) -> None:
        begin = perf_counter()
        self.send_all()
        for stretch in [*self._unheard.values()]:
            self._hear(stretch)
        before, self._failed = self._failed, []
        self._shared.clear()
        self._abouts.clear()
        self._errors.clear()
        self._pending = 0
        self.busy_s += perf_counter() - begin
        calls = [call for each in before if (call := each()) is not None and any(call.wanted())]
        for call in sorted(calls, key=lambda call: -call.number):  # as the graph: from the last
            if call.error is not None and unheard(call.error):
                raise heard(call.error)

    def fetch(self, call: Call, promise: Promise) -> None:
        """Bring a value here. Raises what its kernel raised."""
        begin = perf_counter()
        self.send_all()
        if call.error is None:
            self._hear(call.stretch)
        if call.error is None and promise.value is _NOTHING:
            self._arrived(self._get(call.refs[promise.number], call.stretch))
        self.busy_s += perf_counter() - begin
        if call.error is not None:
            raise heard(call.error)

    # Sending

    def send_all(self) -> None:
        """Let Ray run what was gathered."""
        for stretch in [*self._open.values()]:
            self._send(stretch)

    def _stretch(self, chain: object, most: int) -> Stretch:
        if (stretch := self._open.get(chain)) and len(stretch.calls) >= most:
            self._send(stretch)
        return self._open.setdefault(chain, Stretch(chain))

    def _submit(self, kernel: Kernel, args: tuple[Any, ...], stretch: Stretch, about: object, outline: Any) -> Any:
        call = Call(self, stretch, kernel, about)
        call.threads = threads_of(kernel, args, self.threads)
        self._calls[call.number] = call
        self._abouts[call.number] = about
        self._pending += 1
        promise = call.promise(outline)
        try:
            self._send_before(stretch, args)
            call.args = self._sent((kernel, *args), call)
            stretch.calls.append(call)
        except Exception as error:
            self._fail(call, Failure(call.number, error))
        return promise

    def _send_before(self, stretch: Stretch, args: tuple[Any, ...]) -> None:
        """Send other stretches of which something is needed."""
        awaited: dict[Stretch, set[At]] = {}
        for promise in promises_in(args):
            call = promise.source
            assert isinstance(call, Call)
            if call.stretch is not stretch and not call.stretch.sent:
                awaited.setdefault(call.stretch, set()).add(At(call.number, promise.number))
        for other, places in awaited.items():
            self._send(other, places)

    def _sent(self, value: Any, call: Call) -> Any:
        """A value as a task gets it; the call is told what must go with it."""
        kind = type(value)
        if kind in _PLAIN or kind.__module__ == "numpy":
            return value
        if kind is Promise:
            place, source = At(value.source.number, value.number), value.source
            if source.error is not None:
                self._errors[source.origin] = source.error
                return Failure(source.origin, Failed())
            call.uses.add(place)
            if source.stretch is not call.stretch:
                call.given.add(source.refs[value.number])
            return place
        if isinstance(value, torch.Tensor) or (
            isinstance(value, tuple) and value and all(isinstance(each, torch.Tensor) for each in value)
        ):
            return self._share(value, call)
        if issubclass(kind, tuple):
            items = [self._sent(each, call) for each in value]
            return kind(*items) if hasattr(kind, "_fields") else kind(items)
        if kind is list:
            return [self._sent(each, call) for each in value]
        if kind is dict:
            return {key: self._sent(each, call) for key, each in value.items()}
        return self._known_as(value, call)

    def _share(self, value: Any, call: Call) -> Any:
        """A tensor of this process, or a tuple of them, as an object, unless it is small; it keeps its id by that."""
        if sum(each.nbytes for each in (value if isinstance(value, tuple) else (value,))) <= SMALL_BYTES:
            return value
        if id(value) not in self._shared:
            place = At(next(self.numbers), 0)
            self._shared[id(value)] = value, place, self._ray.put(Parcel({place: value}))
        _, place, ref = self._shared[id(value)]
        call.uses.add(place)
        call.given.add(ref)
        return place

    def _known_as(self, value: Any, call: Call) -> Any:
        try:
            knowledge = self._known.get(value)
        except TypeError:  # it has no hash
            return value
        if knowledge is None:
            tensors: dict[int, Any] = {}
            content = packed(value, lambda tensor: self._last(tensor, tensors))
            knowledge = self._known[value] = Knowledge(next(self.numbers), content, tensors)
            if isinstance(value, Kernel):
                self._kernels[knowledge.number] = value
        call.knowledge[knowledge.number] = knowledge
        return Known(knowledge.number)

    def _last(self, tensor: Tensor, tensors: dict[int, Any]) -> Block:
        """A tensor of many calls, as data sets are, as an object that is there as long as the executor."""
        if id(tensor) not in self._lasting:
            self._lasting[id(tensor)] = tensor, next(self.numbers), self._ray.put(Parcel(tensor))
        _, number, tensors[number] = self._lasting[id(tensor)]
        return Block(number, (0, 0), 0, tensor.dtype, 0, (), ())

    def _send(self, stretch: Stretch, awaited: Set[At] = frozenset()) -> None:
        """Let Ray run what of a stretch somebody wants."""
        del self._open[stretch.chain]
        calls, stretch.calls, stretch.sent = stretch.calls, [], True
        steps: list[Step] = []
        kept: list[tuple[Call, dict[int, int]]] = []
        used: defaultdict[int, set[At]] = defaultdict(set)
        for call in reversed(calls):
            out = {place.leaf: HERE for place in used[call.number]}
            for leaf, promise in call.wanted():
                out[leaf] = REPORT if _is_small(promise) else AWAITED if At(call.number, leaf) in awaited else REST
            if out:
                last = tuple(place for place in call.uses if place not in used[place.number])
                for place in last:
                    used[place.number].add(place)
                kernel, *args = call.args
                steps.append(Step(call.number, kernel, tuple(args), call.template, call.threads, out, last))
                kept.append((call, out))
        if kept:
            first, _ = kept[-1]
            stretch.what = first.about or first.kernel.name
            self._run(stretch, steps[::-1], kept[::-1])

    def _run(self, stretch: Stretch, steps: Sequence[Step], kept: Sequence[tuple[Call, dict[int, int]]]) -> None:
        objects = sorted({REPORT, *(where for _, out in kept for where in out.values())} - {HERE})
        knowledge = {number: each for call, _ in kept for number, each in call.knowledge.items()}
        given = {ref: None for call, _ in kept for ref in call.given}
        try:
            refs = self._tasks[len(objects)].remote(self._whose, Parcel(steps), [*knowledge.values()], *given)
        except Exception as error:  # something among the arguments cannot be sent
            for call, _ in kept:
                self._fail(call, Failure(call.number, error))
            return
        by_object = dict(zip(objects, refs if len(objects) > 1 else [refs], strict=True))
        for call, out in kept:
            call.refs = {leaf: by_object[where] for leaf, where in out.items() if where != HERE}
            call.args, call.uses, call.given, call.knowledge = (), set(), set(), {}
        stretch.report = by_object[REPORT]
        self._unheard[stretch.report] = stretch

    # Listening

    def _hear(self, stretch: Stretch) -> None:
        """Take what a stretch reports, and wait for it."""
        if stretch.report not in self._unheard:
            return
        report: Report = self._get(stretch.report, stretch)
        del self._unheard[stretch.report]
        self._arrived(report.values)
        for number, (calls, seconds) in report.spent.items():
            kernel = self._kernels[number]
            self.enter(kernel.name, calls, seconds, calls * kernel.trains)
        self.compiled = self.compiled.and_also(report.compiled)
        self.peaks[report.process] = report.peak_bytes
        for number, failure in report.failures.items():
            if call := self._calls.get(number):
                self._fail(call, failure)

    def _arrived(self, values: Mapping[At, Any]) -> None:
        for (number, leaf), value in values.items():
            call = self._calls.get(number)
            promise = None if call is None else call.leaves[leaf]()
            if promise is not None and promise.value is _NOTHING and not isinstance(value, Failure):
                promise.value = _own(value)

    def _get(self, ref: Any, stretch: Stretch) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(ref)
        except errors.RayTaskError as error:
            why = f"a worker of Ray could not run it: {type(error.cause).__name__}: {error.cause}"
        except errors.RayError as error:
            why = f"its worker or what it made was lost: {type(error).__name__}; tries: {TRIES}"
        raise Failed(f"{stretch.what}: {why}")

    def _fail(self, call: Call, failure: Failure) -> None:
        """Nothing comes of a call, for what one failed with."""
        origin, error = failure
        if origin not in self._errors:
            self._errors[origin] = failed(self._abouts.get(origin), error)
        call.origin, call.error = origin, self._errors[origin]
        self._failed.append(ref(call))


def _is_small(promise: Promise) -> bool:
    return promise.dtype is not None and promise.numel() * promise.dtype.itemsize <= SMALL_BYTES


def _own(value: Any) -> Any:
    """The same, tensors in tuples, lists and dicts copied out of Ray's memory."""
    if isinstance(value, torch.Tensor):
        return own(value)
    if isinstance(value, tuple | list):
        items = [_own(each) for each in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {key: _own(each) for key, each in value.items()}
    return value


def _stop(ray: Any, unheard: dict[Any, Stretch], begun: bool) -> None:
    if ray.is_initialized():
        for report in unheard:
            ray.cancel(report)
        if begun:
            ray.shutdown()
