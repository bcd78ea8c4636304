"""Sounding: a scenario's channel against link budgets by hand, and against what the engine has."""

from __future__ import annotations

from dataclasses import replace
from math import log2
from typing import Any

import numpy as np
import pytest

from tests.worlds import RADIO, tiny
from wirelessfsl.algorithms.local_only import LocalOnly
from wirelessfsl.devices.catalogue import PROFILES
from wirelessfsl.engine.access import ConstantLink, Fdma, TraceLinks
from wirelessfsl.network.cells import Handover, Hexagonal
from wirelessfsl.network.layout import Fixed, Listed
from wirelessfsl.network.mobility import StraightLine
from wirelessfsl.network.regions import RectangleRegion
from wirelessfsl.network.topology import Graph, Relay, Wire
from wirelessfsl.networking import airs, equipment
from wirelessfsl.radio.fading import NoFading, Rayleigh
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.phy import Shannon
from wirelessfsl.radio.propagation import LogDistance, LogNormal
from wirelessfsl.radio.shadowing import ByScenario
from wirelessfsl.radio.tr38901.umi import UMi
from wirelessfsl.radio.wifi import Wifi
from wirelessfsl.scenario import Network, Scenario
from wirelessfsl.sounding import cover, plan, sound

BAND = Fdma(bandwidth_hz=1e6, downlink_bandwidth_hz=4e6)
LAW = LogDistance(reference_loss_db=40.0, reference_distance_m=1.0, exponent=3.0)
CALM = Channel(path_loss=LAW, fading=NoFading(), phy=Shannon(cap_bit_s_hz=100.0), noise_density_dbm_hz=-174.0)
FIGURE_DB = RADIO.noise_figure_db


def scenario(clients: int = 1, **network: Any) -> Scenario:
    parts = {"layout": Fixed(distances_m=(100.0,)), "channel": CALM, "medium": BAND} | network
    return tiny(clients, network=Network(**parts))


def of(table: Any, column: str, direction: str) -> Any:
    return getattr(table, column)[table.direction == direction]


def test_sinr_and_rate_are_those_of_the_link_budget() -> None:
    """30 dBm - (40 + 30 lg 100) dB - (-174 + 10 lg B + F) dBm; uplink 1 MHz, downlink 4 MHz."""
    samples = sound(scenario(), until_s=1.0, instants=3)
    assert samples.time_s.tolist() == pytest.approx([0.0, 1 / 3, 2 / 3] * 2)
    for direction, hz in (("uplink", 1e6), ("downlink", 4e6)):
        snr_db = 30.0 - 100.0 + 174.0 - 10.0 * np.log10(hz) - FIGURE_DB
        assert of(samples, "sinr_db", direction) == pytest.approx([snr_db] * 3)
        assert of(samples, "rate_bit_s", direction) == pytest.approx([hz * log2(1.0 + 10.0 ** (snr_db / 10.0))] * 3)
    assert samples.mean_sinr_db.tolist() == samples.sinr_db.tolist()
    assert set(samples.cell) == {"site-0"}
    assert set(samples.mcs) == {-1}


def test_who_moves_away_has_less_and_less() -> None:
    """From 100 m on at 10 m/s: after 90 s at 1000 m, which is 30 dB more of loss at exponent 3."""
    away = StraightLine(
        region=RectangleRegion(width_m=1e4, height_m=1e4), speed_m_s=10.0, heading_deg=0.0, resolution_m=0.01
    )
    samples = sound(scenario(mobility=away), until_s=100.0, instants=10)
    sinr_db = of(samples, "sinr_db", "uplink")
    assert np.all(np.diff(sinr_db) < 0)
    assert sinr_db[0] - sinr_db[-1] == pytest.approx(30.0, abs=1e-3)
    assert of(samples, "x_m", "uplink")[-1] == pytest.approx(1000.0, abs=0.1)


