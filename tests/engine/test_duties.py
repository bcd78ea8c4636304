"""What devices draw that send in shares of the time: booked for all at once, it is what each would be told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.engine.test_accounts import DEVICES
from tests.worlds import DEVICE, ListLog, run, tiny
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.engine.access import Ofdma
from wirelessfsl.engine.duties import Duties
from wirelessfsl.engine.node import Node
from wirelessfsl.engine.participation import Participation
from wirelessfsl.network.layout import Fixed
from wirelessfsl.radio.fading import Rayleigh
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.power_control import FractionalPower, FullPower
from wirelessfsl.radio.scheduling import ProportionalFair, RoundRobin
from wirelessfsl.scenario import Scenario


def crowd(medium: Ofdma) -> Scenario:
    """More devices than resource blocks, some of which fail, run empty, sleep, or are late."""
    return tiny(
        devices=(*DEVICES, replace(DEVICE, count=9)),
        algorithm=SplitFedV1(rounds=2, local_steps=2, batch_size=16),
        medium=medium,
        channel=Channel(
            fading=Rayleigh(coherence_time_s=0.1), phy=Nr() if medium.bandwidth_hz > 2e6 else Channel().phy
        ),
        layout=Fixed(distances_m=(100.0, 200.0, 300.0)),
        participation=Participation(deadline_s=12.0),
    )


@pytest.mark.parametrize(
    "medium",
    [
        Ofdma(bandwidth_hz=1e6, scheduler=RoundRobin()),
        Ofdma(bandwidth_hz=1e6, scheduler=ProportionalFair(), power_control=FractionalPower()),
        Ofdma(bandwidth_hz=5e6, power_control=FullPower()),
    ],
    ids=["shares of the time", "one after the other", "blocks at once"],
)
def test_the_log_is_the_same_to_the_last_bit_if_every_sender_is_told(
    medium: Ofdma, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = 0
    enter = Duties._enter

    def counted(self: Duties, node: Node, number: int, level: float) -> int:
        nonlocal entered
        entered += 1
        return enter(self, node, number, level)

    def log() -> ListLog:
        return run(crowd(medium))[0]

    monkeypatch.setattr(Duties, "_enter", counted)
    booked = log()
    assert entered
    monkeypatch.setattr("wirelessfsl.engine.duties._only_sends", lambda node: False)
    assert booked.events == log().events
