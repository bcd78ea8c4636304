"""Random graphs of small kernels, computed by an executor and directly."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wirelessfsl.learning.executors.contract import Failed
from wirelessfsl.learning.executors.promises import settled
from wirelessfsl.learning.kernels import Hidden, Kernel, average, blank


def _free(*_: Any) -> float:
    return 0.0


@dataclass(frozen=True)
class Note:
    """Something that only kernels look into, with a tensor in it."""

    text: str
    tensor: Tensor


def _mix(scale: float, *tensors: Tensor) -> Tensor:
    return torch.stack([t * scale for t in tensors]).sum(0)


def _split(x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
    """Views of what it gets and of what it makes, and one number."""
    y = x.cos()
    return x, (y.T, y[:, 1:]), y.sum()


def _hide(x: Tensor) -> tuple[Note, Tensor]:
    return Note("of a worker", x + 1.0), x.t()


def _look(note: Note, x: Tensor) -> Tensor:
    return x + note.tensor.mean() * len(note.text)


def _some(x: Tensor) -> Tensor:
    return x[x > 0.5]


def _fill(some: Tensor, x: Tensor) -> Tensor:
    return x + some.sum() + some.numel()


def _overflow(x: Tensor) -> Tensor:
    raise ArithmeticError(f"overflow of {x.sum().item():.6f}")


SQUARE = blank((4, 4), torch.float32)
MIX = Kernel("mix", "client_step", _mix, _free, lambda *_: SQUARE)
SPLIT = Kernel(
    "split", "client_step", _split, _free, lambda x: (x, (SQUARE, blank((4, 3), x.dtype)), blank((), x.dtype))
)
HIDE = Kernel("hide", "client_step", _hide, _free, lambda x: (Hidden(), SQUARE))
LOOK = Kernel("look", "client_step", _look, _free, lambda note, x: SQUARE)
SOME = Kernel("some", "client_step", _some, _free)
GUESS = Kernel("guess", "client_step", _some, _free, lambda x: blank((7,), x.dtype), settles=True)
FILL = Kernel("fill", "client_step", _fill, _free, lambda some, x: SQUARE)
OVERFLOW = Kernel("overflow", "client_step", _overflow, _free, lambda x: SQUARE)


class Direct:
    """Calls kernels where they stand."""

    def submit(self, kernel: Kernel, *args: Any, chain: str = "", about: object = None) -> Direct:
        self.value = kernel(*args)
        return self

    def result(self) -> Any:
        return self.value

    def cancel(self) -> None: ...
    def settle(self) -> None: ...


def told(error: BaseException) -> str:
    """The message of an error, which then keeps nothing alive that was at hand where it was raised."""
    each: BaseException | None = error
    while each is not None:
        each.__traceback__, each = None, each.__cause__
    return str(error)


def story(seed: int, executor: Any, fails: bool = False) -> list[Any]:
    """What is read of a random graph, in the order of reading: tensors, and the texts of what failed.

    fails: whether some kernels do.
    """
    rng = random.Random(seed)
    noise = torch.Generator().manual_seed(seed)
    squares: list[Any] = [torch.randn(4, 4, generator=noise).T for _ in range(3)]
    notes: list[Any] = []
    found: list[Any] = []
    chains = [f"client-{k}" for k in range(rng.randint(1, 5))] + [""]
    kinds = ["mix", "split", "hide", "look", "some", "average", "read", "drop", "settle"] + ["overflow"] * fails

    def run(kernel: Kernel, *args: Any) -> Any:
        work = executor.submit(kernel, *args, chain=rng.choice(chains), about=f"{kernel.name} {rng.random():.6f}")
        value = work.result()
        if rng.random() < 0.1:
            work.cancel()
        return value

    def read(value: Any) -> None:
        try:
            found.append(settled(value))
        except Failed as error:
            found.append(told(error))

    for _ in range(rng.randint(5, 60)):
        x, y = rng.choices(squares, k=2)
        match rng.choice(kinds):
            case "mix":
                squares.append(run(MIX, rng.random(), *rng.choices(squares, k=rng.randint(1, 4))))
            case "split":
                same, (turned, _), total = run(SPLIT, x)
                squares += [same, turned]
                if rng.random() < 0.3:
                    read(total)
            case "hide":
                note, turned = run(HIDE, x)
                notes.append(note)
                squares.append(turned)
            case "look" if notes:
                squares.append(run(LOOK, rng.choice(notes), x))
            case "some":
                state = rng.getstate()
                try:
                    squares.append(run(FILL, run(rng.choice([SOME, GUESS]), x), y))
                except Failed as error:
                    found.append(told(error))
                    rng.setstate(state)
            case "average":
                models = [tuple(rng.choices(squares, k=2)) for _ in range(rng.randint(1, 4))]
                squares += run(average, models, [rng.randint(1, 5) for _ in models])
            case "overflow":
                squares.append(run(OVERFLOW, x))
            case "read":
                read(x)
            case "drop":
                squares, notes = rng.sample(squares, k=max(2, len(squares) // 2)), notes[-2:]
            case "settle":
                try:
                    executor.settle()
                except Failed as error:
                    found.append(told(error))
    for value in squares:
        read(value)
    return found
