"""Ray on one machine beside worker processes: what a kernel and a task cost, when that pays, and whole rounds.

Kernels that do nothing: a chain of them, which Ray runs as few tasks, and one each of as many chains, which are tasks
of their own. Kernels that are busy for so many milliseconds, one a chain: kernels per second against those of the
sequential executor. SplitFed V1: client-steps per second. In turn, in one run; medians, and medians of the ratios
within a turn, with their range.

    python benchmarks/cluster.py [--models lenet resnet18] [--clients 10 50] [--steps 10] [--busy 0.1 1 10 100]
        [--repeats 3] [--workers 4]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import torch
from side_by_side import SPIN, Loop, in_turn, ratio
from split_training import BATCH, SHAPES, dataset, simulated, splitfed

from wirelessfsl.learning.executors.cluster import Ray
from wirelessfsl.learning.executors.contract import Executor
from wirelessfsl.learning.executors.processes import Processes
from wirelessfsl.learning.executors.sequential import Sequential

START = torch.zeros(1)


def one_chain(executor: Executor, kernels: int, busy_s: float) -> float:
    """Kernels per second of a chain, each on what the one before returned."""
    begin, x = perf_counter(), START
    for _ in range(kernels):
        x = executor.submit(SPIN, x, busy_s, chain="one").result()
    executor.settle()
    assert float(x) == kernels
    return kernels / (perf_counter() - begin)


def many_chains(executor: Executor, kernels: int, busy_s: float) -> float:
    """Kernels per second of as many chains as kernels."""
    begin = perf_counter()
    kept = [executor.submit(SPIN, START, busy_s, chain=str(number)).result() for number in range(kernels)]
    executor.settle()
    assert sum(map(float, kept)) == kernels
    return kernels / (perf_counter() - begin)


def trained(executor: Executor, model: str, data: Any, clients: int, steps: int) -> float:
    """Client-steps per second of a round of SplitFed V1."""
    run = simulated(model, data, clients, splitfed(steps), executor)
    return run.client_steps / run.wall_s


def table(title: str, executors: dict[str, Executor], work: Callable[[Executor], float], repeats: int) -> None:
    loops: dict[str, Loop] = {name: partial(work, each) for name, each in executors.items()}
    in_turn(loops, 1)
    speeds = in_turn(loops, repeats)
    for name, speed in speeds.items():
        to = [ratio(speed, speeds[other]) for other in ("sequential", "processes")]
        cells = [title, name, f"{median(speed):.1f}", f"{1e3 / median(speed):.3f}", *to]
        print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", choices=SHAPES, nargs="*", default=["lenet", "resnet18"])
    parser.add_argument("--clients", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--busy", type=float, nargs="*", default=[0.1, 1.0, 10.0, 100.0], metavar="MS")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=4)
    args = parser.parse_args()
    torch.set_num_threads(1)
    executors = {
        "sequential": Sequential(),
        "processes": Processes(args.workers),
        "ray": Ray(workers=args.workers),
    }
    print(f"{args.workers} workers, batch {BATCH}, {args.steps} local steps, median of {args.repeats} in turn\n")
    print("| work | executor | a second | ms each | to sequential | to processes |")
    print("|---|---|---|---|---|---|")
    table("nothing, 2000 in a chain", executors, partial(one_chain, kernels=2000, busy_s=0.0), args.repeats)
    table("nothing, 500 chains", executors, partial(many_chains, kernels=500, busy_s=0.0), args.repeats)
    for busy in args.busy:
        many = max(4 * args.workers, min(500, round(2000 / busy)))
        work = partial(many_chains, kernels=many, busy_s=busy / 1e3)
        table(f"{busy:g} ms, {many} chains", executors, work, args.repeats)
    for model in args.models:
        for clients in args.clients:
            data = dataset(SHAPES[model], clients)
            work = partial(trained, model=model, data=data, clients=clients, steps=args.steps)
            table(f"{model}, {clients} clients", executors, work, args.repeats)
    for each in executors.values():
        each.close()


if __name__ == "__main__":
    main()
