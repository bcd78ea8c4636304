"""Links: the gain between every client and the server over time, and the rate that a received power gives.

The gain is path loss, shadowing and antennas (large scale, fixed for a run) times fading. Shadowing is common to both
directions of a link, fading is independent (frequency-division duplex). A sender uses its *full* transmit power in
whatever share of the band it has: a narrower share has less noise and so a higher SNR, and without the cap of the
physical layer its spectral efficiency would grow without limit. Interference is left out (one cell, orthogonal shares).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple, Protocol

import numpy as np

from wirelessfsl.radio.ar1 import AR1
from wirelessfsl.radio.clarke import Clarke
from wirelessfsl.radio.fading import Nakagami, NoFading, Rayleigh, Rician
from wirelessfsl.radio.large_scale import SCENARIOS, LargeScale, PathLoss, Shadowing, check
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.phy import FixedEfficiency, OneWay, Shannon, TruncatedShannon
from wirelessfsl.radio.propagation import LogDistance, NoShadowing
from wirelessfsl.radio.sionna import Dropped, Sionna
from wirelessfsl.radio.taps import Taps
from wirelessfsl.radio.tr38901.drop import Scenario
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import Floats, keys
from wirelessfsl.units import THERMAL_NOISE_DBM_HZ, CarrierHz, GainDb, Ge, Le, db_to_linear, dbm_to_watt

Fading = Annotated[NoFading | Rayleigh | Rician | Nakagami | AR1 | Clarke | Taps | Sionna, Kinds()]
Phy = Annotated[Shannon | TruncatedShannon | FixedEfficiency | Nr, Kinds()]

NoiseDensityDbmHz = Annotated[float, Ge(-250), Le(0)]


@settings
class Channel:
    """The radio channel of a scenario (``network.channel``): what happens between two antennas.

    SNR = P g / (N0 F B) in a band B, with g = 10^((G - L) / 10) |h|^2: transmit power P, antenna gains G and loss L of
    path and shadowing in dB, fading h, noise density N0 and noise figure F.

    Noise figures and transmit powers belong to the nodes' radios, bandwidth to the medium.

    carrier_hz: carrier frequency in Hz, 1e6 to 3e12.
    path_loss: mean loss over distance, in the scenarios of TR 38.901 also line of sight, walls and cars.
    shadowing: random loss of each link, common to uplink and downlink.
    fading: random gain of each link and direction over time.
    phy: spectral efficiency at an SINR.
    noise_density_dbm_hz: noise density before the noise figure in dBm/Hz, -250 to 0; -174 is thermal noise at 290 K.
    antenna_gain_db: sum of the antenna gains of both ends in dB, -100 to 100.

    Raises ValueError for a carrier that the path loss is not for, and for what needs the path loss of a
        scenario and has another.

    >>> Channel(fading=Rician(k_factor_db=6.0)).path_loss.kind
    'log_distance'
    """

    carrier_hz: CarrierHz = 3.5e9
    path_loss: PathLoss = LogDistance()
    shadowing: Shadowing = NoShadowing()
    fading: Fading = Rayleigh()
    phy: Phy = Shannon()
    noise_density_dbm_hz: NoiseDensityDbmHz = THERMAL_NOISE_DBM_HZ
    antenna_gain_db: GainDb = 0.0

    def __post_init__(self) -> None:
        check(self.path_loss, self.shadowing, self.carrier_hz)
        if isinstance(self.fading, Sionna) and not isinstance(self.path_loss, Scenario):
            raise ValueError(f"Channel.fading: got 'sionna', needs a path_loss of {SCENARIOS}; or take taps")


class Paths(Protocol):
    """Where devices are as a function of time; positions count as constant between changes."""

    @property
    def speed_m_s(self) -> float: ...
    def positions_m(self, time_s: float) -> Floats: ...
    def travelled_m(self, time_s: float) -> Floats: ...
    def next_change_s(self, time_s: float) -> float: ...


class Site(Protocol):
    """A station: the name of its place, by which shadowing is drawn, that of its cell, and how it sees the plane."""

    @property
    def name(self) -> str: ...
    @property
    def cell(self) -> str: ...

    def offset_m(self, positions_m: Floats) -> Floats:
        """Positions as seen from the site, m, shape (n, 2)."""

    def gain_db(self, offset_m: Floats) -> Floats | float:
        """Gain of its antenna towards these, dB, shape (n,), beside the channel's antenna gain."""


class Omni(NamedTuple):
    """A site at a place (x, y) in m that sees all directions alike; the one without a name is the only one."""

    name: str = ""
    at_m: tuple[float, float] = (0.0, 0.0)

    @property
    def cell(self) -> str:
        """Its only one."""
        return self.name

    def offset_m(self, positions_m: Floats) -> Floats:
        """Positions as seen from the site, m, shape (n, 2)."""
        offset_m: Floats = positions_m - np.array(self.at_m)
        return offset_m

    def gain_db(self, offset_m: Floats) -> float:
        """None."""
        return 0.0