def test_samples_have_the_fading_that_the_engine_has_at_the_instant() -> None:
    s = scenario(3, channel=replace(CALM, fading=Rayleigh(coherence_time_s=0.1)))
    samples = sound(s, until_s=1.0, instants=5)
    radios = [equipment(group)[1] for group in s.groups for _ in range(group.count)]
    for direction, air in zip(("uplink", "downlink"), airs(s, BAND, radios, equipment(s.server)[1]), strict=True):
        for time_s in samples.time_s[:15:3].tolist():
            now = (samples.time_s == time_s) & (samples.direction == direction)
            assert 10.0 ** (samples.sinr_db[now] / 10.0) == pytest.approx(air.snr(time_s))  # type: ignore[union-attr]
    assert len(set(samples.mean_sinr_db[samples.direction == "uplink"].round(9))) == 1


def test_the_mcs_is_that_of_the_sinr_on_the_resource_blocks() -> None:
    nr = Nr()
    s = scenario(channel=replace(CALM, phy=nr), medium=Fdma(bandwidth_hz=20e6))
    samples = sound(s, until_s=1.0, instants=1)
    link = nr.one_way("uplink")
    snr = 10.0 ** ((30.0 - 100.0 + 174.0 - 10.0 * np.log10(link.occupied_hz(20e6)) - FIGURE_DB) / 10.0)
    assert samples.mcs[0] == link.mcs(np.array([snr]))[0] >= 0


def test_four_clients_are_an_even_choice_and_others_can_be_named() -> None:
    s = scenario(10)
    assert list(dict.fromkeys(sound(s, instants=1).client)) == ["client-0", "client-3", "client-6", "client-9"]
    assert set(sound(s, clients=["client-7"], instants=1).client) == {"client-7"}
    with pytest.raises(ValueError, match=r"tiny: got client 'client-10', allowed: client-0 to client-9"):
        sound(s, clients=["client-10"])


def test_pipes_have_rates_and_no_places() -> None:
    samples = sound(scenario(medium=ConstantLink(uplink_bit_s=1e6, downlink_bit_s=2e6)), instants=2)
    assert samples.rate_bit_s.tolist() == [1e6, 1e6, 2e6, 2e6]
    assert np.isnan(samples.sinr_db).all()
    assert np.isnan(samples.x_m).all()
    with pytest.raises(ValueError, match=r"network\.medium constant has rates without places: there is no map"):
        cover(scenario(medium=ConstantLink()))


def test_traces_are_played_and_their_end_is_told(tmp_path: Any) -> None:
    file = tmp_path / "x.csv"
    file.write_text("time_s,rate_bit_s\n0,100\n1,300\n")
    medium = TraceLinks(uplink=(str(file),), at_end="stop", latency_s=0.5)
    s = scenario(2, medium=medium)
    assert of(sound(s, until_s=2.0, instants=4), "rate_bit_s", "uplink").tolist() == [100.0] * 4 + [300.0] * 4
    with pytest.raises(ValueError, match=r"tiny: .*x\.csv ends after 2 s"):
        sound(s, until_s=3.0)
    (line,) = plan(s).lines
    assert line == (("2 clients", "server"), 200.0, 200.0, 0.5, "means of traces")


def test_wifi_is_sounded_in_both_directions_at_its_own_rates() -> None:
    """The rate on the air is that of the MCS that the received power allows, at 200 m lower than at 20 m."""
    wifi = Wifi()
    s = scenario(2, layout=Fixed(distances_m=(20.0, 60.0)), medium=wifi)
    samples = sound(s, until_s=1.0, instants=1)
    snr_db = 30.0 - 40.0 - 30.0 * np.log10(np.array([20.0, 60.0])) + 174.0 - 10.0 * np.log10(20e6) - FIGURE_DB
    for direction in ("uplink", "downlink"):  # equal powers and noise figures
        assert of(samples, "sinr_db", direction) == pytest.approx(snr_db)
        assert of(samples, "rate_bit_s", direction) == pytest.approx(wifi.rate_bit_s(10.0 ** (snr_db / 10.0)))
    assert samples.mcs[0] > samples.mcs[1] >= 0


