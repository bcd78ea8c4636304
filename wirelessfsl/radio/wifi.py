"""Wi-Fi: the rates of IEEE 802.11ax on one channel, and how long an access to it takes.

Frames to one receiver fly together (A-MPDU) behind one preamble and are acknowledged together; a station takes the
highest modulation and coding scheme whose sensitivity its link meets. Who is on the air when is
:mod:`wirelessfsl.radio.contention`. Left out: errors of frames that do not collide, rate adaptation by trial, OFDMA and
MU-MIMO within the channel (trigger-based access is scheduled, as OFDMA is), beacons and other management frames.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np

from wirelessfsl.radio.contention import Index, Rules, Shares, among_equals, saturated
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats
from wirelessfsl.units import BITS_PER_BYTE, THERMAL_NOISE_DBM_HZ, Ge, Gt, LatencyS, Le, db_to_linear

DATA_TONES = {26: 24, 52: 48, 106: 102, 242: 234, 484: 468, 996: 980, 1992: 1960}
"""Data subcarriers of a resource unit, by its size in tones (IEEE 802.11ax-2021, sec. 27.3.10)."""
WHOLE_CHANNEL = {20: 242, 40: 484, 80: 996, 160: 1992}
"""The resource unit that fills a channel, by its width in MHz."""
SCHEMES = (
    (1, 1 / 2),
    (2, 1 / 2),
    (2, 3 / 4),
    (4, 1 / 2),
    (4, 3 / 4),
    (6, 2 / 3),
    (6, 3 / 4),
    (6, 5 / 6),
    (8, 3 / 4),
    (8, 5 / 6),
    (10, 3 / 4),
    (10, 5 / 6),
)
"""Bits a subcarrier and code rate of MCS 0 to 11 (IEEE 802.11ax-2021, sec. 27.5)."""
SENSITIVITY_DBM = (-82.0, -79.0, -77.0, -74.0, -70.0, -66.0, -65.0, -64.0, -59.0, -57.0, -54.0, -52.0)
"""Received power on 20 MHz that a receiver needs for MCS 0 to 11, as commonly quoted; 3 dB more per doubled width."""
ASSUMED_NOISE_FIGURE_DB = 10.0
"""Noise figure behind these sensitivities, as commonly quoted (with 5 dB for the rest of the receiver)."""

_SYMBOL_S, _LEGACY_SYMBOL_S, _LEGACY_PREAMBLE_S = 12.8e-6, 4e-6, 20e-6
_SERVICE_TAIL_BITS = 22
_RTS_BYTES, _CTS_BYTES, _ACK_BYTES, _BLOCK_ACK_BYTES = 20, 14, 14, 32
_FRAME_HEAD_BYTES = 42
"""MAC header with QoS 26, LLC/SNAP 8, frame check sequence 4, delimiter in an A-MPDU 4."""
_LONGEST_S = 5.484e-3
"""Longest frame on the air (aPPDUMaxTime)."""
_CONTROL_BIT_S, _BASIC_BIT_S = 24e6, 6e6
"""Rates of control frames, and of the acknowledgement that stations wait for after a collision."""

Streams = Annotated[int, Ge(1), Le(8)]
FrameBytes = Annotated[int, Ge(64), Le(11_454)]
Aggregated = Annotated[int, Ge(1), Le(256)]
Window = Annotated[int, Ge(2), Le(32_768)]
Stages = Annotated[int, Ge(0), Le(10)]
InterFrameS = Annotated[float, Gt(0), Le(1e-3)]


def rate_bit_s(tones: int, bits: int, code_rate: float, streams: int = 1, guard_interval_s: float = 0.8e-6) -> float:
    """Data rate of 802.11ax, bit/s: N_SD N_BPSCS R N_SS / (12.8 us + GI) (IEEE 802.11ax-2021, sec. 27.5).

    tones: data subcarriers N_SD. bits: bits a subcarrier N_BPSCS. code_rate: R. streams: spatial streams N_SS.
    guard_interval_s: GI, s.

    >>> round(rate_bit_s(234, 1, 1 / 2) / 1e6, 1)
    8.6
    """
    return tones * bits * code_rate * streams / (_SYMBOL_S + guard_interval_s)


def legacy_s(size_bytes: int, bit_s: float) -> float:
    """Airtime of a frame of 802.11a (on 20 MHz), as control frames are, s: a preamble of 20 us and symbols of 4 us.

    size_bytes: of the frame with its header. bit_s: rate, 6e6 to 54e6.

    >>> round(legacy_s(14, 24e6) * 1e6)
    28
    """
    bits = _SERVICE_TAIL_BITS + BITS_PER_BYTE * size_bytes
    return _LEGACY_PREAMBLE_S + _LEGACY_SYMBOL_S * math.ceil(bits / (bit_s * _LEGACY_SYMBOL_S))


@settings
class Wifi:
    """Wi-Fi (802.11ax): one channel for both directions, for which all contend who have something to send.

    The server is the access point and contends as one station for all that it has to send. A message is cut into
    frames of payload_bytes, of which frames_per_access fly at once. With mode fluid each message has its mean rate in
    Bianchi's model, among those that are in the air; with mode slots every backoff and every collision is played. Of n
    stations each sends in a slot with probability tau = 2 / (1 + W + p W sum_{i<m} (2p)^i), with the window W and m
    stages, and collides with p = 1 - (1 - tau)^(n-1).

    Rates follow the received power by the sensitivities; the channel's fading is the same both ways. All who have a
    message in the air listen to the channel, and the energy is of that and of their own frames, collided ones too.

    IEEE 802.11ax-2021; Bianchi, "Performance Analysis of the IEEE 802.11 Distributed Coordination Function", IEEE JSAC
    18(3), 2000.

    channel_mhz: width of the channel in MHz.
    streams: spatial streams, 1 to 8; multiply the rate at the same received power.
    guard_interval_ns: guard interval of a symbol in ns.
    sensitivity_dbm: received power in dBm that MCS 0, 1, ... need on 20 MHz, ascending, as commonly quoted for a noise
        figure of 10 dB; a radio with another needs as much more or less. Fewer than 12 leave out the highest.
    payload_bytes: data in a frame in bytes, 64 to 11,454.
    frames_per_access: frames that a station sends at once (A-MPDU), 1 to 256, within 5.484 ms; 1 sends them singly.
    rts_cts: whether stations ask for the channel before they send, which makes collisions short.
    window: slots of the first backoff, 2 to 32,768; it is uniform on 0 to window - 1.
    stages: how often the window doubles with collisions in a row, 0 to 10.
    slot_s: an idle slot of the backoff in s, > 0 to 1e-3.
    sifs_s: short interframe space in s, > 0 to 1e-3; 16e-6 at 5 and 6 GHz, 10e-6 at 2.4 GHz.
    latency_s: constant delay of every message beside the access in s, 0 to 3600.
    mode: fluid for means, slots to play every access.

    >>> Wifi(channel_mhz=80).rate_bit_s(np.array([1.0, 10.0, 1e9])).round(-5)
    array([0.000e+00, 3.600e+07, 6.005e+08])
    """

    kind: Literal["wifi"] = "wifi"
    channel_mhz: Literal[20, 40, 80, 160] = 20
    streams: Streams = 1
    guard_interval_ns: Literal[800, 1600, 3200] = 800
    sensitivity_dbm: tuple[float, ...] = SENSITIVITY_DBM
    payload_bytes: FrameBytes = 1500
    frames_per_access: Aggregated = 32
    rts_cts: bool = False
    window: Window = 16
    stages: Stages = 6
    slot_s: InterFrameS = 9e-6
    sifs_s: InterFrameS = 16e-6
    latency_s: LatencyS = 0.001
    mode: Literal["fluid", "slots"] = "fluid"

    def __post_init__(self) -> None:
        given = self.sensitivity_dbm
        if not 1 <= len(given) <= len(SCHEMES) or any(low >= high for low, high in pairwise(given)):
            raise ValueError(f"Wifi.sensitivity_dbm: got {given!r}, must be 1 to {len(SCHEMES)} ascending numbers")

    @property
    def bandwidth_hz(self) -> float:
        """Width of the channel in Hz."""
        return self.channel_mhz * 1e6

    @property
    def rules(self) -> Rules:
        """What an access costs beside the data: SIFS, acknowledgement and DIFS, or EIFS after a collision."""
        difs_s = self.sifs_s + 2.0 * self.slot_s
        eifs_s = self.sifs_s + legacy_s(_ACK_BYTES, _BASIC_BIT_S) + difs_s
        ack = _ACK_BYTES if self.frames_per_access == 1 else _BLOCK_ACK_BYTES
        success_s = self.sifs_s + legacy_s(ack, _CONTROL_BIT_S) + difs_s
        request_s = legacy_s(_RTS_BYTES, _CONTROL_BIT_S) if self.rts_cts else 0.0
        if self.rts_cts:
            success_s += request_s + self.sifs_s + legacy_s(_CTS_BYTES, _CONTROL_BIT_S) + self.sifs_s
        return Rules(
            slot_s=self.slot_s,
            success_s=success_s,
            collision_s=request_s + eifs_s,
            request_s=request_s,
            window=self.window,
            stages=self.stages,
        )

    def mcs(self, snr: Floats) -> Index:
        """Highest modulation and coding scheme whose sensitivity is met, -1 for none, shape as ``snr``.

        snr: ratio of signal and noise over the channel, linear.
        """
        noise_dbm = THERMAL_NOISE_DBM_HZ + 10.0 * math.log10(20e6) + ASSUMED_NOISE_FIGURE_DB
        return np.searchsorted(db_to_linear(np.array(self.sensitivity_dbm) - noise_dbm), snr, side="right") - 1

    def rate_bit_s(self, snr: Floats) -> Floats:
        """Data rate while a frame is on the air, bit/s, shape as ``snr``; 0 out of range.

        snr: ratio of signal and noise over the channel, linear.
        """
        tones, guard_s = DATA_TONES[WHOLE_CHANNEL[self.channel_mhz]], self.guard_interval_ns * 1e-9
        rates = [rate_bit_s(tones, bits, code_rate, self.streams, guard_s) for bits, code_rate in SCHEMES]
        return np.array([0.0, *rates])[self.mcs(snr) + 1]

    def accesses(self, size_bits: Floats, bit_s: Floats) -> tuple[Floats, Floats]:
        """How many accesses a message takes, and the airtime of one in s, each of shape (k,).

        A message of b bits is F = ceil(b / payload) frames, of which an access takes the number that is set or that
        fits 5.484 ms. Its airtime is the preamble and whole symbols, for equal parts of the message.

        size_bits: of the messages, shape (k,). bit_s: their data rates, > 0, shape (k,).
        """
        head = BITS_PER_BYTE * _FRAME_HEAD_BYTES
        frames = np.ceil(size_bits / (BITS_PER_BYTE * self.payload_bytes))
        fitting = (_LONGEST_S - self._preamble_s) * bit_s // (BITS_PER_BYTE * self.payload_bytes + head)
        count = np.ceil(frames / np.clip(fitting, 1, self.frames_per_access))
        symbol_s = _SYMBOL_S + self.guard_interval_ns * 1e-9
        bits = _SERVICE_TAIL_BITS + (size_bits + frames * head) / count
        return count, self._preamble_s + symbol_s * np.ceil(bits / (bit_s * symbol_s))

    def shares(self, data_s: Floats, station: Index) -> Shares:
        """What messages have of the channel; those of one station have equal parts of its accesses.

        data_s: airtime of an access for each message, s, shape (k,), k >= 1. station: which station sends it.
        """
        return saturated(self.rules, data_s, station)

    def among_equals(self, data_s: Floats, stations: Floats) -> Floats:
        """Accesses per second of a station among so many like it, which need not be a whole number."""
        return among_equals(self.rules, data_s, stations)

    @property
    def _preamble_s(self) -> float:
        """Legacy preamble, repeated SIG 4, SIG-A 8, short training 4, and long training 8 us for each stream."""
        return _LEGACY_PREAMBLE_S + 16e-6 + 8e-6 * self.streams
