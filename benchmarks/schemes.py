"""Host speed of every scheme: the whole simulation against the bare PyTorch loop of the same scheme.

As split_training.py, whose loops these are: clients with a replica of the server's half each, with one server that
steps for every batch, with one that takes the batches of all clients at once, or with whole models. Both run
in this process, in turn, on one torch thread; the medians are compared. The last column is the simulation against the
loop that goes from client to client with one server: schemes whose server takes all clients at once are to beat it.

    python benchmarks/schemes.py [--model lenet|resnet8|resnet18] [--clients 10] [--repeats 5] [--schemes mtsl ...]
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from statistics import median
from typing import get_args

import torch
from split_training import BATCH, LR, SHAPES, Server, bare, dataset, simulated

from wirelessfsl.learning.optim import SGD
from wirelessfsl.scenario import Algorithm

LOOPS: dict[str, tuple[Server, tuple[int, ...]]] = {
    "splitfed_v1": ("each", (0, 1)),
    "splitfed_v2": ("one", (0,)),
    "splitfed_v3": ("each", (1,)),
    "split_learning": ("one", ()),
    "parallel_sl": ("joint", (0,)),
    "cpsl": ("joint", (0,)),
    "epsl": ("joint", ()),
    "sfl_ga": ("joint", (0,)),
    "async_sl": ("one", (0,)),
    "fedsl": ("each", (0, 1)),
    "fedlite": ("joint", ()),
    "mtsl": ("joint", ()),
    "pfsl": ("centre", (0, 1)),
    "fedavg": ("none", (0,)),
    "fedprox": ("none", (0,)),
    "local_only": ("none", ()),
    "centralised": ("none", ()),
}
"""The loop of each scheme, and the halves that it averages; fedem, with several models a client, has none here."""


def algorithm(kind: str, clients: int, steps: int) -> Algorithm:
    """A scheme with its defaults, for so many batches a client."""
    if kind == "centralised":
        steps *= clients
    scheme = next(each for each in get_args(get_args(Algorithm)[0]) if each.kind == kind)
    names = {field.name for field in fields(scheme)}
    budget = {"rounds": 1, "local_steps": steps} if "local_steps" in names else {"rounds": steps}
    made: Algorithm = scheme(batch_size=BATCH, optimizer=SGD(lr=LR), **budget)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=SHAPES, default="lenet")
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--schemes", choices=LOOPS, nargs="+", default=[*LOOPS])
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = dataset(SHAPES[args.model], args.clients)
    print(
        f"{args.model}, {args.clients} clients, batch {BATCH}, {args.steps} steps, median of {args.repeats} in turn\n"
    )
    print("| scheme | loop | simulated/s | loop/s | ratio | overhead_fraction | ratio to the client-by-client loop |")
    print("|---|---|---|---|---|---|---|")
    for kind in args.schemes:
        server, averaged = LOOPS[kind]
        scheme = algorithm(kind, args.clients, args.steps)
        simulated(args.model, data, args.clients, scheme)
        runs, loops, in_turn = [], [], []
        for _ in range(args.repeats):
            runs.append(simulated(args.model, data, args.clients, scheme))
            loops.append(bare(args.model, data, args.clients, args.steps, server, averaged))
            in_turn.append(bare(args.model, data, args.clients, args.steps, "one", averaged))
        speed = [run.client_steps / run.wall_s for run in runs]
        ratio, to_turns = (median(a / b for a, b in zip(speed, each, strict=True)) for each in (loops, in_turn))
        overhead = median(run.overhead_fraction for run in runs)
        cells = f"{median(speed):.0f} | {median(loops):.0f} | {ratio:.2f} | {overhead:.2f} | {to_turns:.2f}"
        print(f"| {kind} | {server} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
