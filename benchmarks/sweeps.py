"""Throughput of sweeps against bare parallel Python processes that do the same runs.

    python benchmarks/sweeps.py [--workers 1 2 4] [--runs 24] [--rounds 40] [--repeats 3] [--ray]

A bare process imports once and calls ``api.simulate`` on its share of the points, one after another. The engines run
the same points, claimed and looked up. Bare processes are timed from when they have imported, sweeps from when the fork
server has, Ray with its start and end; all to the end of the last run, in turn, ``--repeats`` times. In brackets stands
the efficiency, the ratio of median throughputs to the bare processes'. What else the machine does decides what the
figures are worth, so its load is said.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from wirelessfsl.api import simulate
from wirelessfsl.forking import PRELOADED
from wirelessfsl.studies.cluster import cluster
from wirelessfsl.studies.local import local
from wirelessfsl.studies.points import Point
from wirelessfsl.studies.study import load_study
from wirelessfsl.studies.work import Ending

QUICK = Path(__file__).parents[1] / "scenarios" / "quickstart.yaml"


def main() -> None:
    """Print a line for each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ray", action="store_true", help="and a local Ray")
    args = parser.parse_args()
    engines: dict[str, Callable[[Sequence[Point], int], float]] = {"bare": bare, "sweep": swept}
    if args.ray:
        engines["ray"] = by_ray
    print(f"{args.runs} runs of {args.rounds} rounds, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for workers in args.workers:
        times: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(args.repeats):
            for name, engine in engines.items():
                with TemporaryDirectory() as folder:
                    times[name].append(engine(points(Path(folder), args.runs, args.rounds), workers))
        rate = {name: args.runs / median(each) for name, each in times.items()}
        told = ", ".join(f"{name} {rate[name]:.2f} runs/s ({rate[name] / rate['bare']:.2f})" for name in engines)
        print(f"{workers} workers: {told}; load {os.getloadavg()[0]:.1f}", flush=True)


def points(folder: Path, runs: int, rounds: int) -> tuple[Point, ...]:
    """As many seeds of the quickstart."""
    file = folder / "study.yaml"
    file.write_text(f"base: {QUICK}\nset: {{algorithm.rounds: {rounds}}}\naxes: {{seeds: {runs}}}")
    return load_study(file, folder).points


def bare(every: Sequence[Point], workers: int) -> float:
    """Seconds of processes that loop over their share."""
    context = get_context("spawn")
    ready = context.Barrier(workers + 1)
    crew = [context.Process(target=_loop, args=(every[i::workers], ready)) for i in range(workers)]
    for each in crew:
        each.start()
    ready.wait()
    begin = perf_counter()
    for each in crew:
        each.join()
    return perf_counter() - begin


def _loop(share: Sequence[Point], ready: Any) -> None:
    for module in PRELOADED:
        import_module(module)
    ready.wait()
    for point in share:
        simulate(point.scenario, point.path)


def swept(every: Sequence[Point], workers: int) -> float:
    """Seconds of the local engine, whose server has forked a worker before."""
    with TemporaryDirectory() as folder:
        _seconds(local(points(Path(folder), 1, 1), jobs=1, retries=0))
    return _seconds(local(every, jobs=workers, retries=0))


def by_ray(every: Sequence[Point], workers: int) -> float:
    """Seconds of a local Ray, its start and end among them."""
    return _seconds(cluster(every, jobs=workers, retries=0))


def _seconds(running: Iterator[tuple[Point, Ending]]) -> float:
    begin = perf_counter()
    for point, ending in running:
        assert ending.state == "done", f"{point.name}: {ending.error}"
    return perf_counter() - begin


if __name__ == "__main__":
    main()
