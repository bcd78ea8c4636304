"""The numbers of a run, each a pure function of its facts: the summary, and what figures and tables show.

Nothing here reads a file or knows a plot, and nothing was decided while the simulation ran: who wants another number
writes another fold. Every fold is a handful of passes over NumPy columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from wirelessfsl.records import COMPUTE, DROP, IDLE, TRANSFER, WAIT, is_server
from wirelessfsl.results.columns import Evaluations, Facts, Floats, Ints, Mask, Names

WAITING = "wait: "
"""Before the phase of a ``wait`` row in :func:`latency_by_phase`: waiting for a step is not the step."""


class Curve(NamedTuple):
    """How the global model did on held-out data, evaluation by evaluation; each of shape (evaluations,).

    round: rounds done.
    time_s: simulated seconds so far.
    energy_j: joules drawn by the whole network so far.
    bytes: bytes that flew so far, up and down together.
    accuracy: share of right answers, 0 to 1.
    loss: mean loss.
    """

    round: Ints
    time_s: Floats
    energy_j: Floats
    bytes: Ints
    accuracy: Floats
    loss: Floats


class Dropped(NamedTuple):
    """How often a client left a round (``left``), of how often one took part in a round (``client_rounds``)."""

    left: int
    client_rounds: int


class Reached(NamedTuple):
    """What it took to reach an accuracy: the costs so far at the first evaluation that has it."""

    round: int
    time_s: float
    energy_j: float
    bytes: int


def convergence(evaluations: Evaluations) -> Curve:
    """The evaluations on test data over all clients, in the order they were made."""
    e = evaluations
    rows = e.split.among("test") & (e.client.codes < 0) & ~np.isnan(e.accuracy)
    traffic = e.uplink_bytes[rows] + e.downlink_bytes[rows]
    return Curve(e.round[rows], e.time_s[rows], e.energy_j[rows], traffic, e.accuracy[rows], e.loss[rows])


def reached(curve: Curve, accuracy: float | None) -> Reached | None:
    """Cost of the first evaluation at or above an accuracy, of the last one for None; None if there is none.

    >>> rounds = np.array([1, 2])
    >>> reached(Curve(rounds, rounds * 3.0, rounds * 5.0, rounds * 10, np.array([0.5, 0.9]), 1.0 / rounds), 0.8)
    Reached(round=2, time_s=6.0, energy_j=10.0, bytes=20)
    """
    hits = np.arange(curve.accuracy.size)[-1:] if accuracy is None else np.flatnonzero(curve.accuracy >= accuracy)
    if not hits.size:
        return None
    i = hits[0]
    return Reached(int(curve.round[i]), float(curve.time_s[i]), float(curve.energy_j[i]), int(curve.bytes[i]))


def target_name(accuracy: float) -> str:
    """A target accuracy as text, for ``summary.json`` and headings: different targets have different names.

    >>> target_name(0.80), target_name(1.0), target_name(0.12345678)
    ('0.8', '1', '0.12345678')
    """
    return f"{accuracy:.15g}"


def latency_by_phase(facts: Facts) -> dict[str, float]:
    """Mean seconds that a client spends in each phase of a round in which it takes part.

    A client's round is tiled by the compute, transfer and wait rows that name it as node or peer, so the values add up
    to the mean length of a client's round. What the server computes or sends for a client is thus counted to that
    client; what it does for nobody in particular (aggregation) is seen as the wait it causes. Waits have names of their
    own: "wait: server_step" is the queue for the step, "wait: idle" the wait for the others: for one's turn, or for the
    end of the round.
    """
    f = facts
    waits = f.activity.among(WAIT)
    phase = Names(
        f.phase.codes + waits * len(f.phase.names),
        (*f.phase.names, *(WAITING + name for name in f.phase.names)),
    )
    rows = waits | f.activity.among(COMPUTE, TRANSFER)
    seconds = f.end_s - f.start_s
    is_client = _is_client(f)
    totals: dict[str, float] = {}
    for who in (f.node, f.peer):
        own = rows & is_client[who.codes]
        for name, total in phase.totals(seconds, own).items():
            totals[name] = totals.get(name, 0.0) + total
    count = _client_rounds(f, rows)
    return {name: total / count for name, total in sorted(totals.items())}


def energy_by_phase(facts: Facts) -> dict[str, dict[str, float]]:
    """Joules of the whole run by phase, for all "devices" together and for the "server"; idle energy included.

    Edge servers count as the server.
    """
    server = facts.node.servers
    spent = facts.energy_j != 0
    return {
        "devices": facts.phase.totals(facts.energy_j, spent & ~server),
        "server": facts.phase.totals(facts.energy_j, spent & server),
    }


def dropped(facts: Facts) -> Dropped:
    """Client-rounds that ended with a ``drop`` row; a client that only waits for a round's end takes no part in it."""
    f = facts
    takes_part = f.activity.among(COMPUTE, TRANSFER, DROP) | (f.activity.among(WAIT) & ~f.phase.among(IDLE))
    return Dropped(_client_rounds(f, f.activity.among(DROP)), _client_rounds(f, takes_part))


