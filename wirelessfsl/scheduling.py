"""From the network of a scenario to the airs of an OFDMA band."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import ClassVar, Literal

from wirelessfsl.engine.access import Ofdma
from wirelessfsl.engine.airs import SharedAir
from wirelessfsl.engine.kept import Made
from wirelessfsl.engine.ofdma import OfdmaAir
from wirelessfsl.engine.slotted import Faultless, Sending, SlottedAir
from wirelessfsl.radio.grid import grid, is_downlink, is_uplink
from wirelessfsl.radio.link import Channel, Links, Phy
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.nr.slots import OuterLoop, SlotLink
from wirelessfsl.scenario import Scenario
from wirelessfsl.streams import Floats, Keys, keys, uniforms

Way = Literal["uplink", "downlink"]
WAYS: tuple[Way, Way] = ("uplink", "downlink")


def ofdma_air(
    channel: Channel, medium: Ofdma, way: Way, links: Links, transmit_w: Floats, noise_w_hz: Floats, bandwidth_hz: float
) -> OfdmaAir:
    """One direction of an OFDMA band, as a fluid."""
    blocks = grid(channel.phy, bandwidth_hz, medium.subcarrier_spacing_khz)
    width_hz = bandwidth_hz if isinstance(channel.phy, Nr) else blocks.width_hz
    access_s = medium.access.mean_s(blocks.spacing_khz) if way == "uplink" else 0.0
    ends = transmit_w, noise_w_hz, width_hz, way == "downlink"
    phy, time_share = channel.phy.one_way(way), getattr(channel.phy, f"{way}_share", 1.0)
    return OfdmaAir(links, phy, *ends, blocks, medium.scheduler, medium.power_control, access_s, time_share)


def slotted_airs(s: Scenario, medium: Ofdma, both: Iterable[SharedAir], names: Sequence[str]) -> Iterator[SlottedAir]:
    """Uplink and downlink of an OFDMA band slot by slot, from both as a fluid."""
    phy = s.network.channel.phy
    up, down = (phy.uplink_share, phy.downlink_share) if isinstance(phy, Nr) else (1.0, 1.0)
    own = partial(is_uplink, share=up), partial(is_downlink, share=down, uplink_share=up)
    for way, air, of_way in zip(WAYS, both, own, strict=True):
        assert isinstance(air, OfdmaAir)
        errors, requests = (keys(s.seed, [(of, name, way) for name in names]) for of in ("block errors", "requests"))
        sending, waiting = Senders(phy, air, medium.outer_loop_step_db), _waiting(air, medium, way, requests)
        yield SlottedAir(air, sending, waiting, of_way, errors)


class Senders:
    """What messages over a link send by; the outer loop is the link's."""

    KEPT: ClassVar[tuple[str, ...]] = ("loops",)

    def __init__(self, phy: Phy, air: OfdmaAir, step_db: float) -> None:
        self._phy, self._air, self._step_db = phy, air, step_db
        self.loops: Made[OuterLoop] = Made(lambda link: self._link().outer_loop)

    def __call__(self, link: int) -> Sending:
        if not isinstance(self._phy, Nr):
            return Faultless(self._air.phy, self._air.grid)
        sending = self._link()
        sending.outer_loop = self.loops[link,]
        return sending

    def _link(self) -> SlotLink:
        assert isinstance(self._phy, Nr)
        return SlotLink(self._phy, self._step_db)


def _waiting(air: OfdmaAir, medium: Ofdma, way: Way, requests: Keys) -> Callable[[int, int], int]:
    """For how many slots a message over a link waits that comes in a slot."""
    if way == "downlink":
        return lambda link, slot: 0
    spacing_khz = air.grid.spacing_khz
    return lambda link, slot: medium.access.wait_slots(spacing_khz, uniforms(requests[[link]], slot).item())
