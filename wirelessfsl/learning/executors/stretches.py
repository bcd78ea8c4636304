"""A stretch: kernels of one chain that follow each other, run as one task of Ray, which costs more than a small kernel.

What only the stretch itself needs stays in it. The rest comes out as up to three objects: a report with all that is
small, what somebody waits for, and what else lives on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from socket import gethostname
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from wirelessfsl.lazy import torch
from wirelessfsl.learning.compiling import Compiled, told
from wirelessfsl.learning.executors.parcels import Parcel
from wirelessfsl.learning.executors.promises import Template, taken_apart
from wirelessfsl.learning.executors.segments import Block, unpacked
from wirelessfsl.learning.executors.worker import portable
from wirelessfsl.learning.host import keep_freed_memory, peak_rss_bytes
from wirelessfsl.rays import library

if TYPE_CHECKING:
    from torch import Tensor

ASKED = "--executor ray"
HERE, REPORT, AWAITED, REST = range(-1, 3)
"""Where a value goes: on in the stretch alone, or out in one of the objects too."""


class At(NamedTuple):
    """In arguments: a value that a kernel made, or that the executor put under a number."""

    number: int
    leaf: int


class Known(NamedTuple):
    """In arguments: something that many kernels take, as :class:`Knowledge`."""

    number: int


class Knowledge(NamedTuple):
    """Something that a worker unpacks once: content, and by number the tensors in it, objects that workers share."""

    number: int
    content: bytes
    tensors: dict[int, Any]


class Failure(NamedTuple):
    """In place of a value: the kernel that failed, and how."""

    number: int
    error: Exception


class Step(NamedTuple):
    """A kernel of a stretch.

    out: where each leaf of the result goes that is wanted. last: values that no later kernel takes.
    """

    number: int
    kernel: Known
    args: tuple[Any, ...]
    template: Template
    threads: int
    out: dict[int, int]
    last: tuple[At, ...]


class Report(NamedTuple):
    """What came of a stretch: small values, what failed by number, calls and seconds by kernel, what was compiled for
    them, and the host and number of the process with its peak memory in bytes."""

    values: dict[At, Any]
    failures: dict[int, Failure]
    spent: dict[int, tuple[int, float]]
    compiled: Compiled
    process: tuple[str, int]
    peak_bytes: int


class _Mind:
    """What this process knows of the executor that it works for."""

    def __init__(self, whose: str) -> None:
        self.whose = whose
        self.known: dict[int, Any] = {}
        self.tensors: dict[int, _Shared] = {}

    def learn(self, knowledge: Knowledge) -> None:
        if knowledge.number not in self.known:
            for number in knowledge.tensors.keys() - self.tensors.keys():
                self.tensors[number] = _Shared(library(ASKED).get(knowledge.tensors[number]))
            self.known[knowledge.number] = unpacked(knowledge.content, self.tensors, lasting=True)

    def resolved(self, value: Any, values: Mapping[At, Any]) -> Any:
        """Arguments with values in the places of what stands for them. Raises what their kernels failed with."""
        kind = type(value)
        if kind is At:
            found = values[value]
            return self.resolved(found, values) if type(found) is Failure else found
        if kind is Failure:
            raise _FailedBefore(value)
        if kind is Known:
            return self.known[value.number]
        if kind is tuple or hasattr(kind, "_fields"):
            items = [self.resolved(each, values) for each in value]
            return tuple(items) if kind is tuple else kind(*items)
        if kind is dict:
            return {key: self.resolved(each, values) for key, each in value.items()}
        return [self.resolved(each, values) for each in value] if kind is list else value

    def leaves(self, step: Step, values: Mapping[At, Any]) -> list[Any]:
        """A kernel's result. Raises _FailedBefore, with what it or one before it failed with."""
        try:
            args = self.resolved(step.args, values)
            if step.threads > 1:
                torch.set_num_threads(step.threads)
            return taken_apart(self.known[step.kernel.number].run(*args), step.template, [])
        except _FailedBefore:
            raise
        except Exception as error:
            raise _FailedBefore(Failure(step.number, portable(error))) from error
        finally:
            torch.set_num_threads(1)


class _Shared:
    """A tensor that lies where other processes read it, too."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def view(self, block: Block) -> Tensor:
        return self.tensor


class _FailedBefore(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


_minds = lru_cache(maxsize=1)(_Mind)


def run(whose: str, steps: Sequence[Step], knowledge: Sequence[Knowledge], *given: Report | dict[At, Any]) -> Any:
    """Run a stretch.

    whose: the executor that sent it, whose numbers it has. given: what was made before.

    Returns the report and behind it the other objects, if anything comes out in them.
    """
    _set_up()
    mind = _minds(whose)
    for each in knowledge:
        mind.learn(each)
    values: dict[At, Any] = {}
    for own in given:
        values |= own.values if isinstance(own, Report) else own
    out: tuple[dict[At, Any], ...] = {}, {}, {}
    report = Report(out[REPORT], {}, {}, Compiled(), (gethostname(), os.getpid()), 0)
    for step in steps:
        begin = perf_counter()
        try:
            with torch.inference_mode():
                leaves = mind.leaves(step, values)
            calls, seconds = report.spent.get(step.kernel.number, (0, 0.0))
            report.spent[step.kernel.number] = calls + 1, seconds + perf_counter() - begin
        except _FailedBefore as failed:
            report.failures[step.number] = failed.failure
            leaves = [failed.failure] * (1 + max(step.out))
        for place in step.last:
            values.pop(place)
        for leaf, where in step.out.items():
            values[At(step.number, leaf)] = leaves[leaf]
            if where != HERE:
                out[where][At(step.number, leaf)] = leaves[leaf]
    report = report._replace(compiled=told() or Compiled(), peak_bytes=peak_rss_bytes())
    parcels = [Parcel(each) for each in (report, *filter(None, out[AWAITED:]))]
    return parcels if len(parcels) > 1 else parcels[0]


@cache
def _set_up() -> None:
    keep_freed_memory()
    torch.set_num_threads(1)
