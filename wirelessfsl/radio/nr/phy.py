"""The NR physical layer: goodput of link adaptation and HARQ at an SINR, in bit/s/Hz of the occupied band.

Every link sends transport blocks of ``block_prb`` resource blocks, slot after slot, with the MCS that the inner loop
takes for the SINR; what arrives after retransmissions is its goodput. Exact for such blocks while the SINR stays, with
the error curves of :mod:`wirelessfsl.radio.nr.blocks`; :mod:`wirelessfsl.radio.nr.slots` plays the same blocks one by
one. The SINR is known without error and delay, each layer has that of the link (ideal spatial multiplexing).

The inner loop takes the highest MCS whose transmissions fail with at most the target, or with less where a target's
failures would cost more than the MCS gains on the next lower one: so the goodput never falls as the SINR rises.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.radio.effective import exponential, mean_capacity
from wirelessfsl.radio.nr.blocks import TransportBlocks
from wirelessfsl.radio.nr.curves import CURVES
from wirelessfsl.radio.nr.harq import Harq, Outcome
from wirelessfsl.radio.nr.numerology import (
    RESOURCE_BLOCKS,
    SYMBOLS,
    FrequencyRange,
    SubcarrierSpacingKhz,
    occupied_hz,
    resource_blocks,
    shortest_round_trip_slots,
    slot_s,
)
from wirelessfsl.radio.nr.tables import CQI, MCS
from wirelessfsl.radio.nr.transport import elements
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats
from wirelessfsl.units import Ge, Gt, Le, PositiveFraction

LossDb = Annotated[float, Ge(0), Le(20)]
TargetBler = Annotated[float, Gt(0), Le(0.5)]


@settings
class Nr:
    """5G New Radio: MCS tables, transport blocks, block errors, HARQ, overheads and TDD.

    e = share TBS (1 - F_M) / (1 + F_1 + ... + F_(M-1)) / (12 block_prb spacing slot) in bit/s/Hz of the occupied band,
    with the transport block size TBS of the MCS that is taken and the probability F_k that k transmissions of it fail.

    3GPP TS 38.214, sec. 5.1.3 (MCS, transport block size); error curves fitted to LDPC simulations.

    mcs_table: table of TS 38.214, sec. 5.1.3.1; 1 up to 64QAM, 2 up to 256QAM, 3 low efficiency, 4 up to 1024QAM.
    frequency_range: fr1 (below 7.125 GHz) or fr2 (above 24.25 GHz); says with the spacing how many resource blocks a
        band has.
    subcarrier_spacing_khz: 15, 30 or 60 in fr1, 60 or 120 in fr2.
    layers: spatial layers, 1 to 4, each with the SINR of the link.
    symbols: symbols of a slot for data and its reference symbols, 1 to 14; the others are for control.
    dmrs_re_per_prb: resource elements of reference symbols in a resource block and slot, 0 to 72.
    overhead_re_per_prb: further resource elements without data (xOverhead), 0, 6, 12 or 18.
    uplink_share: share of the time that the uplink has, (0, 1]; 1 is a band of its own (FDD), TDD's DDDSU leaves
        0.2 to 0.25.
    downlink_share: share of the time that the downlink has, (0, 1]; both add up to 1 at most, or are both 1.
    block_prb: resource blocks of a transport block, 1 to 275; larger ones have longer codes and more of them.
    target_bler: share of first transmissions that may fail, > 0 to 0.5.
    implementation_loss_db: by how much receivers are worse than the simulated one, which knows the channel, 0 to 20 dB.
    report: sinr adapts to the SINR itself, cqi to what a device reports, so that only MCS of the CQI table are used.
    harq: retransmission of failed blocks.

    >>> Nr().one_way("uplink").efficiency(np.array([1.0, 1e4])).round(3)
    array([0.28 , 5.409])
    """

    kind: Literal["nr"] = "nr"
    mcs_table: Literal[1, 2, 3, 4] = 2
    frequency_range: FrequencyRange = "fr1"
    subcarrier_spacing_khz: SubcarrierSpacingKhz = 30
    layers: Annotated[int, Ge(1), Le(4)] = 1
    symbols: Annotated[int, Ge(1), Le(SYMBOLS)] = 12
    dmrs_re_per_prb: Annotated[int, Ge(0), Le(72)] = 12
    overhead_re_per_prb: Literal[0, 6, 12, 18] = 0
    uplink_share: PositiveFraction = 1.0
    downlink_share: PositiveFraction = 1.0
    block_prb: Annotated[int, Ge(1), Le(275)] = 10
    target_bler: TargetBler = 0.1
    implementation_loss_db: LossDb = 2.0
    report: Literal["sinr", "cqi"] = "sinr"
    harq: Harq = Harq()

    def __post_init__(self) -> None:
        if (self.frequency_range, self.subcarrier_spacing_khz) not in RESOURCE_BLOCKS:
            allowed = " or ".join(str(khz) for known, khz in RESOURCE_BLOCKS if known == self.frequency_range)
            got = self.subcarrier_spacing_khz
            raise ValueError(f"Nr.subcarrier_spacing_khz: got {got}, must be {allowed} in {self.frequency_range}")
        shortest = shortest_round_trip_slots(self.subcarrier_spacing_khz)
        if self.harq.transmissions > 1 and self.harq.rtt_slots < shortest:
            raise ValueError(
                f"Nr.harq: got rtt_slots {self.harq.rtt_slots}, must be >= {shortest}, which a device takes to answer"
            )
        if 1.0 + 1e-9 < self.uplink_share + self.downlink_share < 2.0:
            raise ValueError(
                f"Nr.downlink_share: got {self.downlink_share:g} beside uplink_share {self.uplink_share:g}, must add up"
                " to 1 at most (TDD), or both must be 1 (FDD)"
            )
        if elements(self.symbols, self.dmrs_re_per_prb, self.overhead_re_per_prb) < 1:
            raise ValueError(
                f"Nr.symbols: got {self.symbols}, which leaves no room for data beside dmrs_re_per_prb"
                f" {self.dmrs_re_per_prb} and overhead_re_per_prb {self.overhead_re_per_prb}"
            )

    def one_way(self, direction: str, acknowledged: bool = True) -> NrLink:
        """The physical layer in one direction, ``uplink`` or ``downlink``.

        acknowledged: whether what HARQ gives up is sent again (RLC acknowledged mode, 3GPP TS 38.322), or is lost.
        """
        share = self.uplink_share if direction == "uplink" else self.downlink_share
        return NrLink(self, share, acknowledged)


class NrLink:
    """NR in one direction, for links of any SINR.

    phy: the settings.
    share: share of the time that the direction has, (0, 1].
    acknowledged: whether blocks that are lost after all their transmissions are sent again.
    """

    def __init__(self, phy: Nr, share: float, acknowledged: bool = True) -> None:
        self._phy, self._acknowledged = phy, acknowledged
        self.adaptation = Adaptation.of(phy, phy.block_prb)
        slot_hz_s = occupied_hz(phy.block_prb, phy.subcarrier_spacing_khz) * slot_s(phy.subcarrier_spacing_khz)
        self._efficiency = self.adaptation.blocks.bits * (share * phy.harq.busy / slot_hz_s)
        self._beta = np.array([CURVES[scheme].beta for scheme in MCS[phy.mcs_table]])

    def occupied_hz(self, bandwidth_hz: float) -> float:
        """Width of the resource blocks of a carrier, Hz; raises ValueError for one that NR does not have."""
        spacing_khz = self._phy.subcarrier_spacing_khz
        return occupied_hz(resource_blocks(bandwidth_hz, spacing_khz, self._phy.frequency_range), spacing_khz)

    def mcs(self, sinr: Floats) -> NDArray[np.intp]:
        """Index of the MCS of every link, shape as ``sinr``, which is linear, >= 0."""
        return self.adaptation.mcs(_decibel(sinr))

    def efficiency(self, sinr: Floats) -> Floats:
        """Mean goodput of every link, bit/s/Hz of the occupied band, shape as ``sinr``.

        Without acknowledgement it has what is lost in it, too.

        sinr: signal to interference and noise ratio, linear, >= 0.
        """
        mcs, outcome = self._outcome(sinr)
        return self._efficiency[mcs] * (outcome.goodput if self._acknowledged else 1.0 / outcome.transmissions)

    def goodput(self, sinr: Floats) -> Floats:
        """What of it arrives, whether or not what is lost is sent again, bit/s/Hz, shape as ``sinr``."""
        mcs, outcome = self._outcome(sinr)
        return self._efficiency[mcs] * outcome.goodput

    def residual(self, sinr: Floats) -> Floats:
        """Probability that a transport block is lost after all its transmissions, shape as ``sinr``."""
        return self._outcome(sinr)[1].residual

    def transmissions(self, sinr: Floats) -> Floats:
        """Mean number of transmissions of a transport block, shape as ``sinr``."""
        return self._outcome(sinr)[1].transmissions

    def delay_s(self, sinr: Floats) -> Floats:
        """Mean delay that retransmissions add to a block, s, shape as ``sinr``: a round trip each."""
        round_trip_s = self._phy.harq.rtt_slots * slot_s(self._phy.subcarrier_spacing_khz)
        return (self.transmissions(sinr) - 1.0) * round_trip_s

    def effective_sinr(self, sinr: Floats) -> Floats:
        """SINR of the flat channel on which blocks fail as often: the exponential mean, with the beta of the MCS.

        The MCS is that of the SINR of equal capacity.

        sinr: of each of K parts of the band, linear, shape (n, K); the result has shape (n,).
        """
        return exponential(sinr, self._beta[self.mcs(mean_capacity(sinr))])

    def _outcome(self, sinr: Floats) -> tuple[NDArray[np.intp], Outcome]:
        sinr_db = _decibel(sinr)
        mcs = self.adaptation.mcs(sinr_db)
        return mcs, self._phy.harq.outcome(lambda at_db: self.adaptation.blocks.error(mcs, at_db), sinr_db)


class Adaptation:
    """The inner loop: which MCS a link takes at an SINR, for transport blocks of a number ``prb`` of resource blocks.

    ``blocks`` are the transport blocks of every MCS, ``threshold_db`` the SINR in dB from which each is taken: rising,
    and the same as the next one's where it never is.
    """

    def __init__(self, phy: Nr, prb: int) -> None:
        schemes = MCS[phy.mcs_table]
        overheads = phy.symbols, phy.dmrs_re_per_prb, phy.overhead_re_per_prb
        self.blocks = TransportBlocks(schemes, prb, phy.implementation_loss_db, *overheads, phy.layers)
        reported = np.array([phy.report == "sinr" or scheme in CQI[phy.mcs_table] for scheme in schemes])
        bits = np.where(reported, self.blocks.bits, self.blocks.bits[0])
        lower = np.maximum.accumulate([1, *bits[:-1]])
        # A share p of failures costs at most p of the goodput.
        failing = np.clip(1.0 - lower / bits, 0.0, phy.target_bler)
        self.threshold_db: Floats = np.minimum.accumulate(self.blocks.required_db(failing)[::-1])[::-1]

    @staticmethod
    @lru_cache(1024)
    def of(phy: Nr, prb: int) -> Adaptation:
        """The same object for the same settings."""
        return Adaptation(phy, prb)

    def mcs(self, sinr_db: Floats) -> NDArray[np.intp]:
        """Index of the MCS at an SINR in dB; the lowest also where it fails more often than the target."""
        index: NDArray[Any] = np.searchsorted(self.threshold_db[1:], sinr_db, side="right")
        return index


def _decibel(sinr: Floats) -> Floats:
    """SINR in dB, -inf for none."""
    with np.errstate(divide="ignore"):
        return 10.0 * np.log10(sinr)
