"""Host speed of split training: the whole simulation against a bare imperative PyTorch loop that does the same work.

Both train N clients for some local steps on batches of 32, one client after another, with a server replica each, and
average both halves at the end of the round. The bare loop has no clock, no network, no payloads and no log. Both run in
this process, in turn, on one torch thread; the medians are compared.

    python benchmarks/split_training.py [--model lenet|resnet8|resnet18] [--clients 10 50 100] [--repeats 5] [--profile]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Literal, TypeAlias

import torch
from torch import nn

from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.learning.data import ClientData, Dataset
from wirelessfsl.learning.executors.contract import Executor
from wirelessfsl.learning.models import MODELS
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.partition import Iid
from wirelessfsl.results.store import RunWriter
from wirelessfsl.scenario import Algorithm, Data, EvaluationSettings, Host, Model, Scenario
from wirelessfsl.simulation import Outcome, play

Half: TypeAlias = tuple[nn.Module, torch.optim.Optimizer]
Server: TypeAlias = Literal["each", "one", "joint", "centre", "none"]

BATCH, LR = 32, 0.05
SHAPES = {"lenet": (1, 28, 28), "resnet8": (3, 32, 32), "resnet18": (3, 32, 32)}
AT_CLIENT = {"lenet": 1, "resnet8": 1, "resnet18": 5}
"""Blocks of the client's half: the first convolution and what belongs to it, of resnet18 also layer1."""
STEPS = {"lenet": 10, "resnet8": 5, "resnet18": 2}
"""Local steps that take some seconds for 50 clients."""


def dataset(shape: tuple[int, ...], clients: int) -> Dataset:
    count = 320 * clients
    torch.manual_seed(0)
    x, y = torch.randn(count, *shape), torch.randint(10, (count,))
    return Dataset(x, y, x[:10], y[:10], classes=10)


def simulated(
    model: str,
    data: Dataset,
    clients: int,
    algorithm: Algorithm,
    executor: Executor | None = None,
    threads: int = 1,
) -> Outcome:
    """One run of a scheme on an otherwise default scenario, without evaluation in between."""
    last = [*dict(MODELS[model](data.shape, 10).named_children())][AT_CLIENT[model] - 1]
    scenario = Scenario(
        data=Data(name="blobs", clients=clients, partition=Iid()),
        model=Model(name=model, cuts=(last,) if algorithm.cuts == 1 else None),
        algorithm=algorithm,
        evaluation=EvaluationSettings(every_rounds=1000),
        host=Host(torch_threads=threads),
    )
    with tempfile.TemporaryDirectory() as folder:
        log = RunWriter(Path(folder))
        outcome = play(scenario, log, executor, dataset=data)
        log.close()
    return outcome


class Mean:
    """The weights of a module that every client begins with, and the mean of what the clients make of them."""

    def __init__(self, module: nn.Module) -> None:
        self.weights = module.state_dict()
        self.first = {name: weight.clone() for name, weight in self.weights.items()}
        self.total = {name: torch.zeros_like(weight, dtype=torch.float32) for name, weight in self.weights.items()}

    def begin(self) -> None:
        for name, weight in self.weights.items():
            weight.copy_(self.first[name])

    def add(self) -> None:
        for name, weight in self.weights.items():
            self.total[name] += weight

    def end(self, clients: int) -> None:
        for name, weight in self.weights.items():
            weight.copy_(self.total[name] / clients)


def bare(
    model: str, data: Dataset, clients: int, steps: int, server: Server = "each", averaged: Sequence[int] = (0, 1)
) -> float:
    """Client-steps per second of the plain loop.

    server: a replica of its half for every client; one that steps for every batch; one that takes the batches of all
        clients at once; a replica of the centre, between a frozen front and a back at the client; or none, and whole
        models at the clients. averaged: halves (of what is trained) whose mean is taken at the end. Where clients come
        one after the other, one module does for all of them, and its mean is summed as they go.
    """

    def half(blocks: list[nn.Module]) -> Half:
        chain = nn.Sequential(*deepcopy(blocks))
        return chain, torch.optim.SGD(chain.parameters(), lr=LR)

    def halves(side: int, blocks: list[nn.Module]) -> list[Half]:
        alone = (side in averaged and server != "joint") or (side == 1 and server in ("one", "joint"))
        return [half(blocks)] * clients if alone else [half(blocks) for _ in range(clients)]

    blocks, cut = [*MODELS[model](data.shape, 10).children()], AT_CLIENT[model]
    front = nn.Sequential()
    if server == "centre":
        front, blocks, cut = nn.Sequential(blocks[0]), blocks[1:], 1
    bottoms, tops = halves(0, blocks if server == "none" else blocks[:cut]), halves(1, blocks[cut:])
    own = [ClientData(x, y, f"client-{k}", 1) for k, (x, y) in enumerate(zip(*_dealt(data, clients), strict=True))]
    begin = perf_counter()
    if server == "joint":
        for step in range(steps):
            _joint_step(bottoms, tops[0], [each.batch(step, BATCH) for each in own])
        if averaged:
            _average([module.state_dict() for module, _ in bottoms])
    else:
        means = [Mean((bottoms, tops)[side][0][0]) for side in averaged]
        for bottom, top, each in zip(bottoms, tops, own, strict=True):
            for mean in means:
                mean.begin()
            for step in range(steps):
                x, y = each.batch(step, BATCH)
                with torch.no_grad():
                    x = front(x)
                _whole_step(bottom, x, y) if server == "none" else _step(bottom, top, x, y)
            for mean in means:
                mean.add()
        for mean in means:
            mean.end(clients)
    return clients * steps / (perf_counter() - begin)


