"""What cannot be together with single schemes: numbers of clients and rounds, codecs, what is pruned or frozen."""

from __future__ import annotations

from collections.abc import Iterator

from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.pfsl import PFSL
from wirelessfsl.learning.data import Dataset
from wirelessfsl.records import MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.scenario.derived import cuttings_of, unfit
from wirelessfsl.scenario.problems import Path, Problem
from wirelessfsl.scenario.settings import Scenario


def of_clients(s: Scenario) -> Iterator[Problem]:
    """Of schemes that ask for a number of clients."""
    clients, cluster = s.data.clients, getattr(s.algorithm, "cluster_size", 0)
    if cluster > clients:
        text = f"got {cluster}, must be at most data.clients = {clients}"
        yield Problem(("algorithm", "cluster_size"), text, reads=(("data", "clients"),))
    if isinstance(s.algorithm, MTSL):
        yield from _of_mtsl(s.algorithm, clients)


def of_codecs(s: Scenario, message: str) -> Iterator[Problem]:
    """Of schemes whose weights are no matrices."""
    if message not in (MODEL_UPLOAD, MODEL_DOWNLOAD):
        return
    if isinstance(s.algorithm, FedSL) and s.algorithm.pruning.kind == "weights":
        for i, codec in enumerate(getattr(s.codecs, message)):
            if codec.kind == "power_sgd":
                text = "power_sgd has no effect: what pruning by weights leaves are rows of numbers, no matrices"
                yield Problem(("codecs", message, i), text, reads=(("algorithm", "pruning"),))


def of_parts(s: Scenario, dataset: Dataset, reads: tuple[Path, ...]) -> Iterator[Problem]:
    """Of schemes that prune or freeze what is before or between the cuts."""
    match s.algorithm:
        case FedSL() as scheme:
            yield from _of_fedsl(s, scheme)
            knob = "pruning"
        case PFSL() as scheme:
            yield from _of_pfsl(scheme, s.data.clients)
            knob = "frozen"
        case _:
            return
    reasons = [unfit(s, dataset, cuts) for cuts in cuttings_of(s, dataset)]
    if all(reasons):
        yield Problem(("algorithm", knob), reasons[-1], reads=(*reads, ("model", "cuts")))


def _of_mtsl(scheme: MTSL, clients: int) -> Iterator[Problem]:
    rates = scheme.client_rates
    if rates is not None and len(rates) != clients:
        text = f"got {len(rates)} rates, must be data.clients = {clients}"
        yield Problem(("algorithm", "client_rates"), text, reads=(("data", "clients"),))
    if scheme.newcomers >= clients:
        text = f"got {scheme.newcomers}, must be less than data.clients = {clients}"
        yield Problem(("algorithm", "newcomers"), text, reads=(("data", "clients"),))
    if scheme.newcomers and scheme.newcomers_round > scheme.rounds:
        text = f"got {scheme.newcomers_round}, must be at most algorithm.rounds = {scheme.rounds}"
        yield Problem(("algorithm", "newcomers_round"), text, reads=(("algorithm", "rounds"),))


def _of_fedsl(s: Scenario, scheme: FedSL) -> Iterator[Problem]:
    if scheme.interval > scheme.rounds:
        text = f"got {scheme.interval}, must be at most algorithm.rounds = {scheme.rounds}"
        yield Problem(("algorithm", "interval"), text, reads=(("algorithm", "rounds"),))
    if scheme.pruning.kind != "none" and not scheme.prunes:
        text = "begins after the last aggregation that a round follows: nothing is ever pruned; start earlier"
        yield Problem(("algorithm", "pruning", "schedule"), text, reads=(("algorithm", "rounds"),))
    if scheme.pruning.kind != "none" and s.network.transport.outage.model_download == "reuse":
        text = "got 'reuse', must be drop: with pruning a client needs the newest masks"
        outage = "network", "transport", "outage", "model_download"
        yield Problem(outage, text, reads=(("algorithm", "pruning"),))


def _of_pfsl(scheme: PFSL, clients: int) -> Iterator[Problem]:
    rounds, checkpoint = scheme.rounds, scheme.checkpoint
    if checkpoint is not None and checkpoint >= rounds - 1:
        text = f"got {checkpoint}, must be less than algorithm.rounds - 1 = {rounds - 1}: nothing would be personalised"
        yield Problem(("algorithm", "checkpoint"), text, reads=(("algorithm", "rounds"),))
    if scheme.drop_rate and not scheme.vanishing(clients):
        text = f"got {scheme.drop_rate:g}: nobody of data.clients = {clients}; must be 0, or 1 / clients or more"
        yield Problem(("algorithm", "drop_rate"), text, reads=(("data", "clients"),))
