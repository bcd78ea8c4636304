"""What is decided before a run: where the model is cut, and with which clocks and powers devices save energy.

A round's deadline (``devices.economy``) is split between computing and sending for every device by a search over its
transmit powers: with each of them the predicted airtime of a round leaves a time for computing, and that a clock. So it
works for every physical layer, for fading, and for tables of clocks; the continuous problem is solved by
:func:`wirelessfsl.radio.saving.under_deadline`. A group whose devices come out different is divided into groups of
equal ones, with clocks and powers written out, so that the resolved scenario says what was chosen. A deadline
that would not be kept, as who sends more slowly holds up others, is set shorter. Left out: that who is slower waits
less.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np

from wirelessfsl.cutting import chosen
from wirelessfsl.devices.economy import FullSpeed, UntilDeadline, slowed
from wirelessfsl.networking import duplexed, equipment
from wirelessfsl.prediction import Duty, duties, predict
from wirelessfsl.scenario import Devices, Scenario, dataset_of, rates_depend_on_power
from wirelessfsl.streams import Floats

STEP_DB = 0.25
"""Of the transmit powers that are tried."""
TRIES = 8
"""Deadlines tried, each shorter by as much as the round before was predicted to be late: who sends more slowly is on
the band for longer, and holds up others."""


def planned(scenario: Scenario) -> tuple[Scenario, str]:
    """The scenario with all that is left to be chosen before a run, and why, in lines; as it is if nothing is."""
    cut, cuts = chosen(scenario)
    thrifty, economy = economised(cut)
    return thrifty, "\n".join(why for why in (cuts, economy) if why)


def economised(scenario: Scenario) -> tuple[Scenario, str]:
    """The scenario with the clocks and powers of its devices' economy in place of it, and what they save.

    Its model must be cut (:func:`wirelessfsl.cutting.chosen`).
    """
    s = scenario
    if all(isinstance(group.economy, FullSpeed) for group in s.groups) or not s.has_clients:
        return s, ""
    dataset = dataset_of(s)
    given = [group.economy for group in s.groups if isinstance(group.economy, UntilDeadline)]
    widest = max(each.power_range_db for each in given) if rates_depend_on_power(s) else 0.0
    longest_s = max(each.round_s for each in given)
    less_db: Floats = STEP_DB * np.arange(int(widest / STEP_DB) + 1.0)
    parts, before = duties(s, dataset, less_db), predict(s, dataset)
    shorter = 1.0
    for _ in range(TRIES):
        saving = replace(s, devices=_groups(s, parts, less_db, shorter))
        after = predict(saving, dataset)
        if after.seconds <= longest_s * 1.001:
            break
        shorter *= longest_s / after.seconds
    return saving, (
        f"devices.economy: {before.joules:.4g} J a round and client at full speed, {after.joules:.4g} J are predicted;"
        f" a round takes {before.seconds:.4g} s, {after.seconds:.4g} s are predicted"
    )


def _groups(s: Scenario, parts: list[Duty], less_db: Floats, shorter: float) -> tuple[Devices, ...]:
    """The devices with their clocks and powers, equal neighbours together."""
    duty = iter(parts)
    return tuple(
        replace(group, count=sum(1 for _ in alike))
        for owner in s.groups
        for group, alike in groupby(
            _thrifty(s, replace(owner, count=1), next(duty), less_db, shorter) for _ in range(owner.count)
        )
    )


def _thrifty(s: Scenario, owner: Devices, duty: Duty, less_db: Floats, shorter: float) -> Devices:
    """A device with the clock and the power at which its part of a round costs least."""
    economy = owner.economy
    if isinstance(economy, FullSpeed):
        return owner
    processor, radio = equipment(owner)

    def tried() -> Iterator[tuple[float, Devices]]:
        for less, sending_s in zip(less_db.tolist(), duty.sending_s.tolist(), strict=True):
            if less > economy.power_range_db:
                return
            try:
                soft = replace(radio, tx_power_dbm=radio.tx_power_dbm - less)
            except ValueError:  # no radio of its kind sends as softly
                return
            left_s = float(duty.left_s(shorter * economy.round_s)) - sending_s
            slow = slowed(processor, duty.flops, left_s, economy.lowest_clock)
            if slow.seconds(duty.flops) <= left_s * (1.0 + 1e-9):
                states = duplexed(s, soft).states
                sending_w = states.transmit_w - states.silent[0].power_w
                joules = slow.energy_j(duty.flops) + sending_s * sending_w
                yield joules, replace(owner, processor=slow, radio=soft, economy=FullSpeed())

    return min(tried(), key=lambda each: each[0], default=(0.0, replace(owner, economy=FullSpeed())))[1]
