"""Traces of fading from Sionna: how they are played (also without it), kept, and what they are like."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from wirelessfsl.radio import sionna
from wirelessfsl.radio.fading import FadingProcess, doppler_hz
from wirelessfsl.radio.large_scale import LargeScale
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.propagation import NoShadowing
from wirelessfsl.radio.sionna import Dropped, Sionna, Traces
from wirelessfsl.radio.tr38901.drop import Scenario
from wirelessfsl.radio.tr38901.inf import InF
from wirelessfsl.radio.tr38901.inh import InH
from wirelessfsl.radio.tr38901.rma import RMa
from wirelessfsl.radio.tr38901.uma import UMa
from wirelessfsl.radio.tr38901.umi import UMi
from wirelessfsl.streams import Floats, keys

CARRIER_HZ, BANDWIDTH_HZ = 3.5e9, 20e6
STEPS = np.array([[10.0], [11.0], [12.0], [13.0]], dtype=np.float32)[:, :, None] + np.arange(3.0, dtype=np.float32)


def places_m(count: int) -> Floats:
    return np.random.default_rng(1).uniform(20.0, 90.0, (count, 2))


def dropped(law: Scenario, offset_m: Floats, first: int = 0, direction: str = "uplink") -> Dropped:
    names = [f"client-{first + i}" for i in range(len(offset_m))]
    ways = LargeScale(law, NoShadowing(), CARRIER_HZ, names, seed=1).ways(offset_m)
    shared, own = keys(1, [("shared", name) for name in names]), keys(1, [(direction, name) for name in names])
    return Dropped(law, CARRIER_HZ, offset_m, shared, own, ways)


def played(process: FadingProcess, steps: int) -> Floats:
    """Gains at the first steps, shape (steps, n, K)."""
    assert isinstance(process, Traces)
    return np.array([process.gain(k * process.step_s, lambda _: np.zeros(0)) for k in range(steps)])


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_a_trace_is_played_to_its_end_and_back() -> None:
    traces = Traces(STEPS, step_m=0.5, step_s=0.25, own_speed_m_s=2.0)
    assert played(traces, 9)[:, 0, 0].tolist() == [10, 11, 12, 13, 12, 11, 10, 11, 12]


def test_between_steps_a_gain_holds() -> None:
    traces = Traces(STEPS, step_m=0.5, step_s=0.25, own_speed_m_s=2.0)
    assert traces.next_change_s(0.3) == 0.5
    assert (traces.gain(0.49, lambda _: np.zeros(0)) == traces.gain(0.25, lambda _: np.zeros(0))).all()


def test_each_device_is_as_far_in_its_trace_as_it_has_travelled() -> None:
    traces = Traces(np.repeat(STEPS, 2, axis=1), step_m=0.5, step_s=0.25, own_speed_m_s=None)
    assert traces.gain(1.0, lambda time_s: np.array([0.0, time_s]))[:, 0].tolist() == [10.0, 12.0]


def test_it_needs_a_scenario() -> None:
    with pytest.raises(
        ValueError, match=r"Channel\.fading: got 'sionna', needs a path_loss of uma, umi, rma, inh, inf"
    ):
        Channel(fading=Sionna())


needs_sionna = pytest.mark.skipif(find_spec("sionna") is None, reason="needs the extra sionna")


@needs_sionna
@pytest.mark.parametrize(
    "law",
    [UMa(), UMi(indoor_share=0.5), RMa(), InH(), *(InF(hall=hall) for hall in ("sl", "dl", "sh", "dh", "hh"))],  # type: ignore[arg-type]
    ids=lambda law: "-".join([law.kind, getattr(law, "hall", "")]),
)
def test_gains_have_mean_1_in_every_scenario_also_at_the_site_itself(law: Scenario) -> None:
    offset_m = np.vstack([[0.0, 0.0], places_m(39)])
    gain = played(Sionna(steps=100, speed_m_s=1.0).process(dropped(law, offset_m), 0.0, BANDWIDTH_HZ), 100)
    assert gain.shape == (100, 40, 12)
    of_links = gain.mean(axis=(0, 2))
    assert abs(of_links.mean() - 1.0) < 4.0 * of_links.std() / 40**0.5


@needs_sionna
def test_a_line_of_sight_fades_by_its_k_factor() -> None:
    # A Rician gain of mean 1 has the variance (2 K + 1) / (K + 1)^2; K is log-normal with 9 dB and 5 dB.
    k_factor = 10.0 ** (np.random.default_rng(1).normal(9.0, 5.0, 100_000) / 10.0)
    expected = ((2.0 * k_factor + 1.0) / (k_factor + 1.0) ** 2).mean()
    links = dropped(UMi(line_of_sight="always"), places_m(150))
    gain = played(Sionna(steps=200, speed_m_s=1.0, step_coherence_times=1.0).process(links, 0.0, BANDWIDTH_HZ), 200)
    variance = ((gain - 1.0) ** 2).mean(axis=(0, 2))
    assert abs(variance.mean() - expected) < 4.0 * variance.std() / 150**0.5


@needs_sionna
def test_gains_change_at_twice_the_doppler_shift_at_most() -> None:
    process = Sionna(steps=2000, speed_m_s=5.0).process(dropped(UMi(), places_m(10)), 0.0, BANDWIDTH_HZ)
    assert isinstance(process, Traces)
    gain = played(process, 2000)
    spectrum = np.abs(np.fft.rfft((gain - gain.mean(axis=0)) * np.hanning(2000)[:, None, None], axis=0)) ** 2
    frequency_hz = np.fft.rfftfreq(2000, process.step_s)
    too_fast = frequency_hz > 2.02 * doppler_hz(5.0, CARRIER_HZ)
    assert 0.1 < too_fast.mean() < 0.9
    assert spectrum[too_fast].sum() < 1e-5 * spectrum.sum()


@needs_sionna
def test_a_link_has_the_same_gains_in_any_company() -> None:
    places = places_m(3)
    together = played(Sionna(steps=20, speed_m_s=1.0).process(dropped(UMi(), places), 0.0, BANDWIDTH_HZ), 20)
    alone = played(Sionna(steps=20, speed_m_s=1.0).process(dropped(UMi(), places[2:], 2), 0.0, BANDWIDTH_HZ), 20)
    assert (together[:, 2:] == alone).all()


@needs_sionna
def test_directions_share_large_scale_parameters_and_fade_apart() -> None:
    setting, law = Sionna(steps=200, speed_m_s=1.0, step_coherence_times=1.0), UMi(line_of_sight="always")
    ways = [dropped(law, places_m(40), direction=direction) for direction in ("uplink", "downlink")]
    up, down = (played(setting.process(each, 0.0, BANDWIDTH_HZ), 200) for each in ways)
    assert abs(np.corrcoef((up - 1.0).ravel(), (down - 1.0).ravel())[0, 1]) < 0.1
    # A link's gain varies as its K-factor says, which differs by 5 dB (rms) from link to link.
    of_links = np.log([gain.var(axis=(0, 2)) for gain in (up, down)])
    assert np.corrcoef(*of_links)[0, 1] > 0.8


@needs_sionna
def test_traces_are_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = played(Sionna(steps=20, speed_m_s=1.0).process(dropped(UMi(), places_m(2)), 0.0, BANDWIDTH_HZ), 20)
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".npz"]
    monkeypatch.setattr(sionna, "drawn", None)
    # The speed only says how quickly a trace is played.
    again = played(Sionna(steps=20, speed_m_s=7.0).process(dropped(UMi(), places_m(2)), 0.0, BANDWIDTH_HZ), 20)
    assert (made == again).all()
    with pytest.raises(TypeError):
        Sionna(steps=21).process(dropped(UMi(), places_m(2)), 1.0, BANDWIDTH_HZ)


@needs_sionna
def test_a_folder_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ValueError, match=r"cannot be written: Not a directory; set XDG_CACHE_HOME"):
        Sionna(steps=2).process(dropped(UMi(), places_m(1)), 1.0, BANDWIDTH_HZ)
