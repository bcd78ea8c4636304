"""What is kept of a golden run: everything that must not change unnoticed, and nothing that differs between machines.

Times are kept to the microsecond, since logarithms differ in their last bits between processors; bytes, order and
all names are kept exactly. Neither depends on the weights. Weights and accuracy do differ a little between processors:
they are kept as one norm a tensor, and compared with a tolerance.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.worlds import run
from wirelessfsl.records import Event
from wirelessfsl.scenario import load_scenario

FOLDER = Path(__file__).parent
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def facts(name: str) -> dict[str, Any]:
    """Run a scenario of this folder and say what came out."""
    log, outcome = run(load_scenario(FOLDER / f"{name}.yaml"))
    sizes, seconds, joules = Counter[str](), Counter[str](), Counter[str]()
    for row in log.events:
        label = f"{row.activity} {row.phase}"
        sizes[label] += row.bytes
        seconds[label] += row.end_s - row.start_s
        joules[label] += row.energy_j
    return {
        "status": outcome.status,
        "rows": len(log.events),
        "digest": sha256("\n".join(map(_line, log.events)).encode()).hexdigest(),
        "simulated_s": log.end_s,
        "bytes": {label: size for label, size in sorted(sizes.items()) if size},
        "seconds": {label: value for label, value in sorted(seconds.items()) if value},
        "joules": {label: value for label, value in sorted(joules.items()) if value},
        "loss": [m.loss for m in log.metrics if m.client is None],
        "accuracy": [m.accuracy for m in log.metrics if m.client is None and m.accuracy is not None],
        "norms": [[float(t.double().norm()) for t in part.weights] for part in outcome.parts],
    }


def _line(row: Event) -> str:
    times = f"{row.start_s:.6f} {row.end_s:.6f}"
    names = f"{row.node} {row.peer} {row.activity} {row.phase} {row.round} {row.step}"
    return f"{times} {names} {row.bytes} {row.attempts} {row.delivered}"
