"""Multiple access: the ways in which messages share what carries them (``network.medium``)."""

from __future__ import annotations

from math import inf
from typing import Annotated, Literal

from wirelessfsl.network.traces import AtEnd, Direction, Format, Steps, read_latencies, read_rates
from wirelessfsl.radio.allocation import Allocation, Equal
from wirelessfsl.radio.aloha import SlottedAloha
from wirelessfsl.radio.nr.access import Access, Granted
from wirelessfsl.radio.nr.numerology import SubcarrierSpacingKhz
from wirelessfsl.radio.power_control import FullPower, PowerControl
from wirelessfsl.radio.scheduling import RoundRobin, Scheduler
from wirelessfsl.radio.wifi import Wifi
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.units import BandwidthHz, Ge, LatencyS, Le, RateBitS


@settings
class Fdma:
    """Frequency division: all transfers at once, each on a share of the band.

    r_i = b_i e(SNR_i) in a share of b_i Hz, with b_i = B / n if n transfers have equal ones. Devices keep their full
    transmit power in a narrower share, SNR_i = P_i g_i / (N0 b_i); the server's is spread over the band,
    SNR_i = P g_i / (N0 B). A device that is too weak for the least rate of the physical layer in its share sends in the
    part of it where its power carries most. Shares are planned anew whenever a transfer comes or goes, and with every
    change of the channel; what has flown by then is the integral of the rate.

    Tse and Viswanath 2005, ch. 6 (orthogonal multiple access).

    bandwidth_hz: width of the uplink band in Hz, 1e3 to 1e12.
    downlink_bandwidth_hz: width of the downlink band in Hz; by default as the uplink's.
    latency_s: constant delay of every message in s (access, propagation, processing), 0 to 3600.
    allocation: how the band is shared, by default in equal parts; a kind may stand as a word alone.

    >>> Fdma(bandwidth_hz=20e6).width
    inf
    """

    kind: Literal["fdma"] = "fdma"
    bandwidth_hz: BandwidthHz = 20e6
    downlink_bandwidth_hz: BandwidthHz | None = None
    latency_s: LatencyS = 0.005
    allocation: Allocation = Equal()

    @property
    def width(self) -> float:
        """Transfers that share the band at once."""
        return inf


