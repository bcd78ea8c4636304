"""The training loops that others have published for split learning, each in its manner and in words of our own.

What a loop does for every batch is what its repository does: the same copies, optimisers, passes and payloads in the
same order. What takes no core (sleeping threads, sockets) or is no training (evaluation, lines of log) is left out,
which makes a loop quicker than what it follows. Samples, networks, batches and update rule are the same for all. Of the
three repositories one has a licence (TL-System/plato: Apache 2.0); no code of any is here.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain, islice, repeat
from pathlib import Path
from sys import getsizeof
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler

Samples = Dataset[tuple[Tensor, Any]]

MEMORY = Path("/dev/shm")
"""Where files go that a loop writes for every batch, so that no disk slows it down."""


@dataclass(frozen=True)
class Job:
    """What each loop does: one round of so many steps of every client, on batches of its own samples.

    bottom, top: the halves at the beginning; a loop leaves them as they are. clients: the samples of each client.
    steps: batches of each client. rule: makes an optimiser for parameters.
    """

    bottom: nn.Module
    top: nn.Module
    clients: Sequence[Samples]
    steps: int
    batch: int
    rule: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class Trained(NamedTuple):
    """The halves after the round, and the loss of every step in the order in which they were made."""

    bottom: dict[str, Tensor]
    top: dict[str, Tensor]
    losses: list[float]


class Images(Dataset[tuple[Tensor, int]]):
    """Images of whole numbers (n, height, width, channels) that become normalised tensors one by one, when asked for.

    As torchvision's ToTensor and Normalize, which all three apply; decoding, resizing and augmentation are left out.
    """

    def __init__(self, pixels: Tensor, labels: Tensor) -> None:
        self.pixels, self.labels = pixels, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.pixels[index].permute(2, 0, 1).contiguous().to(torch.float32).div(255)
        return image.sub_(0.5).div_(0.25), int(self.labels[index])


def splitfed(job: Job) -> Trained:
    """SplitFed V1 as its authors run it: SFLV1_ResNet_HAM10000.py.

    github.com/chandra2thapa/SplitFed-When-Federated-Learning-Meets-Split-Learning at 45900d8. For every batch the
    server copies the client's replica, makes an optimiser for the copy, steps, and keeps a copy of the copy; for every
    round a client has a loader, a copy of the client's half and an optimiser. Left out: a test of every client after
    its steps, printing, DataParallel.
    """
    replicas, losses, accuracies = [job.top] * len(job.clients), list[float](), list[float]()

    def train_server(k: int, smashed: Tensor, labels: Tensor) -> Tensor:
        net = deepcopy(replicas[k])
        net.train()
        optimizer = job.rule(net.parameters())
        optimizer.zero_grad()
        logits = net(smashed)
        loss = cross_entropy(logits, labels)
        accuracy = (logits.max(1, keepdim=True)[1] == labels.view(-1, 1)).sum().float() * 100 / len(labels)
        loss.backward()
        gradient = smashed.grad.clone().detach()
        optimizer.step()
        losses.append(loss.item())
        accuracies.append(accuracy.item())
        replicas[k] = deepcopy(net)
        return gradient

    uploads = []
    for k, samples in enumerate(job.clients):
        loader = DataLoader(samples, batch_size=job.batch, shuffle=True)
        net = deepcopy(job.bottom)
        net.train()
        optimizer = job.rule(net.parameters())
        for images, labels in _batches(loader, job.steps):
            optimizer.zero_grad()
            smashed = net(images)
            smashed.backward(train_server(k, smashed.clone().detach().requires_grad_(), labels))
            optimizer.step()
        uploads.append(deepcopy(net.state_dict()))
    tops = [deepcopy(net.state_dict()) for net in replicas]
    return Trained(_summed_mean(uploads), _summed_mean(tops), losses)


def _summed_mean(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    total = deepcopy(states[0])
    for name in total:
        for state in states[1:]:
            total[name] += state[name]
        total[name] = total[name] / len(states)
    return total


def slperf(job: Job) -> Trained:
    """SplitFed V2 of SLPerf: SLFrame/core/variants/SplitFed/ (client.py, server.py and their managers).

    github.com/Rainysponge/SLPerf at a14ea08, with core/communication/ and core/dataset/dataset/mnist.py. Clients take
    turns; each batch is a message there and one back, and one of the clients' models goes to the server and its mean to
    everybody. The server keeps the graph in its backward pass, and counts what is right. Left out: the processes, and
    the threads that look for a message every 30 ms (to send) and 10 ms (received), so that a step there takes 30 ms at
    the least, whatever the machine; tests; the lines of log of every batch.
    """
    server = deepcopy(job.top)
    server.train()
    server_rule, losses, correct = job.rule(server.parameters()), list[float](), 0
    uploads, clients = [], []
    for rank, samples in enumerate(job.clients, 1):
        loader = DataLoader(samples, batch_size=job.batch, shuffle=True, drop_last=True)
        client = deepcopy(job.bottom)
        client.train()
        optimizer = job.rule(client.parameters())
        for inputs, labels in _batches(loader, job.steps):
            optimizer.zero_grad()
            smashed = client(inputs)
            acts, answers = _message(rank, 0, acts=(smashed, labels))["acts"]
            server_rule.zero_grad()
            acts.retain_grad()
            logits = server(acts)
            predictions = logits.max(1)[1]
            loss = cross_entropy(logits, answers)
            correct += predictions.eq(answers).sum().item()
            loss.backward(retain_graph=True)
            server_rule.step()
            smashed.backward(_message(0, rank, grads=acts.grad)["grads"])
            optimizer.step()
            losses.append(loss.detach())
        uploads.append(_message(rank, 0, model=client.state_dict(), samples=len(loader)))
        clients.append(client)
    total, mean = sum(each["samples"] for each in uploads), dict[str, Tensor]()
    for name in uploads[0]["model"]:
        for each in uploads:
            share = each["model"][name] * (each["samples"] / total)
            mean[name] = mean[name] + share if name in mean else share
    for rank, client in enumerate(clients, 1):
        client.load_state_dict(_message(0, rank, model=mean)["model"])
    return Trained(mean, server.state_dict(), [float(loss) for loss in losses])


def _message(sender: int, receiver: int, **content: Any) -> dict[str, Any]:
    """What arrives of a message: pickled, as mpi4py sends objects, and its size taken at both ends by printing it."""
    message = {"msg_type": 0, "sender": sender, "receiver": receiver, **content, "receive_priority": 100}
    _printed_size(message)
    arrived: dict[str, Any] = pickle.loads(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))
    _printed_size(arrived)
    return arrived


def _printed_size(message: dict[str, Any]) -> int:
    return sum(getsizeof(v.untyped_storage() if isinstance(v, Tensor) else str(v)) for v in message.values())


def plato(job: Job) -> Trained:
    """Split learning in Plato: plato/{algorithms,clients,servers,trainers}/split_learning.py.

    github.com/TL-System/plato at 60d6779, with servers/base.py, clients/base.py, trainers/basic.py and samplers/iid.py.
    A batch is two rounds of the framework: the client makes a loader for one batch and computes features in evaluation
    mode and without gradients, the server trains on them, saves the gradients to a file, loads its own weights and
    saves a checkpoint; the client deals the data set anew, computes the features again and goes backward. Payloads are
    pickled into files, and once more at either end for their size. Both ends have the whole model. Left out: web
    sockets, tests, lines of log, the table of results, schedules; the new files of every checkpoint (one is
    overwritten, in memory); and the 60,000 samples to be dealt (here those of the job).
    """
    server = nn.Sequential(deepcopy(job.bottom), deepcopy(job.top))
    client, losses = deepcopy(server), list[float]()
    server_rule = job.rule(server.parameters())
    everything = sum(len(samples) for samples in job.clients)  # type: ignore[arg-type]
    with TemporaryDirectory(dir=MEMORY if MEMORY.exists() else None) as name:
        folder = Path(name)
        for k, samples in enumerate(job.clients):
            own, client_rule = _dealt(everything, k, len(job.clients)), job.rule(client.parameters())
            order = SubsetRandomSampler(range(len(own)), generator=torch.Generator().manual_seed(1))
            _posted((None, "prompt"), folder / "to_client.pth")
            for _ in range(job.steps):
                loader = DataLoader(samples, shuffle=False, batch_size=job.batch, sampler=order)
                inputs, labels = next(iter(loader))
                client.eval()
                with torch.no_grad():
                    features = client[0](inputs).detach().cpu()
                pickle.loads(pickle.dumps(SimpleNamespace(client_id=k, num_samples=len(own), type="features")))
                (received, answers), *_ = _posted([(features, labels)], folder / "to_server.pth")

                server.train()
                server_rule.zero_grad()
                received = received.detach().requires_grad_(True)
                loss = cross_entropy(server[1](received), answers)
                loss.backward()
                losses.append(loss.item())
                gradient = received.grad.cpu().clone().detach()
                server_rule.step()
                torch.save([gradient], folder / "gradients.pth")
                server.load_state_dict(server.state_dict())
                _checkpoint(server, folder)

                gradients = torch.load(folder / "gradients.pth")
                (gradient, *_), _ = _posted((gradients, "gradients"), folder / "to_client.pth")
                own = _dealt(everything, k, len(job.clients))
                client.train()
                client_rule.zero_grad()
                client[0](inputs).backward(gradient)
                client_rule.step()
            weights = _posted(client.state_dict(), folder / "to_server.pth")
            server.load_state_dict(server.state_dict() | {n: w for n, w in weights.items() if n.startswith("0.")})
            _checkpoint(server, folder)
    return Trained(client[0].state_dict(), server[1].state_dict(), losses)


def _dealt(count: int, client: int, clients: int) -> list[int]:
    order = list(range(count))
    np.random.RandomState(1).shuffle(order)
    return order[client::clients]


def _posted(payload: Any, path: Path) -> Any:
    with path.open("wb") as file:
        pickle.dump(payload, file)
    getsizeof(pickle.dumps(payload))
    with path.open("rb") as file:
        arrived = pickle.load(file)
    getsizeof(pickle.dumps(arrived))
    return arrived


def _checkpoint(model: nn.Module, folder: Path) -> None:
    torch.save(model.state_dict(), folder / "checkpoint.pth")
    for name, state in {"numpy": np.random.get_state(), "python": random.getstate(), "round": 1, "history": {}}.items():
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(state))


def _batches(loader: DataLoader[Any], steps: int) -> Iterator[Any]:
    """So many batches, of as many epochs as that takes."""
    return islice(chain.from_iterable(repeat(loader)), steps)


LOOPS: dict[str, Callable[[Job], Trained]] = {"splitfed": splitfed, "slperf": slperf, "plato": plato}
