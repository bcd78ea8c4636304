"""Host speed of the executors: the simulation on one core and on several, against bare PyTorch loops.

SplitFed V1: on one core, and with worker processes, against the bare loop on one torch thread, on as many torch threads
as there are workers, and as so many forked copies with their share of the clients each, which is what the cores can do.
Schemes whose server takes all clients at once: with as many torch threads for it, in this process and with worker
processes, against their bare loop on one. In turn, in one run; medians of client-steps per second, and of the ratios
within a turn, with their range.

    python benchmarks/executors.py [--models lenet resnet18] [--clients 10 50 100] [--steps N] [--repeats 3]
        [--cores 4]
"""

from __future__ import annotations

import argparse
from functools import cache, partial
from statistics import median

import torch
from schemes import LOOPS, algorithm
from side_by_side import Loop, forked, in_turn, ratio
from split_training import BATCH, SHAPES, STEPS, bare, dataset, simulated, splitfed

from wirelessfsl.learning.data import Dataset
from wirelessfsl.learning.executors.contract import Executor
from wirelessfsl.learning.executors.processes import Processes
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.scenario import Algorithm


@cache
def executor(name: str, workers: int) -> Executor:
    """An executor by its name; one for all runs, so that its workers start and trace their kernels once."""
    return Processes(workers) if name == "processes" else Sequential()


def ours(
    model: str,
    data: Dataset,
    clients: int,
    scheme: Algorithm,
    name: str = "sequential",
    workers: int = 1,
    threads: int = 1,
) -> float:
    """Client-steps per second of a simulated round of a scheme, with so many torch threads for who is waited for."""
    run = simulated(model, data, clients, scheme, executor(name, workers), threads)
    return run.client_steps / run.wall_s


def plain(model: str, data: Dataset, clients: int, kind: str, steps: int, threads: int = 1) -> float:
    """Client-steps per second of the bare loop of a scheme."""
    torch.set_num_threads(threads)
    return bare(model, data, clients, steps, *LOOPS[kind])


def client_by_client(model: str, clients: int, steps: int, cores: int) -> dict[str, Loop]:
    """Everything that trains SplitFed V1."""
    work = (model, dataset(SHAPES[model], clients), clients)
    scheme = splitfed(steps)
    few = max(1, clients // cores)
    return {
        "bare, 1 thread": partial(plain, *work, "splitfed_v1", steps),
        f"bare, {cores} threads": partial(plain, *work, "splitfed_v1", steps, cores),
        f"bare, {cores} copies": partial(forked, cores, partial(bare, model, dataset(SHAPES[model], few), few, steps)),
        "sequential": partial(ours, *work, scheme),
        "processes": partial(ours, *work, scheme, "processes", cores),
    }


def all_at_once(model: str, clients: int, kind: str, steps: int, cores: int) -> dict[str, Loop]:
    """A scheme whose server takes all clients at once, and its bare loop."""
    work, scheme = (model, dataset(SHAPES[model], clients), clients), algorithm(kind, clients, steps)
    return {
        "bare, 1 thread": partial(plain, *work, kind, steps),
        f"{kind}, {cores} threads": partial(ours, *work, scheme, threads=cores),
        f"{kind}, {cores} workers, {cores} threads": partial(ours, *work, scheme, "processes", cores, cores),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", choices=SHAPES, nargs="+", default=["lenet", "resnet18"])
    parser.add_argument("--clients", type=int, nargs="+", default=[10, 50, 100])
    parser.add_argument("--steps", type=int, help="by default as many as take some seconds for 50 clients")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cores", type=int, default=4)
    args = parser.parse_args()
    for model in args.models:
        steps = args.steps or STEPS[model]
        print(f"\n{model}, batch {BATCH}, {steps} local steps, median of {args.repeats} in turn\n")
        print("| clients | run | client-steps/s | to the bare loop | to it on all threads | to its copies |")
        print("|---|---|---|---|---|---|")
        for clients in args.clients:
            for make in (client_by_client, partial(all_at_once, kind="parallel_sl"), partial(all_at_once, kind="mtsl")):
                in_turn(make(model, clients, steps=1, cores=args.cores), 1)
                speeds = in_turn(make(model, clients, steps=steps, cores=args.cores), args.repeats)
                loops = [speed for name, speed in speeds.items() if name.startswith("bare")]
                for name, speed in speeds.items():
                    ratios = [ratio(speed, loop) for loop in loops[: 1 if name.startswith("bare") else None]]
                    cells = [clients, name, f"{median(speed):.1f}", *(*ratios, "", "")[:3]]
                    print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
