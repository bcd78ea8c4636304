"""Figures of a network: axes with units, and the very numbers of the tables, of tiny real scenarios."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.worlds import tiny
from wirelessfsl.charts import Line, Plan
from wirelessfsl.engine.access import ConstantLink, Fdma
from wirelessfsl.network.cells import Hexagonal
from wirelessfsl.network.layout import InCells, Listed
from wirelessfsl.network.mobility import StraightLine
from wirelessfsl.network.regions import RectangleRegion
from wirelessfsl.network.topology import Graph, Relay, Wire
from wirelessfsl.radio.fading import NoFading, Rayleigh
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.results import networks
from wirelessfsl.results.looks import VERMILLION
from wirelessfsl.results.plots.sheets import save
from wirelessfsl.scenario import Network, Scenario
from wirelessfsl.sounding import cover, plan, sound
from wirelessfsl.viewing import KINDS

PLACES = (60.0, 10.0), (-40.0, 50.0), (30.0, -70.0)
WIRES = Wire(ends=("site-0", "edge"), rate_bit_s=1e8, delay_s=0.002), Wire(ends=("edge", "cloud"), rate_bit_s=1e10)


def scenario(clients: int = 3, fading: Any = NoFading(), **network: Any) -> Scenario:  # noqa: B008 (a frozen value)
    parts = {
        "layout": Listed(at_m=PLACES),
        "channel": Channel(fading=fading, phy=Nr()),
        "medium": Fdma(bandwidth_hz=20e6),
    }
    return tiny(clients, network=Network(**parts | network))


def shown(figure: Figure) -> dict[str, list[Axes]]:
    """Panels by the label of their row's first; titles stand above the first of a column."""
    rows: dict[str, list[Axes]] = {}
    for axis in figure.axes:
        if axis.get_label() == "<colorbar>":
            continue
        if axis.get_ylabel():
            rows[axis.get_ylabel()] = []
        rows[next(reversed(rows))].append(axis)
    return rows


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def texts(axis: Axes) -> list[str]:
    return [text.get_text() for text in axis.texts]


def test_a_channel_has_rows_with_units_and_the_samples_of_every_client() -> None:
    s = scenario()
    samples = sound(s, until_s=0.5)
    figure = networks.channel(samples, cover(s, points=20), plan(s))
    rows = shown(figure)
    assert [*rows] == ["SINR (dB)", "rate (Mbit/s)", "MCS index", "y (m)"]
    assert [axis.get_title() for axis in rows["SINR (dB)"]] == ["uplink", "downlink"]
    assert [axis.get_xlabel() for axis in rows["MCS index"]] == ["simulated time (ms)"] * 2
    assert [axis.get_xlabel() for axis in rows["y (m)"]] == ["x (m)", "x (m)"]
    assert legend(figure) == ["client-0", "client-1", "client-2"]
    for column, row, factor in (("rate_bit_s", "rate (Mbit/s)", 1e6), ("mcs", "MCS index", 1.0)):
        for axis, direction in zip(rows[row], ("uplink", "downlink"), strict=True):
            for line, client in zip(axis.lines, ("client-0", "client-1", "client-2"), strict=True):
                own = (samples.client == client) & (samples.direction == direction)
                assert np.asarray(line.get_ydata()) == pytest.approx(getattr(samples, column)[own] / factor)
                assert np.asarray(line.get_xdata()) == pytest.approx(samples.time_s[own] * 1e3)


def test_fading_scatters_around_the_sinr_without_it_and_rates_around_their_means() -> None:
    s = scenario(1, fading=Rayleigh(coherence_time_s=0.01))
    samples = sound(s, until_s=5.0, instants=100)
    figure = networks.channel(samples, None, plan(s))
    assert legend(figure) == [
        "client-0",
        "SINR: without fading; rate, MCS: mean of 10 samples",
        "samples, with fading",
    ]
    rows, uplink = shown(figure), samples.direction == "uplink"
    thin, thick = rows["SINR (dB)"][0].lines
    assert np.asarray(thin.get_ydata()) == pytest.approx(samples.sinr_db[uplink])
    assert np.asarray(thick.get_ydata()) == pytest.approx(samples.mean_sinr_db[uplink])
    assert thin.get_linewidth() < thick.get_linewidth()
    means = rows["rate (Mbit/s)"][0].lines[1]
    assert np.asarray(means.get_ydata()) == pytest.approx(samples.rate_bit_s[uplink].reshape(10, 10).mean(axis=1) / 1e6)


