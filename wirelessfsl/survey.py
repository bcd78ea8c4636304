"""The constants of a convergence bound, measured during a run, and the bound that they give.

A :class:`Survey` looks at the averaged model before the first round and at every evaluation, outside of simulated time,
over up to ``BATCHES`` mini-batches of each client's training samples (all of them, if they are fewer). f is the
clients' mean loss with their shares in the averages, without activation dropout and rounding, and its gradient is that
of all parameters, pruned ones as well. What the theorem (:mod:`wirelessfsl.learning.bound`) wants for all w is measured
at these points: sigma^2, G^2, |w_c|^2, |a|^2 and Lambda^2 are the largest found of any client, and beta is the largest
change of the gradient over distance that a power iteration finds, which goes on from point to point. So they are lower
estimates, above all beta; f* is taken as 0, below which no cross-entropy is.
"""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from io import StringIO
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.identity import Identity
from wirelessfsl.codecs.lossless import Deflate, RangeCoder, Zstd
from wirelessfsl.engine.world import World
from wirelessfsl.files import write
from wirelessfsl.learning.bound import Constants, Terms, bound
from wirelessfsl.learning.landscape import blend, sensitivity, squared, steepness, view
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.stage import Part
from wirelessfsl.records import LABELS
from wirelessfsl.scenario import Flat, Scenario
from wirelessfsl.streams import key

if TYPE_CHECKING:
    from wirelessfsl.learning.landscape import Vector

BATCHES = 20
"""Mini-batches of a client that are looked at."""
BENDS = 2
"""Steps of the power iteration at each point."""
_PROBE = 0.1
"""Dropout with which Lambda is measured where nothing is dropped."""
_LOSSES_NOTHING = Identity, Deflate, Zstd, RangeCoder


class Point(NamedTuple):
    """What was measured at one model.

    loss: f. slope: |grad f|^2. bend: largest change of the gradient over distance. sparsity: share of the client's
    matrices that is zero. moments: of every parameter tensor. The others are named as in the bound's constants.
    """

    round: int
    loss: float
    slope: float
    bend: float
    sparsity: float
    variance: float
    moments: tuple[float, ...]
    client_weights: float
    activations: float
    sensitivity: float


class Row(NamedTuple):
    """The run up to an evaluation: what was measured, and the bound."""

    round: int
    iterations: int
    loss: float
    squared_gradient: float
    running_mean: float
    sparsity: float
    terms: Terms