def _average(states: list[dict[str, torch.Tensor]]) -> None:
    for weights in zip(*(state.values() for state in states), strict=True):
        mean = torch.stack([weight.float() for weight in weights]).mean(0)
        for weight in weights:
            weight.copy_(mean)


def _step(client: Half, server: Half, x: torch.Tensor, y: torch.Tensor) -> None:
    """One batch through both halves."""
    smashed = client[0](x)
    received = smashed.detach().requires_grad_()
    loss = nn.functional.cross_entropy(server[0](received), y)
    server[1].zero_grad()
    loss.backward()
    server[1].step()
    client[1].zero_grad()
    smashed.backward(received.grad)
    client[1].step()
    loss.item()


def _joint_step(clients: list[Half], server: Half, batches: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """One batch of every client, all of them at once at the server, which steps with the mean gradient."""
    smashed = [client[0](x) for client, (x, _) in zip(clients, batches, strict=True)]
    received = torch.cat([each.detach() for each in smashed]).requires_grad_()
    loss = nn.functional.cross_entropy(server[0](received), torch.cat([y for _, y in batches]))
    server[1].zero_grad()
    loss.backward()
    server[1].step()
    gradients = torch.split(received.grad * len(clients), BATCH)
    for (_, sgd), each, gradient in zip(clients, smashed, gradients, strict=True):
        sgd.zero_grad()
        each.backward(gradient)
        sgd.step()
    loss.item()


def _whole_step(half: Half, x: torch.Tensor, y: torch.Tensor) -> None:
    """One batch through a model that is not split."""
    loss = nn.functional.cross_entropy(half[0](x), y)
    half[1].zero_grad()
    loss.backward()
    half[1].step()
    loss.item()


def _dealt(data: Dataset, clients: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    return list(data.inputs.chunk(clients)), list(data.labels.chunk(clients))


def splitfed(steps: int) -> SplitFedV1:
    """The scheme that both do."""
    return SplitFedV1(rounds=1, local_steps=steps, batch_size=BATCH, optimizer=SGD(lr=LR))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=SHAPES, default="lenet")
    parser.add_argument("--clients", type=int, nargs="+", default=[10, 50, 100])
    parser.add_argument("--steps", type=int, help="by default as many as take some seconds for 50 clients")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="print where the host time of one simulation goes")
    args = parser.parse_args()
    torch.set_num_threads(1)
    steps = args.steps or STEPS[args.model]
    print(f"{args.model}, batch {BATCH}, {steps} local steps, one torch thread, median of {args.repeats} in turn")
    print("clients  simulated/s  bare/s  ratio  overhead_fraction")
    for clients in args.clients:
        data = dataset(SHAPES[args.model], clients)
        simulated(args.model, data, clients, splitfed(1))
        bare(args.model, data, clients, 1)
        if args.profile:
            _profile(args.model, data, clients, steps)
        runs, loops = [], []
        for _ in range(args.repeats):
            runs.append(simulated(args.model, data, clients, splitfed(steps)))
            loops.append(bare(args.model, data, clients, steps))
        speed = [run.client_steps / run.wall_s for run in runs]
        ratio = median(a / b for a, b in zip(speed, loops, strict=True))
        overhead = median(run.overhead_fraction for run in runs)
        print(f"{clients:7d}  {median(speed):11.0f}  {median(loops):6.0f}  {ratio:5.3f}  {overhead:.3f}")


def _profile(model: str, data: Dataset, clients: int, steps: int) -> None:
    import cProfile
    import pstats

    with cProfile.Profile() as profile:
        simulated(model, data, clients, splitfed(steps))
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()
