"""Where a run's host time went: kernels by name, codecs, batches, evaluation, log, and the engine, the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from wirelessfsl.learning.executors.contract import Executor
from wirelessfsl.records import Event, Log, Metric
from wirelessfsl.simulation import Piece

_AROUND = {"encode": "encoding", "decode": "decoding", "batch": "batches"}
"""What is computed that is not training, and how it is called."""


class Timed:
    """A log that knows how long it took to write to it (s)."""

    def __init__(self, log: Log) -> None:
        self._log, self.seconds = log, 0.0

    def event(self, event: Event) -> None:
        begin = perf_counter()
        self._log.event(event)
        self.seconds += perf_counter() - begin

    def metric(self, metric: Metric) -> None:
        begin = perf_counter()
        self._log.metric(metric)
        self.seconds += perf_counter() - begin

    def flush(self) -> None:
        begin = perf_counter()
        self._log.flush()
        self.seconds += perf_counter() - begin


class Profile:
    """What an executor and a log are asked for a run, from before its beginning."""

    def __init__(self, executor: Executor, log: Log) -> None:
        self.executor, self.log = executor, Timed(log)
        self._spent, self._widths = dict(executor.spent), Counter(executor.widths)

    def of(self, piece: Piece) -> dict[str, Any]:
        """Seconds of the host by what they were for, in a run or in what this process has played of it.

        Kernels, codecs and batches of worker processes add up to more than the wall clock, of which ``waiting_s`` is
        this process's wait for them. ``engine_s`` is what is left: events, rates, queues, promises.
        """
        spent = {}
        for name, (calls, seconds) in self.executor.spent.items():
            before, before_s = self._spent.get(name, (0, 0.0))
            if calls > before:
                spent[name] = {"calls": calls - before, "seconds": seconds - before_s}
        names = sorted(spent, key=lambda name: -spent[name]["seconds"])
        computing_s = piece.busy_s if self.executor.remote else sum(each["seconds"] for each in spent.values())
        return {
            "after_round": piece.after_round,
            "from_s": piece.from_s,
            "wall_s": piece.wall_s,
            "kernels": {name: spent[name] for name in names if name not in _AROUND},
            **{called: spent[name] for name, called in _AROUND.items() if name in spent},
            **({"waiting_s": piece.busy_s} if self.executor.remote else {}),
            "evaluation_s": piece.evaluation_s,
            "log_s": self.log.seconds,
            "engine_s": max(0.0, piece.wall_s - computing_s - piece.evaluation_s - self.log.seconds),
            "batch_widths": {str(n): times for n, times in sorted((self.executor.widths - self._widths).items())},
        }


def said(profile: dict[str, Any]) -> str:
    """A profile in lines for the terminal."""
    resumed = f" after round {profile['after_round']}" if profile["after_round"] else ""
    return "\n".join([f"host time{resumed}", *_lines(profile)])


def _lines(profile: dict[str, Any]) -> Iterator[str]:
    wall_s = profile["wall_s"]

    def line(name: str, seconds: float, calls: int | None = None) -> str:
        each = "" if not calls else f"  {calls:9,d} calls  {seconds / calls * 1e6:10,.0f} us each"
        return f"  {name:22} {seconds:10.3f} s {seconds / wall_s:6.1%}{each}"

    for name, one in profile["kernels"].items():
        yield line(name, one["seconds"], one["calls"])
    for name in _AROUND.values():
        if name in profile:
            yield line(name, profile[name]["seconds"], profile[name]["calls"])
    if "waiting_s" in profile:
        yield line("waiting for workers", profile["waiting_s"])
    for name in ("evaluation", "log", "engine"):
        yield line(name, profile[f"{name}_s"])
    yield line("wall clock", wall_s)
    widths = profile["batch_widths"].items()
    at_once = [f"{times:,d} times {'one' if width == '1' else width} at a time" for width, times in widths]
    where = " in each worker" if "waiting_s" in profile else ""
    yield f"  training kernels ran{where}: {', '.join(at_once) or 'never'}"
