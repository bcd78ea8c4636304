"""How much of the host's memory a run takes at its peak, part by part, told before it begins.

What lives from round to round is counted of the state that the scheme begins with, on tensors without values. What a
round needs besides follows from how the executors work: where clients go each on its own, one client's kernels run
after the other, and averages take weights as they come, so that the parts of a single client are there at a time (one a
worker; stacked, as many as run at once); where they go in step with the server, or a round has more kernels than may
wait, those of all. Constants were
measured (analysis/LOG.md). Left out: what a watch, a tracker or code of the user's own holds, and models or cuts of
groups of devices, for which the scenario's stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wirelessfsl.algorithms.epsl import EPSL
from wirelessfsl.algorithms.fedem import FedEM
from wirelessfsl.algorithms.local_only import LocalOnly
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.pfsl import PFSL
from wirelessfsl.algorithms.splitfed_v3 import SplitFedV3
from wirelessfsl.algorithms.state import Scheme
from wirelessfsl.build import messages
from wirelessfsl.codecs.chain import chain
from wirelessfsl.engine.world import World
from wirelessfsl.learning.data import BlankData, Dataset
from wirelessfsl.learning.datasets import DATASETS, read
from wirelessfsl.learning.executors.graph import MOST
from wirelessfsl.learning.executors.shapes import ShapesOnly
from wirelessfsl.learning.sizes import state_bytes, tape_bytes, weights_bytes, widest_bytes
from wirelessfsl.learning.stage import Part, Stage, blank_parts, split
from wirelessfsl.ram import VARIABLE
from wirelessfsl.scenario import EdgeCloud, Scenario, model_of, pieces_of

if TYPE_CHECKING:
    from torch import Tensor

PYTHON_BYTES = 450e6
"""Python, torch and what else is loaded."""
WORKER_BYTES = 150e6
"""The same, in a worker process, of what it does not share."""
NODE_BYTES, ROW_BYTES, TASK_BYTES = 20e3, 500, 2500
"""A device with its links, a row of the log that is not written yet, and a kernel that waits."""
LEAST_ROWS, MOST_ROWS = 50_000, 400_000
"""That wait, half of them being written."""
KERNELS = (2, 8, 12)
"""That a client's step gives rise to, by the number of cuts."""
CHUNK = 1000
"""Samples that are evaluated at a time."""
TRACING, EVALUATING, WRITING = 2.5, 2.5, 2.5
"""Tapes while a pass is traced, inputs and outputs of a layer while it is evaluated, and copies of a checkpoint."""
FETCHING = 2
"""More copies of a checkpoint, on the way from the workers that have it."""
KEPT = 0.5
"""Of what was freed, what the C library cannot use again for what follows."""
REMEDIES = {
    "data": "a smaller data set or data.image_size",
    "models": "a smaller model",
    "clients": "fewer clients (data.clients)",
    "optimisers": "another optimiser (algorithm.optimizer: sgd without momentum keeps nothing)",
    "in_flight": "a smaller algorithm.batch_size, another cut (model.cuts), or fewer algorithm.local_steps",
    "codecs": "codecs without error feedback",
    "simulation": "fewer clients (data.clients) or algorithm.local_steps",
    "between_rounds": "a smaller model",
    "workers": "--executor sequential, or fewer --workers",
}