class Survey:
    """Watches a run of fedsl or splitfed_v1 and bounds its gradients (a :data:`wirelessfsl.simulation.Watch`).

    Raises ValueError if the theorem is not of the scenario's scheme, hierarchy or optimiser.
    """

    def __init__(self, scenario: Scenario) -> None:
        algorithm = scenario.algorithm
        if not isinstance(algorithm, FedSL | SplitFedV1):
            raise ValueError(f"algorithm.kind: got {algorithm.kind}, a bound is known here for fedsl and splitfed_v1")
        if not isinstance(scenario.hierarchy, Flat):
            raise ValueError("hierarchy.kind: got edge_cloud, must be flat: the bound is of one server")
        if algorithm.optimizer != SGD(lr=algorithm.optimizer.lr):
            raise ValueError(
                "algorithm.optimizer: the bound is of sgd with a constant learning rate, without momentum and weight"
                " decay; --set 'algorithm.optimizer={kind: sgd, lr: 0.05}'"
            )
        self.scenario, self.algorithm = scenario, algorithm
        self.points: list[Point] = []
        self.sizes: tuple[int, ...] = ()
        self.batches = 0
        self._direction: Vector = ()

    def __call__(self, world: World, parts: tuple[Part, ...]) -> None:
        size = self.algorithm.batch_size
        batches = [
            [world.data[k].batch(step, size) for step in range(min(-(-len(world.data[k]) // size), BATCHES))]
            for k in world.clients
        ]
        shares = self._shares(world)
        views = [view(world.stages, parts, own) for own in batches]
        loss, gradient = blend(views, shares)

        def gradient_at(there: tuple[Part, ...]) -> Vector:
            return blend([view(world.stages, there, own) for own in batches], shares)[1]

        bend, self._direction = steepness(gradient_at, parts, gradient, self._direction or gradient, BENDS)
        dropped, client = self._dropout or _PROBE, parts[0]
        probes = [
            sensitivity(world.stages, parts, *own[0], dropped, key(self.scenario.seed, "bound", node.name, world.round))
            for node, own in zip(world.clients, batches, strict=True)
        ]
        matrices = [p for p in client.params if p.ndim > 1]
        self.sizes, self.batches = tuple(p.numel() for p in client.params), world.client_steps
        self.clients = 1 / sum(share**2 for share in shares)
        self.points.append(
            Point(
                round=world.round,
                loss=loss,
                slope=squared(gradient),
                bend=bend,
                sparsity=sum(int((p == 0).sum()) for p in matrices) / max(sum(p.numel() for p in matrices), 1),
                variance=max(each.variance for each in views),
                moments=tuple(max(of) for of in zip(*(each.moments for each in views), strict=True)),
                client_weights=squared(client.params),
                activations=max(each.activations for each in views),
                sensitivity=max(probes),
            )
        )

    @property
    def constants(self) -> Constants:
        """The largest of what was found anywhere on the way."""
        most = Point(*(max(column) for column in zip(*self.points, strict=True)))
        moments = tuple(max(of) for of in zip(*(point.moments for point in self.points), strict=True))
        count = len(self.sizes)
        return Constants(
            beta=most.bend,
            gap=self.points[0].loss,
            variance=most.variance,
            client_sizes=self.sizes,
            client_moments=moments[:count],
            server_moment=sum(moments[count:]),
            client_weights=most.client_weights,
            activations=most.activations,
            sensitivity=most.sensitivity,
        )

    @property
    def rows(self) -> list[Row]:
        """One row an evaluation.

        Between two evaluations |grad f|^2 counts as at the first of them, and the sparsity, which grows, as at the
        second.
        """
        rows, constants, steps = [], self.constants, self.algorithm.local_steps
        total, sparsity = 0.0, list[float]()
        for before, point in zip(self.points, self.points[1:], strict=False):
            total += before.slope * (point.round - before.round)
            sparsity += [point.sparsity] * (point.round - before.round)
            terms = bound(
                constants,
                iterations=point.round * steps,
                rate=self.algorithm.optimizer.lr,
                clients=self.clients,
                interval=getattr(self.algorithm, "interval", 1) * steps,
                server_interval=steps,
                sparsity=sparsity,
                bits=getattr(self.algorithm, "gradient_bits", None),
                dropout=self._dropout,
            )
            measured = (point.loss, point.slope, total / point.round, point.sparsity)
            rows.append(Row(point.round, point.round * steps, *measured, terms))
        return rows

    @property
    def caveats(self) -> list[str]:
        """Why the theorem does not apply to this run, as far as that is known."""
        s, algorithm, rate = self.scenario, self.algorithm, self.algorithm.optimizer.lr
        told = []
        if not all(isfinite(point.loss) for point in self.points):
            told.append("the loss is not a number")
        if rate > self.constants.largest_rate:
            told.append(f"learning rate {rate:g} > 1 / (2 beta) = {self.constants.largest_rate:.3g}")
        due = self.points[-1].round * algorithm.local_steps * s.data.clients
        if self.batches < due:
            told.append(f"clients trained {self.batches} of {due} batches")
        pruning = getattr(algorithm, "pruning", None)
        if pruning is not None and (pruning.kind == "filters" or pruning.taylor):
            told.append("pruning does not take the smallest weights")
        uncounted = [
            f"{codec.kind} of {kind}"
            for kind in algorithm.messages
            if kind != LABELS
            for codec in getattr(s.codecs, kind)
            if not isinstance(codec, (*_LOSSES_NOTHING, *([Dropout] if kind == "activations" else [])))
        ]
        return told + ([f"not counted: {', '.join(uncounted)}"] if uncounted else [])

    def save(self, folder: Path) -> None:
        """Write ``bound.csv``, a row an evaluation, and ``bound.json``: constants and caveats."""
        text = StringIO(newline="")
        table = csv.writer(text)
        table.writerow([*Row._fields[:-1], "bound", *Terms._fields])
        table.writerows([*row[:-1], row.terms.total, *row.terms] for row in self.rows)
        write(folder / "bound.csv", text.getvalue().encode())
        known = {"constants": asdict(self.constants), "clients": self.clients, "caveats": self.caveats}
        write(folder / "bound.json", (json.dumps(known, indent=2) + "\n").encode())

    @property
    def _dropout(self) -> float:
        kept = 1.0
        for codec in self.scenario.codecs.activations:
            kept *= 1 - codec.p if isinstance(codec, Dropout) else 1.0
        return 1 - kept

    def _shares(self, world: World) -> list[float]:
        """Share of every client in the averages."""
        of = world.shares(world.clients, self.algorithm.weighting)
        return [each / sum(of) for each in of]