def test_maps_of_both_directions_have_one_scale_and_say_what_is_left_out() -> None:
    s = scenario(fading=Rayleigh())
    chart = cover(s, points=20)
    figure = networks.channel(sound(s, instants=10), chart, plan(s))
    panels = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in panels] == ["uplink, over the area", "downlink, over the area"]
    assert panels[0].images[0].get_clim() == panels[1].images[0].get_clim()
    assert figure.axes[-1].get_ylabel() == "SINR without fading (dB)"
    for axis, direction in zip(panels, ("uplink", "downlink"), strict=True):
        (image,) = axis.images
        drawn = np.asarray(image.get_array())
        low, _ = image.get_clim()
        assert drawn == pytest.approx(np.maximum(chart.sinr_db[direction], low))
        left, right, bottom, top = image.get_extent()
        assert (right - left) / drawn.shape[1] == pytest.approx((top - bottom) / drawn.shape[0])
        at = {(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in axis.lines}  # type: ignore[index]
        assert at == {*PLACES, (0.0, 0.0)}


def test_pipes_have_a_row_of_rates_and_no_map() -> None:
    s = scenario(medium=ConstantLink(uplink_bit_s=2e3, downlink_bit_s=5e3))
    figure = KINDS["channel"](s, 4.0)
    assert [*shown(figure)] == ["rate (kbit/s)"]
    widths = [line.get_linewidth() for line in figure.axes[0].lines]
    assert widths == sorted(widths, reverse=True)  # equal lines all show
    assert figure.axes[1].lines[0].get_ydata()[0] == 5.0  # type: ignore[index]


def test_the_serving_cell_is_a_row_where_it_is_not_always_the_same() -> None:
    s = scenario(3, layout=InCells(), cells=Hexagonal(rings=1, inter_site_distance_m=300.0))
    samples = sound(s, instants=5)
    (axis,) = shown(networks.channel(samples, None, plan(s)))["serving cell"]  # alike in both directions: once
    assert axis.get_title() == "both directions"
    assert len({line.get_linewidth() for line in axis.lines}) == 1
    assert len({float(line.get_ydata()[0]) % 1 for line in axis.lines}) == 3  # type: ignore[index]
    names = [text.get_text() for text in axis.get_yticklabels()]
    assert names == sorted(set(samples.cell.tolist()))
    assert len(names) > 1
    served = [names[round(float(line.get_ydata()[0]))] for line in axis.lines]  # type: ignore[index]
    assert served == samples.cell[(samples.direction == "uplink") & (samples.time_s == 0.0)].tolist()


def test_a_topology_shows_places_to_scale_and_wires_with_rate_and_delay() -> None:
    line = StraightLine(region=RectangleRegion(width_m=1e3, height_m=1e3), speed_m_s=2.0)
    s = scenario(topology=Graph(wires=WIRES, relays=(Relay(name="mast", at_m=(50.0, 50.0)),)), mobility=line)
    figure = KINDS["topology"](s, 5.0)
    scaled, wired = figure.axes
    assert (scaled.get_xlabel(), scaled.get_ylabel(), scaled.get_aspect()) == ("x (m)", "y (m)", 1.0)
    marked = {str(each.get_label()): each for each in scaled.lines}
    assert np.column_stack(marked["devices (numbered)"].get_data()).tolist() == [list(at) for at in PLACES]
    assert np.column_stack(marked["relay"].get_data()).tolist() == [[50.0, 50.0]]
    assert {"0", "1", "2", "mast", "site-0"} == set(texts(scaled))
    assert legend(figure) == ["site", "relay", "devices (numbered)", "served by, at the beginning", "ways"]
    assert set(texts(wired)) == {"site-0", "edge", "cloud", "100 Mbit/s\n2 ms", "10 Gbit/s\n1 ms"}
    assert {text.get_text() for text in wired.texts if text.get_weight() == "bold"} == {"cloud"}
    x = {text.get_text(): text.get_position()[0] for text in wired.texts}
    assert x["site-0"] < x["edge"] < x["cloud"]


def test_without_wires_the_server_is_at_the_site_and_without_places_there_are_pipes() -> None:
    (axis,) = KINDS["topology"](scenario(), 1.0).axes
    assert axis.get_title() == "the server is at site-0"
    (axis,) = KINDS["topology"](scenario(medium=ConstantLink(uplink_bit_s=1e6, downlink_bit_s=2e6)), 1.0).axes
    assert texts(axis) == ["1 Mbit/s up, 2 Mbit/s down\n20 ms", "server", "3 clients"]


def test_out_of_range_there_is_a_gap_in_place_of_an_mcs() -> None:
    s = scenario(1, layout=Listed(at_m=((60.0, 0.0),)), fading=Rayleigh(coherence_time_s=0.01))
    samples = sound(s, until_s=5.0, instants=100)
    mcs = samples.mcs.copy()
    mcs[:15] = -1
    lines = shown(networks.channel(samples._replace(mcs=mcs), None, plan(s)))["MCS index"][0].lines
    thin, thick = (np.asarray(line.get_ydata(), float) for line in lines)
    assert np.isnan(thin).tolist() == [True] * 15 + [False] * 85
    assert np.isnan(thick).tolist() == [True] + [False] * 9
    assert thick[1] == pytest.approx(mcs[15:20].mean())


def test_a_link_around_the_edge_is_only_begun_and_the_legend_says_so() -> None:
    s = scenario(1, layout=Listed(at_m=((-420.0, -20.0),)), cells=Hexagonal(rings=1, inter_site_distance_m=300.0))
    there = plan(s)
    (near,) = there.served.values()
    image = near._replace(x_m=near.x_m - 1000.0)
    for served, links in ((near, 0), (image, 1)):
        figure = networks.topology(there._replace(served={"client-0": served}))
        begun = [line for line in figure.axes[0].lines if line.get_color() == VERMILLION and line.get_xydata().size]
        assert len(begun) == links == sum("around the edge" in entry for entry in legend(figure))
    (line,) = begun
    assert np.hypot(*np.ptp(line.get_xydata(), axis=0)) == pytest.approx(
        networks.STUB * np.hypot(image.x_m + 420.0, image.y_m + 20.0)
    )


def test_labels_of_neighbours_do_not_overlap() -> None:
    s = scenario(
        layout=Listed(at_m=((8.0, 3.0), (11.0, 3.0), (60.0, 60.0))),
        topology=Graph(wires=WIRES, relays=(Relay(name="mast", at_m=(0.0, 10.0)),)),
    )
    axis = KINDS["topology"](s, 1.0).axes[0]
    boxes = [text.get_window_extent() for text in axis.texts]
    assert len(boxes) == 5
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_labels_of_wires_that_meet_do_not_overlap() -> None:
    wires = [(f"site-{i}", "edge") for i in range(6)]
    lines = tuple(Line(ends, 1e9, 1e9, 0.002) for ends in [*wires, ("edge", "cloud")])
    figure = networks.topology(Plan((), (), {}, {}, lines, "cloud"))
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 15
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_of_many_devices_none_is_named() -> None:
    (axis,) = KINDS["topology"](scenario(30, layout=Listed(at_m=tuple((10.0 + i, 0.0) for i in range(30)))), 1.0).axes
    assert texts(axis) == ["site-0"]


def test_every_node_of_a_ring_of_wires_is_drawn_once_and_apart_from_the_others() -> None:
    """Wires between nodes that are equally far from the server, too."""
    pairs = ("a", "server"), ("b", "server"), ("a", "b"), ("c", "a"), ("c", "b"), ("site-0", "c")
    lines = tuple(Line(pair, 1e9, 1e9, 0.001) for pair in pairs)
    (axis,) = networks.topology(Plan((), (), {}, {}, lines, "server")).axes
    boxes = [text.get_position() for text in axis.texts if "\n" not in text.get_text()]
    assert len(set(boxes)) == len(boxes) == 5
    assert len(axis.lines) == len(pairs)


@pytest.mark.parametrize("kind", KINDS)
def test_figures_are_saved_as_equal_files_and_leave_no_global_state(tmp_path: Path, kind: str) -> None:
    before, s = dict(rcParams), scenario(2, layout=Listed(at_m=PLACES[:2]))
    s = replace(s, network=replace(s.network, topology=Graph(wires=WIRES)))
    for name in ("a", "b"):
        files = save(KINDS[kind](s, 1.0), tmp_path / name / kind, ("pdf", "svg"))
    for file in files:
        assert file.read_bytes() == (tmp_path / "a" / file.name).read_bytes()
    assert b"/Type3" not in files[0].read_bytes()
    assert dict(rcParams) == before
