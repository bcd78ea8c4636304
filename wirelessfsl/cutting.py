"""Where to cut the model: every possible cut with what a round then costs, and the best of them.

Follows the idea of choosing the cut layer by delay or energy (Wu et al., IEEE JSAC 41(4), 2023, and others); here every
possibility is tried in closed form (:mod:`wirelessfsl.prediction`), with the shares of the band that the scenario's
allocation then gives: with ``allocation: min_makespan`` cut and bandwidth are chosen together. All clients get the same
cut, unless groups of devices have their own (splitfed_v1). What a cut does to the accuracy, and how much activations
tell of the data, is not weighed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wirelessfsl.learning.stage import cut_points_of
from wirelessfsl.prediction import Prediction, predict
from wirelessfsl.scenario import Scenario, cut_choices, cuts_of, dataset_of, model_of


def table(scenario: Scenario) -> list[Prediction]:
    """What a round costs for every possible cut (pairs of cuts where the scheme has two), in the model's order.

    The scenario's own cut is among them, too, where it stands inside of another module.

    Raises ValueError if the scheme does not cut the model.
    """
    s = scenario
    if not s.algorithm.cuts:
        raise ValueError(f"{s.name}: {s.algorithm.kind} does not cut the model; wirelessfsl list algorithms has others")
    dataset = dataset_of(s)
    place = cut_points_of(model_of(s, dataset))
    choices = {*cut_choices(s, dataset), *([] if s.model.cuts == "auto" else [cuts_of(s, dataset)])}
    ordered = sorted(choices, key=lambda cuts: [place[cut] for cut in cuts])
    return [predict(_cut(s, cuts), dataset) for cuts in ordered]


def chosen(scenario: Scenario) -> tuple[Scenario, str]:
    """The scenario with the cuts that cost least in place of ``cuts: auto``, and why; as it is if it has its cuts.

    A group of devices that has a cut of its own gets the one that is best if all clients were like these.
    """
    groups, reasons = [*scenario.devices], []
    for i, group in enumerate(groups):
        if group.model is not None and group.model.cuts == "auto":
            alike = replace(group, count=scenario.data.clients, model=None)
            found, why = chosen(replace(scenario, devices=(alike,), model=group.model))
            groups[i] = replace(group, model=found.model)
            reasons.append(f"devices.{i}.{why}")
    scenario, why = _chosen(replace(scenario, devices=tuple(groups)))
    return scenario, "\n".join([*([why] if why else []), *reasons])


def _chosen(scenario: Scenario) -> tuple[Scenario, str]:
    """As :func:`chosen`, of the model that all share."""
    if scenario.model.cuts != "auto":
        return scenario, ""
    found = table(scenario)
    best = quickest(found) if scenario.model.cut_for == "time" else thriftiest(found)
    why = (
        f"model.cuts: {', '.join(best.cuts)}, the least {scenario.model.cut_for} of {len(found)} possible:"
        f" {best.seconds:.4g} s and {best.joules:.4g} J a round and client are predicted"
    )
    return _cut(scenario, best.cuts), why


def quickest(found: Sequence[Prediction]) -> Prediction:
    """The cut with the shortest round; of equals the one with less energy."""
    return min(found, key=lambda each: (each.seconds, each.joules))


def thriftiest(found: Sequence[Prediction]) -> Prediction:
    """The cut with the least energy of the clients; of equals the one with the shorter round."""
    return min(found, key=lambda each: (each.joules, each.seconds))


def cells(scenario: Scenario) -> list[list[str]]:
    """The table as text, under a line of headings; the last column marks the scenario's own cut and the best ones."""
    found = table(scenario)
    own = None if scenario.model.cuts == "auto" else cuts_of(scenario, dataset_of(scenario))
    marks = {"least time": quickest(found).cuts, "least energy": thriftiest(found).cuts, "the scenario's": own}
    heads = ["cut", "client FLOPs", "server FLOPs", "activations B", "gradients B", "parameters", "s", "J", ""]
    rows = [
        [
            ", ".join(each.cuts),
            *(f"{flops:.4g}" for flops in (each.client_flops, each.server_flops)),
            *(str(size) for size in (each.activation_bytes, each.gradient_bytes, each.parameters)),
            *(f"{cost:.4g}" for cost in (each.seconds, each.joules)),
            ", ".join(mark for mark, cuts in marks.items() if cuts == each.cuts),
        ]
        for each in found
    ]
    return [heads, *rows]


def _cut(scenario: Scenario, cuts: tuple[str, ...]) -> Scenario:
    return replace(scenario, model=replace(scenario.model, cuts=cuts))