@settings
class Tdma:
    """Time division: one transfer at a time on the whole band, first come, first served; one queue per direction.

    r = B e(SNR) with SNR = P g / (N0 B) for the one that is in the air; the others wait.

    Tse and Viswanath 2005, ch. 6 (orthogonal multiple access).

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
class Ofdma:
    """Orthogonal frequency-division multiple access: a scheduler deals out resource blocks, slot by slot.

    Blocks are 12 subcarriers wide, B / (12 spacing) of them or those of an NR carrier, and slots 15 ms kHz / spacing
    long. By default every message has its mean share of them until the channel changes or a message comes or goes, and
    the mean wait for access and retransmission; mode slots plays every slot, with whole blocks, errors that are drawn,
    and retransmissions, as a check of this or where single slots matter.

    3GPP TS 38.211, sec. 4; TS 38.214, sec. 5.1 and 6.1.

    bandwidth_hz: width of the uplink band in Hz, 1e3 to 1e12.
    downlink_bandwidth_hz: width of the downlink band in Hz; by default as the uplink's.
    latency_s: constant delay of every message in s (propagation, processing), 0 to 3600.
    scheduler: who has which blocks.
    access: how a device comes to its first block in the uplink.
    power_control: with how much power devices send.
    subcarrier_spacing_khz: 15, 30, 60 or 120, for blocks of 180 kHz and slots of 1 ms, up to 1440 kHz and 0.125 ms; NR
        has its own.
    mode: fluid for mean shares, slots to play every slot.
    outer_loop_step_db: step by which NR's link adaptation raises its offset after a block that arrives in dB, 0 to 2; 0
        takes the SINR as it is. Only slots have it.

    >>> Ofdma(bandwidth_hz=20e6).width
    inf
    """

    kind: Literal["ofdma"] = "ofdma"
    bandwidth_hz: BandwidthHz = 20e6
    downlink_bandwidth_hz: BandwidthHz | None = None
    latency_s: LatencyS = 0.005
    scheduler: Scheduler = RoundRobin()
    access: Access = Granted()
    power_control: PowerControl = FullPower()
    subcarrier_spacing_khz: SubcarrierSpacingKhz = 15
    mode: Literal["fluid", "slots"] = "fluid"
    outer_loop_step_db: Annotated[float, Ge(0), Le(2)] = 0.0

    @property
    def width(self) -> float:
        """Transfers that share the band at once."""
        return inf


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


@settings
class TraceLinks:
    """A link of its own for every client, with rates (and latencies) over time from files, as measured in some network.

    A message of b bytes that begins to fly at t arrives at T + latency(T), where the rate's integral from t to T is
    8 b. Needs no layout and no channel. Traces begin with the run; the last value of a CSV file lasts as long as that
    before it. Where every client has rows under its own name (client-0, client-1, ...) it gets those; otherwise the
    traces are dealt to the clients in turn. Messages from client to client have the sender's uplink.

    Netravali et al., "Mahimahi: Accurate Record-and-Replay for HTTP", USENIX ATC 2015 (its format).

    uplink: files of rates from client to server; relative paths are from the folder where the tool runs.
    downlink: files of rates from server to client; by default those of the uplink.
    format: csv is columns time_s and rate_bit_s, perhaps direction (uplink or downlink) and device; mahimahi is a line
        for every packet of 1500 bytes that can leave, with its time in ms.
    bin_s: time over which rates of format mahimahi are means, in s, whole milliseconds, 0.001 to 3600.
    at_end: at its end a trace begins again (loop), keeps its last value (hold), or ends the run with an error (stop).
    latency_s: constant delay of every message in s, 0 to 3600.
    latency: CSV files of latencies, columns time_s and latency_s, perhaps direction and device, instead of a constant.
    sha256: digest that what it reads must have, hexadecimal; a run writes down the present one, so that running its
        scenario again reads the same or is refused.

    Raises ValueError if there is no file of rates.
    """

    kind: Literal["trace"] = "trace"
    uplink: tuple[str, ...]
    downlink: tuple[str, ...] = ()
    format: Format = "csv"
    bin_s: Annotated[float, Ge(1e-3), Le(3600)] = 0.05
    at_end: AtEnd = "loop"
    latency_s: LatencyS = 0.02
    latency: tuple[str, ...] = ()
    sha256: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """What it reads."""
        return (*self.uplink, *self.downlink, *self.latency)

    def __post_init__(self) -> None:
        if not self.uplink:
            raise ValueError("TraceLinks.uplink: got an empty list, must be one file or more")

    def rates(self, direction: Direction) -> dict[str, Steps]:
        """Traces of the rate in a direction, bit/s, by device or file. Raises ValueError with file and line."""
        paths = self.downlink or self.uplink if direction == "downlink" else self.uplink
        return read_rates(paths, direction, self.format, self.bin_s, self.at_end)

    def latencies(self, direction: Direction) -> dict[str, Steps]:
        """Traces of the latency in a direction, s, by device or file. Raises ValueError with file and line."""
        if not self.latency:
            return {"": Steps([0.0], [self.latency_s], inf, "hold", "")}
        return read_latencies(self.latency, direction, self.at_end)


Bands = Fdma | Tdma | Ofdma
"""Media that have a band for each direction."""
Pipes = ConstantLink | TraceLinks
"""Media that are a link for every client, without a channel."""
MediumSettings = Annotated[Fdma | Tdma | Ofdma | Wifi | SlottedAloha | ConstantLink | TraceLinks, Kinds()]