class Links:
    """The links between devices and a site in one direction.

    g_i(t) = 10^((G - L_i(x_i(t))) / 10) |h_i(t)|^2, with antenna gain G and loss L in dB at the device's place x, and
    fading h.

    ``mean_gain`` (n,) is the part before the fading, linear, at the last instant asked for. All randomness is named by
    seed and device (and, for fading, direction), so a link has the same gain whatever other links there are.

    channel: the settings above.
    names: name of every device, n of them.
    paths: where they are.
    seed: seed of the run.
    direction: name of the direction, such as "uplink" or "downlink".
    bandwidth_hz: width of the band, Hz, over which fading may vary.
    site: the station; by default one at the origin.

    >>> class Here:
    ...     speed_m_s = 0.0
    ...     positions_m = lambda self, time_s: np.array([[100.0, 0.0], [0.0, 200.0]])
    ...     travelled_m = lambda self, time_s: np.zeros(2)
    ...     next_change_s = lambda self, time_s: np.inf
    >>> links = Links(Channel(fading=NoFading()), ["a", "b"], Here(), seed=1, direction="uplink")
    >>> gain = links.gain(0.0)
    >>> float((gain[0] / gain[1]).round(9))
    8.0
    """

    def __init__(
        self,
        channel: Channel,
        names: Sequence[str],
        paths: Paths,
        seed: int,
        direction: str,
        bandwidth_hz: float = 20e6,
        site: Site = Omni(),  # noqa: B008 (a frozen value)
    ) -> None:
        at = (site.cell,) if site.cell else ()
        carrier_hz, stream_keys = channel.carrier_hz, keys(seed, [("fading", name, direction, *at) for name in names])
        self._large_scale = LargeScale(channel.path_loss, channel.shadowing, carrier_hz, names, seed, site.name)
        if isinstance(channel.fading, Sionna):
            assert isinstance(channel.path_loss, Scenario)
            offset_m = site.offset_m(paths.positions_m(0.0))
            link_keys = keys(seed, [("large-scale parameters", name, site.name) for name in names])
            ways = self._large_scale.ways(offset_m)
            links = Dropped(channel.path_loss, carrier_hz, offset_m, link_keys, stream_keys, ways)
            self._fading = channel.fading.process(links, paths.speed_m_s, bandwidth_hz)
        else:
            self._fading = channel.fading.process(stream_keys, carrier_hz, paths.speed_m_s, bandwidth_hz)
        self._antenna_gain_db, self._paths, self._site = channel.antenna_gain_db, paths, site
        self._place(0.0)

    def gain(self, time_s: float) -> Floats:
        """Power gain of the links at an instant, linear, shape (n,), or (n, K) where fading tells K parts of the band.

        time_s: instant, s, >= 0.
        """
        mean_gain = self.mean(time_s)
        fading = self._fading.gain(time_s, self._paths.travelled_m)
        gain: Floats = (mean_gain if fading.ndim == 1 else mean_gain[:, None]) * fading
        return gain

    def mean(self, time_s: float) -> Floats:
        """Power gain of the links at an instant without the fading, linear, shape (n,)."""
        if not self._placed_s <= time_s < self._moves_s:
            self._place(time_s)
        return self.mean_gain

    def _place(self, time_s: float) -> None:
        offset_m = self._site.offset_m(self._paths.positions_m(time_s))
        gain_db = self._antenna_gain_db + self._site.gain_db(offset_m)
        self.mean_gain: Floats = db_to_linear(gain_db - self._large_scale.loss_db(offset_m))
        self._placed_s, self._moves_s = time_s, self._paths.next_change_s(time_s)

    def next_change_s(self, time_s: float) -> float:
        """First instant after ``time_s`` at which gains change, s; infinity if they never do."""
        return min(self._fading.next_change_s(time_s), self._paths.next_change_s(time_s))


def noise_density_w_hz(density_dbm_hz: float, figure_db: float) -> float:
    """Noise density at a receiver, W/Hz: N0 F.

    density_dbm_hz: N0 before the receiver, dBm/Hz.
    figure_db: noise figure F of the receiver, dB.

    >>> f"{noise_density_w_hz(-174.0, 0.0):.3g}"
    '3.98e-21'
    """
    return dbm_to_watt(density_dbm_hz + figure_db)


def rate_bit_s(phy: OneWay, received_w: Floats, noise_w_hz: float | Floats, bandwidth_hz: float | Floats) -> Floats:
    """Rate of every link, bit/s, shape as ``received_w``: r = B e(P / (N0 B)).

    The received power P does not shrink with the share B (see the module's paragraph).

    phy: the physical layer, e.
    received_w: received power P of every link, W.
    noise_w_hz: noise density N0 at the receivers, W/Hz, noise figure included.
    bandwidth_hz: share B of every link, Hz, > 0.

    >>> rate_bit_s(Shannon(), np.array([1e-14]), noise_w_hz=1e-20, bandwidth_hz=1e6)
    array([1000000.])
    """
    rate = phy.efficiency(received_w / (noise_w_hz * bandwidth_hz))
    rate *= bandwidth_hz
    return rate