class Footprint(NamedTuple):
    """Peak memory of a run in bytes, part by part.

    python: the interpreter and its libraries. data: samples, and who has which. models: weights that all have in
    common: initial, averaged, being averaged. clients: weights that each client keeps of its own. optimisers: states of
    clients and server. in_flight: weights, tapes, messages and batches of what is computed at a time. codecs: residuals
    of error feedback. simulation: nodes, rows of the log and kernels that wait. between_rounds: what evaluations and
    checkpoints take above what is in flight. workers: interpreters of worker processes, and what is in flight besides.
    """

    python: float
    data: float = 0.0
    models: float = 0.0
    clients: float = 0.0
    optimisers: float = 0.0
    in_flight: float = 0.0
    codecs: float = 0.0
    simulation: float = 0.0
    between_rounds: float = 0.0
    workers: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self)

    def told(self, available: int | None) -> str:
        """One line: the peak, its largest parts, and what the host can give."""
        host = "" if available is None else f"; this host can give {_gb(available)}"
        return f"memory: about {_gb(self.total)} at the peak ({self._largest(3)}){host}"

    def check(self, available: int | None, name: str) -> None:
        """Raises ValueError if the host cannot give so much. name: of the scenario."""
        if available is None or self.total <= available:
            return
        helping = self._helping(available)
        remedy = f"take {', or '.join(helping)}" if helping else "it needs a host with more"
        raise ValueError(
            f"{name}: the run takes about {_gb(self.total)} of memory at its peak ({self._largest(3)}), and this host"
            f" can give {_gb(available)}; {remedy}; if it can give more, say how much with the environment variable"
            f" {VARIABLE}"
        )

    def _helping(self, available: int) -> list[str]:
        """What would make the run fit by these figures: one part made smaller, or else the fewest together."""
        short = self.total - available
        gains = self._asdict() | {"simulation": self.simulation - ROW_BYTES * LEAST_ROWS}
        ranked = sorted(REMEDIES, key=lambda part: -gains[part])
        found = [*dict.fromkeys(REMEDIES[part] for part in ranked if gains[part] >= short)][:2]
        if not found:
            enough = (n for n in (2, 3) if sum(gains[part] for part in ranked[:n]) >= short)
            found = [", together with ".join(dict.fromkeys(REMEDIES[part] for part in ranked[:n])) for n in enough][:1]
        return found + ["--timing-only"] * (self.python + self.data + self.simulation <= available)

    @property
    def _ranked(self) -> list[str]:
        sizes = self._asdict()
        return sorted(sizes, key=lambda part: -sizes[part])

    def _largest(self, count: int) -> str:
        sizes = self._asdict()
        return ", ".join(f"{part.replace('_', ' ')} {_gb(sizes[part])}" for part in self._ranked[:count])


def footprint(s: Scenario, dataset: Dataset, timing_only: bool = False, workers: int = 0, width: int = 1) -> Footprint:
    """Peak memory of a scenario's run.

    dataset: its samples. timing_only: whether nothing is learnt. workers: processes that kernels run in; 0 for none.
    width: clients whose kernels run at once in this process.
    """
    scheme, data, simulation = s.algorithm, _data(s, dataset), _simulation(s)
    if timing_only:
        return Footprint(PYTHON_BYTES, data, simulation=simulation)
    batch, rule = getattr(scheme, "batch_size", 16), getattr(scheme, "optimizer", None)
    stages = split(model_of(s, dataset), pieces_of(s, dataset))
    model = sum(map(weights_bytes, stages))
    clients, optimisers = _state(s, stages)
    taking = max(1, round(getattr(s.participation.choice, "fraction", 1.0) * s.data.clients)) if s.has_clients else 1
    kernels = taking * KERNELS[scheme.cuts] * getattr(scheme, "local_steps", 1)
    at_once = min(width, taking)
    together = taking if kernels > MOST else max(at_once, _together(s, taking))
    # A pass has its tape, the gradients of the weights, the new weights and states, and a layer's work.
    own = {"free": 3 * model, "in_turn": 3 * model}.get(_pace(s), 2 * weights_bytes(stages[0]))
    edges = [each.output_shape() for each in stages[:-1]]
    crossing = 4 * 4 * batch * sum(int(np.prod(shape)) for shape in edges)
    waiting = own + crossing + sum(tape_bytes(stage, batch) for stage in stages[:-1])
    pooled = [stage.index % 2 == 1 and _pace(s) == "in_step" for stage in stages]
    passing = [
        _pass(stage, rule, batch * together) if of_all else at_once * _pass(stage, rule, batch)
        for stage, of_all in zip(stages, pooled, strict=True)
    ]
    in_flight = together * waiting + max(passing)
    personal = isinstance(scheme, EPSL | FedEM | LocalOnly | MTSL | PFSL | SplitFedV3)
    evaluated = min(CHUNK, ceil(len(dataset.test_labels) / (s.data.clients if personal else 1)))
    evaluation = EVALUATING * max(widest_bytes(stage, evaluated) for stage in stages)
    copies = WRITING + (FETCHING if workers else 0)
    checkpoint = 0.0 if getattr(scheme, "restless", "") else copies * (model + clients + optimisers)
    between = max(evaluation, checkpoint)
    return Footprint(
        PYTHON_BYTES,
        data,
        models=(2 + getattr(scheme, "learners", 1)) * model,
        clients=clients,
        optimisers=optimisers,
        in_flight=in_flight,
        codecs=_codecs(s, dataset),
        simulation=simulation + TASK_BYTES * min(MOST, kernels),
        between_rounds=max(between, in_flight) + KEPT * min(between, in_flight) - in_flight,
        workers=workers * (WORKER_BYTES + model) + (max(0, workers - 1) * in_flight if together == 1 else 0.0),
    )