def diverged(evaluations: Evaluations) -> bool:
    """Whether the last loss over all clients, on test data or in training, is not a finite number."""
    e = evaluations
    losses = [e.loss[e.split.among(split) & (e.client.codes < 0)][-1:] for split in ("test", "train")]
    return not np.isfinite(np.concatenate(losses)).all()


def summarise(
    facts: Facts,
    evaluations: Evaluations,
    *,
    name: str,
    status: str,
    seed: int,
    rounds: int,
    targets: Sequence[float] = (),
) -> dict[str, Any]:
    """The content of ``summary.json`` but for what the host spent; None where a run has no such figure.

    name: of the scenario.
    status: "completed", "interrupted" or "failed".
    seed: of the run.
    rounds: completed rounds.
    targets: accuracies, 0 to 1, whose time and energy are asked for.
    """
    f = facts
    curve = convergence(evaluations)
    sent, server = f.activity.among(TRANSFER), f.node.servers
    best = int(curve.accuracy.argmax()) if curve.accuracy.size else None
    first = {target_name(target): reached(curve, target) for target in targets}
    return {
        "name": name,
        "status": status,
        "seed": seed,
        "rounds": rounds,
        "simulated_s": float(f.end_s.max(initial=0.0)),
        "final": {"accuracy": _number(curve.accuracy[-1:]), "loss": _number(curve.loss[-1:])},
        "best": {
            "accuracy": None if best is None else float(curve.accuracy[best]),
            "round": None if best is None else int(curve.round[best]),
        },
        "bytes": {
            "uplink": int(f.bytes[sent & ~server].sum()),
            "downlink": int(f.bytes[sent & server & ~f.peer.servers].sum()),
            "by_phase": {phase: int(total) for phase, total in f.phase.totals(f.bytes, sent).items()},
        },
        "energy_j": {
            "total": float(f.energy_j.sum()),
            "devices": float(f.energy_j[~server].sum()),
            "server": float(f.energy_j[server].sum()),
            "by_phase": f.phase.totals(f.energy_j, f.energy_j != 0),
        },
        "time_to_accuracy_s": {target: hit and hit.time_s for target, hit in first.items()},
        "energy_to_accuracy_j": {target: hit and hit.energy_j for target, hit in first.items()},
        "fairness": fairness(evaluations),
    }


def fairness(evaluations: Evaluations) -> dict[str, float | None]:
    """How evenly the last evaluation turned out among the clients, each on its own test samples.

    Mean, population std, worst, and cov = std / mean of the accuracies; a client without test samples does not count.
    """
    accuracy = client_accuracy(evaluations)
    if not accuracy.size:
        return {"mean": None, "std": None, "worst": None, "cov": None}
    mean, std = float(accuracy.mean()), float(accuracy.std())
    return {"mean": mean, "std": std, "worst": float(accuracy.min()), "cov": std / mean if mean else None}


def client_accuracy(evaluations: Evaluations) -> Floats:
    """Share of right answers, 0 to 1, of the last evaluation of each client on its own test samples; shape (clients,).

    A client without test samples is left out.
    """
    rows = evaluations.split.among("test") & (evaluations.client.codes >= 0) & ~np.isnan(evaluations.accuracy)
    accuracy: Floats = evaluations.accuracy[rows & (evaluations.round == evaluations.round[rows].max(initial=0))]
    return accuracy


def _is_client(facts: Facts) -> Mask:
    """By node name: whether it acts somewhere in the log and is not the server (a peer may be nobody)."""
    names, acts = facts.node.names, np.bincount(facts.node.codes, minlength=len(facts.node.names)) > 0
    return np.array([here and not is_server(name) for name, here in zip(names, acts, strict=True)], dtype=bool)


def _client_rounds(facts: Facts, rows: Mask) -> int:
    """How many different pairs of client and round the rows name, the client as node or peer."""
    is_client = _is_client(facts)
    pairs = []
    for who in (facts.node, facts.peer):
        own = rows & is_client[who.codes]
        pairs.append(np.stack([who.codes[own].astype(np.int64), facts.round[own].astype(np.int64)]))
    client, round = np.concatenate(pairs, axis=1)
    return int(np.unique(client * (round.max(initial=0) + 1) + round).size)


def _number(values: Floats) -> float | None:
    """The one number of an array of at most one, None where it is missing or not finite (JSON has no NaN)."""
    return float(values[0]) if values.size and np.isfinite(values[0]) else None
