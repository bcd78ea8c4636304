"""Fading from Sionna: the clusters and rays of TR 38.901, drawn once for the links of a drop and then played.

NVIDIA's Sionna (the extra ``sionna``; Hoydis et al., https://nvlabs.github.io/sionna) follows sec. 7.5 of the report:
for every link delay spread, K-factor and angular spreads, then clusters of 20 rays, each with its Doppler shift. What
it says of a link at steps of the way travelled is a trace of gains, which is kept in $XDG_CACHE_HOME/wirelessfsl,
without that variable in ~/.cache/wirelessfsl, under a digest of all that it depends on. Path loss and shadowing are
those of :mod:`wirelessfsl.radio.tr38901`. A link's two directions have the same large-scale parameters and rays of
their own. By default a trace takes 40 ms to make and 48 kB to keep.

Left out: antennas other than one vertical dipole at each end that radiates alike in all directions; correlation between
links; that distance, line of sight and clusters change while a device moves.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.radio.fading import FadingProcess, Way, coherence_time_s, next_block_s
from wirelessfsl.radio.tr38901.drop import Scenario
from wirelessfsl.radio.tr38901.inf import InF
from wirelessfsl.radio.tr38901.inh import InH
from wirelessfsl.radio.tr38901.rma import RMa
from wirelessfsl.radio.tr38901.users import Release
from wirelessfsl.radio.tr38901.ways import Ways
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats, Keys, uniforms
from wirelessfsl.units import Ge, Le, PositiveFraction, SpeedMS, block

Gains = NDArray[np.float32]


class Dropped(NamedTuple):
    """The links of a drop, as they stand when it is made.

    scenario: of TR 38.901. carrier_hz: carrier frequency, Hz.
    offset_m: position of every device as seen from the site, m, shape (n, 2).
    link_keys: key of what a link's directions share. stream_keys: key of its fading in this direction, shape (n,).
    ways: to these places.
    """

    scenario: Scenario
    carrier_hz: float
    offset_m: Floats
    link_keys: Keys
    stream_keys: Keys
    ways: Ways


class Traces(NamedTuple):
    """Gains along the way, played to the end and back again for ever, as of a device that turns round there.

    gains: of every link at every step of the way, shape (steps, n, K).
    step_m: length of a step, m. step_s: time between changes, s. own_speed_m_s: with which all devices count as moving,
    whatever way they travel.
    """

    gains: Gains
    step_m: float
    step_s: float
    own_speed_m_s: float | None

    def gain(self, time_s: float, travelled_m: Way) -> Floats:
        held_s = block(time_s, self.step_s) * self.step_s if self.step_s < math.inf else 0.0
        last, links = len(self.gains) - 1, np.arange(self.gains.shape[1])
        way_m = travelled_m(held_s) if self.own_speed_m_s is None else np.full(len(links), self.own_speed_m_s * held_s)
        step = np.rint(way_m / self.step_m).astype(np.int64) % (2 * last)
        return self.gains[np.minimum(step, 2 * last - step), links].astype(np.float64)

    def next_change_s(self, time_s: float) -> float:
        return next_block_s(time_s, self.step_s)


@settings
class Sionna:
    """Frequency-selective fading of the TR 38.901 scenario in ``path_loss``, by Sionna's generator.

    H(f, s) = sum_p a_p(s) exp(-2 pi j f tau_p) over the rays p that Sionna draws for a link, in line of sight, without,
    or behind a wall, as path_loss says of the place where its device begins; s is the way travelled, in a random
    direction. Gains |H|^2 have mean 1 over links. Needs Sionna: pip install sionna-no-rt.

    3GPP TR 38.901, sec. 7.5; Hoydis et al., Sionna, https://nvlabs.github.io/sionna.

    release: of the report, 16 or 19, whose parameters are taken.
    sub_bands: number K of parts of the band, 2 to 1024.
    speed_m_s: speed v in m/s, > 0 to 1e4, with which all devices count as moving for their fading; by default fading
        follows the way that each device travels.
    step_coherence_times: time after which gains change, > 0 to 1, in coherence times 0.423 / fd (Rappaport 2002, sec.
        5.4.3) of the fastest device.
    steps: length of a trace in steps, 2 to 1e5; it is played to its end, back to its beginning, and again.

    >>> Sionna(steps=500).steps
    500
    """

    kind: Literal["sionna"] = "sionna"
    release: Release = 19
    sub_bands: Annotated[int, Ge(2), Le(1024)] = 12
    speed_m_s: SpeedMS | None = None
    step_coherence_times: PositiveFraction = 0.25
    steps: Annotated[int, Ge(2), Le(100000)] = 1000

    def process(self, links: Dropped, speed_m_s: float, bandwidth_hz: float) -> FadingProcess:
        """Fading of the links of a drop, gains of shape (n, K).

        links: where they are.
        speed_m_s: of the fastest device, m/s.
        bandwidth_hz: width of the band, Hz.
        """
        step_s = self.step_coherence_times * coherence_time_s(self.speed_m_s or speed_m_s, links.carrier_hz)
        # A device at 1 m/s travels as many metres in a coherence time as that has seconds.
        step_m = self.step_coherence_times * coherence_time_s(1.0, links.carrier_hz)
        frequencies_hz = ((np.arange(self.sub_bands) + 0.5) / self.sub_bands - 0.5) * bandwidth_hz
        path = _cache() / f"{_digest(links, self.release, self.steps, step_m, frequencies_hz)}.npz"
        if path.is_file():
            with np.load(path) as file:
                gains = file["gains"]
        else:
            gains = np.stack([*drawn(links, self.release, self.steps, step_m, frequencies_hz)], axis=1)
            _keep(path, gains)
        return Traces(gains, step_m, step_s, self.speed_m_s)


def drawn(links: Dropped, release: Release, steps: int, step_m: float, frequencies_hz: Floats) -> Iterator[Gains]:
    """Gains of one link after the other, each of shape (steps, K), drawn by Sionna from the link's own seeds."""
    from sionna.phy import config

    channel, ways, scenario = _channel(links, release), links.ways, links.scenario
    height_m = scenario.furnished.site_height_m if isinstance(scenario, InF) else scenario.site_height_m
    indoor = ways.indoor | isinstance(scenario, InH | InF)
    heading = 2.0 * math.pi * uniforms(links.link_keys, 0)
    for i in range(len(indoor)):
        channel.reset_topology()
        config.seed = int(links.link_keys[i])
        channel.set_topology(
            ut_loc=np.array([[[*links.offset_m[i], ways.height_m[i]]]]),
            bs_loc=np.array([[[0.0, 0.0, height_m]]]),
            ut_orientations=np.zeros((1, 1, 3)),
            bs_orientations=np.zeros((1, 1, 3)),
            ut_velocities=np.array([[[math.cos(heading[i]), math.sin(heading[i]), 0.0]]]),
            in_state=indoor[None, i : i + 1],
            los=bool(ways.line_of_sight[i]),
        )
        config.seed = int(links.stream_keys[i])
        amplitudes, delays = channel(steps, 1.0 / step_m)  # samples a second at 1 m/s
        delays_s = delays.numpy()[0, 0, 0].astype(np.float64)
        h = amplitudes.numpy()[0, 0, 0, 0, 0].T @ np.exp(-2j * math.pi * delays_s[:, None] * frequencies_hz)
        yield (h.real**2 + h.imag**2).astype(np.float32)