def _pace(s: Scenario) -> str:
    return getattr(s.algorithm, "pace", "free")


def _together(s: Scenario, taking: int) -> int:
    """Clients whose parts and tapes are there at a time."""
    restless, prunes = bool(getattr(s.algorithm, "restless", "")), bool(getattr(s.algorithm, "prunes", False))
    at_once = _pace(s) == "in_step" or restless or prunes
    return min(taking, getattr(s.algorithm, "cluster_size", taking)) if at_once else 1


def _pass(stage: Stage, rule: Any, batch: int) -> float:
    """Of a forward and a backward pass of a stage, and the optimiser's step."""
    states = 2 * state_bytes(stage, rule) if rule is not None else 0
    return TRACING * tape_bytes(stage, batch) + 3 * weights_bytes(stage) + states


def _data(s: Scenario, dataset: Dataset) -> float:
    """Samples, the files' own if they were put in another order, and whose they are."""
    tensors = (dataset.inputs, dataset.labels, dataset.test_inputs, dataset.test_labels, *(dataset.public or ()))
    held = float(sum(tensor.nbytes for tensor in tensors))
    if s.data.name in DATASETS:
        pool = [array for half in read(s.data.name, s.data.root, s.data.image_size) if half for array in half]
        if not np.may_share_memory(pool[0], dataset.inputs.numpy()):
            held += sum(array.nbytes for array in pool)
    return held + 3 * dataset.labels.nbytes


def _simulation(s: Scenario) -> float:
    """Nodes, and rows of the log that wait to be written."""
    steps = getattr(s.algorithm, "local_steps", 1)
    rows = s.data.clients * (15 * steps * max(1, s.algorithm.cuts) + 10)
    return NODE_BYTES * s.data.clients + ROW_BYTES * min(max(LEAST_ROWS, rows), MOST_ROWS)


def _codecs(s: Scenario, dataset: Dataset) -> float:
    """Residuals of error feedback, of every link and kind of message."""
    kinds = [kind for kind in s.algorithm.messages if chain(getattr(s.codecs, kind)).feedback]
    held = messages(s, dataset) if kinds else {}
    return float(s.data.clients * sum(tensor.nbytes for kind in kinds for tensor in held[kind]))


def _state(s: Scenario, stages: tuple[Stage, ...]) -> tuple[float, float]:
    """What a scheme carries from round to round: weights of the clients' own, and all optimisers' states."""
    one, two = (_begun(s.algorithm, stages, clients) for clients in (1, 2))
    count = s.data.clients if s.has_clients else 0
    servers = len(s.hierarchy.servers) if isinstance(s.hierarchy, EdgeCloud) else 1
    of_client = two[1] - one[1]
    return count * (two[0] - one[0]), count * of_client + servers * (one[1] - of_client)


def _begun(scheme: Scheme, stages: tuple[Stage, ...], clients: int) -> tuple[float, float]:
    """Weights and optimisers' states of a scheme's state at the beginning, with so many clients."""
    world: Any = World(0, ShapesOnly(), _Nowhere())
    world.stages, world.initial, world.server = stages, blank_parts(stages), object()
    world.clients = tuple(object() for _ in range(clients))
    blank = BlankData(stages[0].model.shape, world.initial[0].params[0].dtype)
    world.data = dict.fromkeys((world.server, *world.clients), blank)
    parts = [*_parts(scheme.begin(world))]
    return _bytes(t for part in parts for t in part.weights), _bytes(t for part in parts for t in part.optimizer)


def _parts(state: Any) -> Iterator[Part]:
    """The parts in a state."""
    if isinstance(state, Part):
        yield state
    elif isinstance(state, Mapping):
        yield from _parts([*state.values()])
    elif isinstance(state, list | tuple):
        for each in state:
            yield from _parts(each)
    elif is_dataclass(state):
        yield from _parts([getattr(state, field.name) for field in fields(state)])


def _bytes(tensors: Iterable[Tensor]) -> float:
    """Of tensors, each once."""
    return float(sum({id(tensor): tensor.nbytes for tensor in tensors}.values()))


class _Nowhere:
    """A log that keeps nothing."""

    def event(self, event: Any) -> None: ...
    def metric(self, metric: Any) -> None: ...
    def flush(self) -> None: ...


def _gb(size: float) -> str:
    return f"{size / 1e9:.3g} GB"
