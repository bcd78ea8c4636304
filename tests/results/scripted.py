"""A scripted run with numbers that can be added by hand: three clients, four rounds, one server with one slot.

Round r (1 to 4) lasts from 10 (r - 1) to 10 r seconds. Client i (0, 1, 2) spends 1 s on model_download, 1 + i s on
client_forward, 0.5 s on activations, 0.5 s on labels, 2 s in the server's queue, 1 s in server_step, 0.25 s on
gradients, 0.25 s on client_backward, 0.5 s on model_upload and the remaining 3 - i s waiting for the end of the round,
whose last second the server spends on aggregation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wirelessfsl.records import SERVER, Event, Metric
from wirelessfsl.results.store import Run, RunWriter, open_run, write_json, write_text

CLIENTS, ROUNDS, ROUND_S = 3, 4, 10.0
ACCURACY = (0.3, 0.8, 0.75, 0.9)
BYTES = {"model_download": 4000, "activations": 3000, "labels": 100, "gradients": 2000, "model_upload": 5000}
BATTERY = {"kind": "battery", "capacity_j": 10_000.0, "initial_fraction": 0.8}
ROUND_J = CLIENTS * 12.5 + 1.0 + 3 * 0.5 + 2.0 + 3 * (0.1 + 0.05)


def events(round: int, slower: float = 1.0) -> list[Event]:
    """The rows of one round, in the order in which they end per client; ``slower`` stretches time and energy."""
    start = ROUND_S * (round - 1)
    rows: list[Event] = []

    def row(begin: float, end: float, node: str, peer: str, activity: str, phase: str, energy_j: float) -> None:
        size = BYTES[phase] if activity == "transfer" else 0
        times = [slower * (start + t) for t in (begin, end)]
        rows.append(Event(*times, node, peer, activity, phase, round, 0, size, 0.0, slower * energy_j, 1, True))

    for i in range(CLIENTS):
        me = f"client-{i}"
        row(0, 1, SERVER, me, "transfer", "model_download", 0.1)
        row(0, 1, me, SERVER, "receive", "model_download", 0.5)
        row(1, 2 + i, me, "", "compute", "client_forward", 4.0)
        row(2 + i, 2.5 + i, me, SERVER, "transfer", "activations", 2.0)
        row(2.5 + i, 3 + i, me, SERVER, "transfer", "labels", 1.0)
        row(3 + i, 5 + i, me, SERVER, "wait", "server_step", 0.0)
        row(5 + i, 6 + i, SERVER, me, "compute", "server_step", 0.5)
        row(6 + i, 6.25 + i, SERVER, me, "transfer", "gradients", 0.05)
        row(6.25 + i, 6.5 + i, me, "", "compute", "client_backward", 2.0)
        row(6.5 + i, 7 + i, me, SERVER, "transfer", "model_upload", 1.5)
        row(7 + i, 10, me, "", "wait", "idle", 0.0)
        row(0, 10, me, "", "idle", "idle", 1.5)
    row(9, 10, SERVER, "", "compute", "aggregation", 1.0)
    row(0, 10, SERVER, "", "idle", "idle", 2.0)
    return rows


def metrics(round: int, slower: float = 1.0, lift: float = 0.0) -> list[Metric]:
    """The evaluations after a round: over all, one a client, and the training loss."""
    accuracy = ACCURACY[round - 1] + lift
    end, spent = slower * ROUND_S * round, slower * ROUND_J * round
    up, down = 3 * 8100 * round, 3 * 6000 * round
    return [
        Metric(round, end, None, "train", 2.0 / round, None, spent, up, down),
        Metric(round, end, None, "test", 1.0 / round, accuracy, spent, up, down),
        *(
            Metric(
                round, end, f"client-{i}", "test", 1.0 / round, accuracy + 0.1 * (i - 1), spent / 4, up // 3, down // 3
            )
            for i in range(CLIENTS)
        ),
    ]


def scenario(name: str, seed: int, **settings: Any) -> dict[str, Any]:
    """A resolved scenario, as far as the reader looks into it."""
    return {
        "name": name,
        "seed": seed,
        "algorithm": {"kind": "splitfed_v1", "rounds": ROUNDS},
        "devices": [{"count": CLIENTS, "profile": "raspberry-pi-4", "battery": BATTERY}],
        "evaluation": {"every_rounds": 1, "target_accuracy": [0.8, 0.95]},
        **settings,
    }


def write_run(
    folder: Path,
    name: str = "scripted",
    seed: int = 1,
    *,
    status: str = "completed",
    part_rows: int = 50,
    rounds: int = ROUNDS,
    slower: float = 1.0,
    lift: float = 0.0,
    **settings: Any,
) -> Run:
    """Write the scripted run into a folder, as the simulator does, and open it."""
    log = RunWriter(folder, part_rows)
    write_text(folder / "scenario.yaml", f"name: {name}\nseed: {seed}\n")
    write_json(folder / "manifest.json", {"status": status, "scenario": scenario(name, seed, **settings)})
    for round in range(1, rounds + 1):
        for event in events(round, slower):
            log.event(event)
        for metric in metrics(round, slower, lift):
            log.metric(metric)
        log.flush()
    log.close()
    return open_run(folder)
