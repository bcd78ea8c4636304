"""Multiple access: the ways in which messages share what carries them (``network.medium``)."""

from __future__ import annotations

from math import inf
from typing import Annotated, Literal

from wirelessfsl.settings import Kinds, settings
from wirelessfsl.units import BandwidthHz, LatencyS, RateBitS


@settings
class Fdma:
    """Frequency division: all transfers at once, each on an equal share of the band.

    With n transfers under way each has bandwidth_hz / n; shares are planned anew whenever one comes or goes. Devices
    keep their full transmit power in a narrower share; the server's is spread over the band.

    bandwidth_hz: width of the uplink band in Hz, 1e3 to 1e12.
    downlink_bandwidth_hz: width of the downlink band in Hz; by default as the uplink's.
    latency_s: constant delay of every message in s (access, propagation, processing), 0 to 3600.
    allocation: how the band is shared; equal parts.

    >>> Fdma(bandwidth_hz=20e6).width
    inf
    """

    kind: Literal["fdma"] = "fdma"
    bandwidth_hz: BandwidthHz = 20e6
    downlink_bandwidth_hz: BandwidthHz | None = None
    latency_s: LatencyS = 0.005
    allocation: Literal["equal"] = "equal"

    @property
    def width(self) -> float:
        """Transfers that share the band at once."""
        return inf


@settings
class Tdma:
    """Time division: one transfer at a time on the whole band, first come, first served; one queue per direction.

    bandwidth_hz: width of the uplink band in Hz, 1e3 to 1e12.
    downlink_bandwidth_hz: width of the downlink band in Hz; by default as the uplink's.
    latency_s: constant delay of every message in s (access, propagation, processing), 0 to 3600.

    >>> Tdma(bandwidth_hz=20e6).width
    1.0
    """

    kind: Literal["tdma"] = "tdma"
    bandwidth_hz: BandwidthHz = 20e6
    downlink_bandwidth_hz: BandwidthHz | None = None
    latency_s: LatencyS = 0.005

    @property
    def width(self) -> float:
        """Transfers that share the band at once."""
        return 1.0


@settings
class ConstantLink:
    """A link of its own for every client, with constant rate and latency: wired, or "just give me 10 Mbit/s and 20 ms".

    A message of b bytes takes latency_s + 8 b / rate. Needs no layout and no channel.

    uplink_bit_s: rate from client to server in bit/s, 1 to 1e13.
    downlink_bit_s: rate from server to client in bit/s, 1 to 1e13.
    latency_s: constant delay of every message in s, 0 to 3600.

    >>> ConstantLink().uplink_bit_s
    10000000.0
    """

    kind: Literal["constant"] = "constant"
    uplink_bit_s: RateBitS = 10e6
    downlink_bit_s: RateBitS = 10e6
    latency_s: LatencyS = 0.02


MediumSettings = Annotated[Fdma | Tdma | ConstantLink, Kinds()]