def test_a_relay_serves_who_is_nearer_to_it_than_to_the_site() -> None:
    relayed = Graph(relays=(Relay(name="r", at_m=(90.0, 0.0)),))
    s = scenario(2, layout=Fixed(distances_m=(100.0, 40.0)), topology=relayed)
    samples = sound(s, until_s=1.0, instants=1)
    assert of(samples, "cell", "uplink").tolist() == ["r", "site-0"]
    near, far = of(samples, "sinr_db", "downlink")
    relay_dbm = PROFILES["raspberry-pi-4"].radio.tx_power_dbm
    assert near == pytest.approx(relay_dbm - 70.0 + 174.0 - 10.0 * np.log10(4e6) - FIGURE_DB)
    assert far == pytest.approx(30.0 - 40.0 - 30.0 * np.log10(40.0) + 174.0 - 10.0 * np.log10(4e6) - FIGURE_DB)
    there = plan(s)
    assert {name: by.name for name, by in there.served.items()} == {"client-0": "r", "client-1": "site-0"}
    assert there.server == "cloud"
    assert [line.ends for line in there.lines] == [("site-0", "cloud")]


def cellular(**changes: Any) -> Scenario:
    cells = Hexagonal(**{"rings": 1, "inter_site_distance_m": 400.0, "min_distance_m": 20.0} | changes)
    return scenario(1, cells=cells, layout=Listed(at_m=((190.0, 0.0),)))


def test_loaded_neighbours_lower_the_sinr_of_the_downlink_by_their_interference() -> None:
    """Between two sites, 190 m from one and 210 m from the other; the others by their distances."""
    samples, silent = (sound(cellular(load=load, wrap_around=False), instants=1) for load in (1.0, 0.0))
    snr_db = 30.0 - 40.0 - 30.0 * np.log10(190.0) + 174.0 - 10.0 * np.log10(4e6) - FIGURE_DB
    assert of(silent, "sinr_db", "downlink") == pytest.approx(snr_db)
    angle = np.deg2rad(60.0 * np.arange(6))
    others_m = np.hypot(400.0 * np.cos(angle) - 190.0, 400.0 * np.sin(angle))
    disturbance = (10.0 ** (snr_db / 10.0) * (190.0 / others_m) ** 3).sum()
    expected_db = snr_db - 10.0 * np.log10(1.0 + disturbance)
    assert of(samples, "sinr_db", "downlink") == pytest.approx(expected_db)
    assert of(samples, "sinr_db", "uplink") == pytest.approx(of(silent, "sinr_db", "uplink"))


def test_a_device_that_crosses_is_handed_over_on_the_way() -> None:
    line = StraightLine(region=RectangleRegion(width_m=2e3, height_m=2e3), speed_m_s=20.0, heading_deg=0.0)
    cells = replace(cellular().network.cells, handover=Handover(hysteresis_db=0.0))
    samples = sound(scenario(cells=cells, layout=Listed(at_m=((50.0, 0.0),)), mobility=line), 15.0, instants=30)
    cell = of(samples, "cell", "uplink").tolist()
    assert cell[0] == "cell-0"
    assert cell[-1] == "cell-6"  # whose site is at (400, 0) m
    assert cell.index("cell-6") == 30 - cell.count("cell-6")  # at once, and for good


def test_a_map_shows_at_a_place_what_a_device_there_has() -> None:
    """Sight and shadow belong to the place. Devices in the corners hold the grid; others stand on points of it."""
    channel = replace(CALM, path_loss=UMi(), shadowing=ByScenario(), carrier_hz=3.5e9)
    corners = (-90.0, -60.0), (90.0, 60.0)
    chart = cover(scenario(2, layout=Listed(at_m=corners), channel=channel), points=40)
    rows, columns = (5, 12, 20, 17), (7, 30, 2, 25)
    points = tuple((float(chart.x_m[i]), float(chart.y_m[j])) for j, i in zip(rows, columns, strict=True))
    s = scenario(6, layout=Listed(at_m=(*corners, *points)), channel=channel)
    samples = sound(s, clients=[f"client-{i}" for i in range(2, 6)], instants=1)
    for direction in ("uplink", "downlink"):
        assert chart.sinr_db[direction][rows, columns] == pytest.approx(of(samples, "mean_sinr_db", direction))
        assert chart.rate_bit_s[direction][rows, columns] == pytest.approx(of(samples, "rate_bit_s", direction))
    assert np.ptp(chart.sinr_db["uplink"]) > 20.0
    assert chart.left_out == ()
    assert set(chart.cell.ravel()) == {"site-0"}