def _channel(links: Dropped, release: Release) -> Any:
    """Sionna's generator for a scenario, without path loss and shadowing."""
    from sionna.phy.channel import tr38901

    dipole = tr38901.PanelArray(
        num_rows_per_panel=1,
        num_cols_per_panel=1,
        polarization="single",
        polarization_type="V",
        antenna_pattern="omni",
        carrier_frequency=links.carrier_hz,
        device="cpu",
    )
    own: dict[str, str]
    match links.scenario:
        case InH(office=office):
            own = {"indoor_scenario": office}
        case InF(hall=hall):
            own = {"factory_scenario": hall}
        case RMa():
            own = {}
        case _:
            own = {"o2i_model": "low"}  # loss of walls, which is left to path_loss
    return getattr(tr38901, type(links.scenario).__name__)(
        carrier_frequency=links.carrier_hz,
        ut_array=dipole,
        bs_array=dipole,
        direction="downlink",
        enable_pathloss=False,
        enable_shadow_fading=False,
        spec_version="16.1" if release == 16 else "19.2",
        device="cpu",
        **own,
    )


def _digest(links: Dropped, *made_of: Any) -> str:
    """Of all that traces depend on, Sionna's version included."""
    from sionna import __version__

    parts = (__version__, *made_of, *links[:-1], *links.ways)
    whole = (each.tobytes() if isinstance(each, np.ndarray) else repr(each).encode() for each in parts)
    return blake2b(b" ".join(whole), digest_size=16).hexdigest()


def _keep(path: Path, gains: Gains) -> None:
    """Write traces so that they are there whole or not at all."""
    beside = path.with_name(f"{path.stem}.{os.getpid()}.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(beside, gains=gains)
        beside.replace(path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {error.strerror}; set XDG_CACHE_HOME") from error


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wirelessfsl" / "fading"
