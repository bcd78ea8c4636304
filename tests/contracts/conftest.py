"""The executors that the contract is about. A new one is one more line in ``EXECUTORS``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from tests.learning.plain import same
from wirelessfsl.learning.executors.cluster import Ray
from wirelessfsl.learning.executors.contract import Executor
from wirelessfsl.learning.executors.processes import Processes
from wirelessfsl.learning.executors.promises import settled
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.executors.stacked import Stacked


class Kind(NamedTuple):
    """How to make an executor, and how far its numbers may be from those of the kernels that are called, relatively."""

    make: Callable[[], Executor]
    tolerance: float = 0.0

    def equal(self, found: Any, expected: Any) -> bool:
        """Whether results are what they must be."""
        if not self.tolerance or not isinstance(expected, Tensor | tuple | list):
            return same(settled(found), expected)
        if isinstance(expected, Tensor):
            found = settled(found)
            close = torch.allclose(found, expected, rtol=self.tolerance, atol=self.tolerance, equal_nan=True)
            return found.dtype == expected.dtype and found.shape == expected.shape and close
        return len(found) == len(expected) and all(map(self.equal, found, expected))


def on_ray() -> Executor:
    """On a Ray of this machine, which ends with the executor."""
    pytest.importorskip("ray")
    return Ray(workers=2)


EXECUTORS = {
    "sequential": Kind(Sequential),
    "processes": Kind(lambda: Processes(2)),
    "stacked": Kind(Stacked, 1e-5),
    "ray": Kind(on_ray),
}
MARKS = {"ray": [pytest.mark.slow, pytest.mark.filterwarnings("default")]}  # Ray's own
PARAMETERS = {name: pytest.param(name, marks=MARKS.get(name, [])) for name in EXECUTORS}


@pytest.fixture(scope="module", params=PARAMETERS.values())
def kind(request: pytest.FixtureRequest) -> Kind:
    return EXECUTORS[request.param]


@pytest.fixture(scope="module")
def executor(kind: Kind) -> Iterator[Executor]:
    """One for all tests of a module, as one may be for all runs of a process."""
    made = kind.make()
    yield made
    made.close()