def test_a_map_says_what_it_leaves_out() -> None:
    channel = Channel(path_loss=UMi(indoor_share=0.8), shadowing=LogNormal(), fading=Rayleigh())
    assert cover(scenario(channel=channel), points=10).left_out == ("fading", "walls and cars", "shadowing")


def test_beyond_a_cluster_that_wraps_around_there_is_no_map() -> None:
    chart = cover(cellular(), points=60)
    inside = np.isfinite(chart.sinr_db["downlink"])
    step_m = chart.x_m[1] - chart.x_m[0]
    area_m2 = 7 * 400.0**2 * np.sqrt(3.0) / 2
    assert inside.sum() * step_m**2 == pytest.approx(area_m2, rel=0.03)
    assert np.isfinite(cover(cellular(wrap_around=False), points=20).sinr_db["downlink"]).all()


def test_borders_of_sectors_are_thirds_of_their_hexagon() -> None:
    for sectors, points in ((1, 7), (3, 5)):
        cells = Hexagonal(rings=0, inter_site_distance_m=400.0, sectors=sectors)  # type: ignore[arg-type]
        borders = cells.borders_m
        assert borders.shape == (sectors, points, 2)
        x, y = np.moveaxis(borders, 2, 0)
        area_m2 = np.abs(0.5 * (x[:, :-1] * y[:, 1:] - x[:, 1:] * y[:, :-1]).sum(axis=1))
        assert area_m2 == pytest.approx(400.0**2 * np.sqrt(3.0) / 2 / sectors)
        gains_db = cells.gain_db(np.repeat(borders[:, 2][:, None], sectors, axis=1))
        assert gains_db.argmax(axis=1).tolist() == list(range(sectors))


def test_a_plan_has_every_place_and_way_and_wire() -> None:
    wires = (Wire(ends=("site-0", "edge"), rate_bit_s=1e8, delay_s=0.002), Wire(ends=("edge", "cloud")))
    line = StraightLine(region=RectangleRegion(width_m=2e3, height_m=2e3), speed_m_s=2.0, heading_deg=90.0)
    there = plan(scenario(2, topology=Graph(wires=wires), mobility=line), until_s=10.0)
    assert [(place.name, place.role) for place in there.places] == [
        ("client-0", "device"),
        ("client-1", "device"),
        ("site-0", "site"),
    ]
    assert there.ways_m["client-1"][-1] == pytest.approx([100.0, 20.0], abs=1.0)
    assert there.lines[0] == (("site-0", "edge"), 1e8, 1e8, 0.002, "")


def test_with_wrap_around_a_plan_joins_a_device_to_the_image_that_serves_it() -> None:
    """A device at the western border is served by its own site, or by an image one cluster away from another."""
    s = replace(cellular(), network=replace(cellular().network, layout=Listed(at_m=((-590.0, 10.0),))))
    (by,) = plan(s).served.values()
    assert np.hypot(by.x_m + 590.0, by.y_m - 10.0) <= 400.0 / np.sqrt(3.0)


@pytest.mark.parametrize("asked", [sound, cover, plan])
def test_a_scheme_that_sends_nothing_has_no_network(asked: Any) -> None:
    with pytest.raises(ValueError, match="local_only sends no messages: there is no channel and no network to show"):
        asked(tiny(algorithm=LocalOnly(rounds=1, local_steps=1, batch_size=16)))
