"""The views that a query sees: their columns, each with its SQL type and meaning.

``run``, ``name``, ``algorithm`` and ``seed`` are in every view, so that most questions need no join.
"""

from __future__ import annotations

_RUN = {
    "run": ("VARCHAR", "the run folder"),
    "name": ("VARCHAR", "of the scenario"),
    "algorithm": ("VARCHAR", "kind of the scheme"),
    "seed": ("BIGINT", "of the run"),
}
_COUNT, _NUMBER, _TEXT = "BIGINT", "DOUBLE", "VARCHAR"

VIEWS: dict[str, dict[str, tuple[str, str]]] = {
    "runs": {
        **_RUN,
        "status": (_TEXT, "completed, exhausted (no client left), running, interrupted or failed"),
        "digest": (_TEXT, "of the resolved scenario, seed and name included: equal runs have equal ones"),
        "timing_only": ("BOOLEAN", "whether nothing was learnt"),
        "personal": ("BOOLEAN", "whether accuracies are means over clients' own models, on their own test samples"),
        "rounds": (_COUNT, "completed rounds"),
        "simulated_s": (_NUMBER, "simulated seconds"),
        "accuracy": (_NUMBER, "of the last evaluation, 0 to 1"),
        "loss": (_NUMBER, "of the last evaluation"),
        "best_accuracy": (_NUMBER, "highest of any evaluation, 0 to 1"),
        "worst_client_accuracy": (_NUMBER, "lowest of a client in the last evaluation, 0 to 1"),
        "energy_j": (_NUMBER, "joules of all nodes"),
        "devices_energy_j": (_NUMBER, "joules of the clients"),
        "server_energy_j": (_NUMBER, "joules of the servers"),
        "uplink_bytes": (_COUNT, "bytes that clients sent"),
        "downlink_bytes": (_COUNT, "bytes that servers sent to clients"),
        "time_to_accuracy": (_NUMBER, "seconds to the first target of evaluation.target_accuracy; null: not reached"),
        "energy_to_accuracy": (_NUMBER, "joules of all nodes to it"),
        "times_to_accuracy": ("MAP(DOUBLE, DOUBLE)", "seconds to every target, such as times_to_accuracy[0.9]"),
        "energies_to_accuracy": ("MAP(DOUBLE, DOUBLE)", "joules of all nodes to every target"),
        "scenario": ("JSON", "resolved; any setting as text is scenario->>'$.network.medium.bandwidth_hz'"),
    },
    "metrics": {
        **_RUN,
        "round": (_COUNT, "rounds done at the evaluation"),
        "time_s": (_NUMBER, "simulated seconds so far"),
        "client": (_TEXT, "null: over all clients"),
        "split": (_TEXT, "test (held-out samples) or train (mean loss of the round's batches)"),
        "loss": (_NUMBER, "mean over samples or batches"),
        "accuracy": (_NUMBER, "0 to 1; null in training"),
        "energy_j": (_NUMBER, "joules so far, of the client or of all nodes"),
        "uplink_bytes": (_COUNT, "bytes up so far, of the client or of all"),
        "downlink_bytes": (_COUNT, "bytes down so far, of the client or of all"),
    },
    "events": {
        **_RUN,
        "start_s": (_NUMBER, "simulated seconds at its begin"),
        "end_s": (_NUMBER, "simulated seconds at its end"),
        "node": (_TEXT, "who does it: server or client-0, client-1, ..."),
        "peer": (_TEXT, "with or for whom; empty: nobody"),
        "activity": (_TEXT, "compute, transfer, receive, wait, idle or drop"),
        "phase": (_TEXT, "of training, such as client_forward or activations"),
        "round": (_COUNT, "from 1"),
        "step": (_COUNT, "batch in the round"),
        "bytes": (_COUNT, "that flew"),
        "flops": (_NUMBER, "floating-point operations; a multiplication with an addition is two"),
        "energy_j": (_NUMBER, "joules that node drew"),
        "attempts": (_COUNT, "transmissions of the message"),
        "delivered": ("BOOLEAN", "whether it arrived"),
    },
    "targets": {
        **_RUN,
        "target": (_NUMBER, "an accuracy of evaluation.target_accuracy, one row each"),
        "round": (_COUNT, "of the first evaluation that has it; null, as all that follow, if it was not reached"),
        "time_s": (_NUMBER, "simulated seconds to it"),
        "energy_j": (_NUMBER, "joules of all nodes to it"),
        "bytes": (_COUNT, "bytes up and down to it"),
    },
    "settings": {
        **_RUN,
        "path": (_TEXT, "a setting of the resolved scenario, dotted as in --set: codecs.activations.0.bits"),
        "value": (_TEXT, "as text"),
    },
}
"""By view and column: SQL type and meaning."""

RUN = tuple(_RUN)
"""The columns that every view begins with."""
