"""Links: the gain between every client and the server over time, and the rate that a received power gives.

The gain is path loss, shadowing and antennas (large scale, fixed for a run) times fading. Shadowing is common to both
directions of a link, fading is independent (frequency-division duplex). A sender uses its *full* transmit power in
whatever share of the band it has: a narrower share has less noise and so a higher SNR, and without the cap of the
physical layer its spectral efficiency would grow without limit. Interference is left out (one cell, orthogonal shares).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.radio.fading import NoFading, Rayleigh, Rician
from wirelessfsl.radio.phy import FixedEfficiency, Shannon
from wirelessfsl.radio.propagation import FreeSpace, LogDistance, LogNormal, NoShadowing, UrbanMacro
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import Floats, keys
from wirelessfsl.units import THERMAL_NOISE_DBM_HZ, CarrierHz, GainDb, Ge, Le, db_to_linear, dbm_to_watt

PathLoss = Annotated[FreeSpace | LogDistance | UrbanMacro, Kinds()]
Shadowing = Annotated[NoShadowing | LogNormal, Kinds()]
Fading = Annotated[NoFading | Rayleigh | Rician, Kinds()]
Phy = Annotated[Shannon | FixedEfficiency, Kinds()]

NoiseDensityDbmHz = Annotated[float, Ge(-250), Le(0)]


@settings
class Channel:
    """The radio channel of a scenario (``network.channel``): what happens between two antennas.

    Noise figures and transmit powers belong to the nodes' radios, bandwidth to the medium.

    carrier_hz: carrier frequency in Hz, 1e6 to 3e12.
    path_loss: mean loss over distance.
    shadowing: random loss of each link, constant over time, common to uplink and downlink.
    fading: random gain of each link and direction over time.
    phy: spectral efficiency at an SINR.
    noise_density_dbm_hz: noise density before the noise figure in dBm/Hz, -250 to 0; -174 is thermal noise at 290 K.
    antenna_gain_db: sum of the antenna gains of both ends in dB, -100 to 100.

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


class Links:
    """The links between the clients and the server in one direction, for one drop of positions.

    g_i(t) = 10^((G - L(d_i) - X_i) / 10) |h_i(t)|^2, with antenna gain G, path loss L and shadowing X in dB, fading h.

    ``mean_gain`` (n,) is the part before the fading, linear. All randomness is named by seed and client (and, for
    fading, direction), so a link has the same gain whatever other links there are.

    channel: the settings above.
    names: name of every client, n of them.
    distances_m: distance of every client from the server in m, shape (n,), > 0.
    seed: seed of the run.
    direction: name of the direction, such as "uplink" or "downlink".

    >>> links = Links(Channel(fading=NoFading()), ["a", "b"], np.array([100.0, 200.0]), seed=1, direction="uplink")
    >>> float((links.gain(np.array([0]), 0.0) / links.gain(np.array([1]), 0.0))[0].round(9))
    8.0
    """

    def __init__(self, channel: Channel, names: Sequence[str], distances_m: Floats, seed: int, direction: str) -> None:
        path_loss_db = channel.path_loss.loss_db(distances_m, channel.carrier_hz)
        shadowing_db = channel.shadowing.loss_db(keys(seed, [("shadowing", name) for name in names]))
        self.mean_gain: Floats = db_to_linear(channel.antenna_gain_db - path_loss_db - shadowing_db)
        self._fading = channel.fading
        self._fading_keys = keys(seed, [("fading", name, direction) for name in names])

    def gain(self, index: NDArray[np.integer[Any]], time_s: float) -> Floats:
        """Power gain of some links at an instant, linear, shape (len(index),).

        index: positions of the links in ``names``, shape (k,).
        time_s: instant, s, >= 0.
        """
        gain: Floats = self.mean_gain[index] * self._fading.gain(self._fading_keys[index], time_s)
        return gain

    def next_change_s(self, time_s: float) -> float:
        """First instant after ``time_s`` at which gains change, s; infinity if they never do."""
        return self._fading.next_change_s(time_s)


def noise_density_w_hz(density_dbm_hz: float, figure_db: float) -> float:
    """Noise density at a receiver, W/Hz: N0 F.

    density_dbm_hz: N0 before the receiver, dBm/Hz.
    figure_db: noise figure F of the receiver, dB.

    >>> f"{noise_density_w_hz(-174.0, 0.0):.3g}"
    '3.98e-21'
    """
    return dbm_to_watt(density_dbm_hz + figure_db)


def rate_bit_s(phy: Phy, received_w: Floats, noise_w_hz: float | Floats, bandwidth_hz: float | Floats) -> Floats:
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
