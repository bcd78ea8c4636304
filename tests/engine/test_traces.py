"""Messages over traces: airtimes by hand, latencies of the moment, whose trace it is, and what is predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.worlds import BATCH, ListLog, dataset, run, tiny, world_of
from wirelessfsl.algorithms.sfl_ga import SFLGA
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.engine.access import ConstantLink, TraceLinks
from wirelessfsl.engine.world import SimulationError
from wirelessfsl.prediction import predict
from wirelessfsl.scenario import Scenario
from wirelessfsl.simulation import play


def written(folder: Path, text: str, name: str = "x.csv") -> str:
    file = folder / name
    file.write_text(text)
    return str(file)


def arrivals(scenario: Scenario, plan: list[tuple[int, int]], down: bool = False) -> list[float]:
    """When messages arrive that are sent at the instant 0: of (client, bytes)."""
    world, _ = world_of(scenario)
    ends = [(world.clients[client], world.server) for client, _ in plan]
    sent = [
        world.medium.transmit(*(pair[::-1] if down else pair), size) for pair, (_, size) in zip(ends, plan, strict=True)
    ]
    with np.errstate(divide="ignore"):  # as in a run: at a rate of 0 a message takes infinitely long
        world.env.run(world.env.all_of(sent))
    return [float(flight.value.end_s) for flight in sent]


def test_a_message_arrives_when_the_integral_of_the_rate_has_come_to_its_bits(tmp_path: Path) -> None:
    # 80 bit/s for 1 s, nothing for 2 s, 400 bit/s for 2 s, again: 880 bits in 5 s.
    medium = TraceLinks(uplink=(written(tmp_path, "time_s,rate_bit_s\n0,80\n1,0\n3,400\n"),), latency_s=0.25)
    scenario = tiny(1, medium=medium)
    (first,) = arrivals(scenario, [(0, 5)])
    assert first == pytest.approx(0.5 + 0.25)
    # 80 bits in the first second, 320 of the 400 in 0.8 s from 3 s on; then in line: 80 bits each to 4 and 4.2 s.
    assert arrivals(scenario, [(0, 50), (0, 10), (0, 10)]) == pytest.approx([3.8 + 0.25, 4.0 + 0.25, 4.2 + 0.25])
    (long,) = arrivals(scenario, [(0, 1110)])  # 10 rounds and the first second
    assert long == pytest.approx(51.0 + 0.25)


def test_the_latency_is_that_of_the_instant_at_which_the_last_bit_leaves(tmp_path: Path) -> None:
    rates = written(tmp_path, "time_s,rate_bit_s\n0,80\n")
    latency = written(tmp_path, "time_s,direction,latency_s\n0,uplink,0.5\n2,uplink,0.125\n0,downlink,3\n", "l.csv")
    scenario = tiny(1, medium=TraceLinks(uplink=(rates,), latency=(latency,), at_end="hold"))
    assert arrivals(scenario, [(0, 10), (0, 20)]) == pytest.approx([1.5, 3.125])
    assert arrivals(scenario, [(0, 10)], down=True) == pytest.approx([4.0])


def test_traces_are_dealt_in_turn_and_the_downlink_has_its_own(tmp_path: Path) -> None:
    slow, quick = (written(tmp_path, f"time_s,rate_bit_s\n0,{rate}\n", f"{rate}.csv") for rate in (8, 80))
    medium = TraceLinks(uplink=(slow, quick), downlink=(quick,), latency_s=0.0)
    everybody = [(client, 10) for client in range(3)]
    assert arrivals(tiny(3, medium=medium), everybody) == pytest.approx([10.0, 1.0, 10.0])
    assert arrivals(tiny(3, medium=medium), everybody, down=True) == pytest.approx([1.0, 1.0, 1.0])


def test_clients_named_in_a_trace_have_their_own(tmp_path: Path) -> None:
    file = written(tmp_path, "time_s,device,rate_bit_s\n0,client-1,80\n0,client-0,8\n")
    assert arrivals(tiny(2, medium=TraceLinks(uplink=(file,), latency_s=0.0)), [(0, 10), (1, 10)]) == [10.0, 1.0]


def test_a_trace_of_one_rate_is_a_constant_link(tmp_path: Path) -> None:
    file = written(tmp_path, "time_s,rate_bit_s\n0,1e5\n1,1e5\n2,1e5\n")
    traced, constant = (
        run(tiny(2, medium=medium, algorithm=algorithm))[0]
        for algorithm in [SFLGA(rounds=2, batch_size=BATCH)]
        for medium in (
            TraceLinks(uplink=(file,), latency_s=0.02),
            ConstantLink(uplink_bit_s=1e5, downlink_bit_s=1e5, latency_s=0.02),
        )
    )
    for one, other in zip(traced.events, constant.events, strict=True):
        assert (one.node, one.phase, one.bytes) == (other.node, other.phase, other.bytes)
        assert (one.start_s, one.end_s) == pytest.approx((other.start_s, other.end_s), abs=1e-9)


def test_a_broadcast_has_the_rate_of_the_slowest_who_listen(tmp_path: Path) -> None:
    file = written(tmp_path, "time_s,device,rate_bit_s\n0,client-0,80\n0,client-1,8\n")
    world, _ = world_of(tiny(2, medium=TraceLinks(uplink=(file,), latency_s=0.0)))
    flight = world.medium.broadcast(world.server, 10)
    flight.receivers += world.clients
    world.env.run(flight)
    assert flight.value.end_s == pytest.approx(10.0)


def test_a_run_that_comes_to_the_end_of_a_trace_that_stops_says_what_to_do(tmp_path: Path) -> None:
    file = written(tmp_path, "time_s,rate_bit_s\n0,1e5\n1,1e5\n")
    scenario = tiny(1, medium=TraceLinks(uplink=(file,), at_end="stop"), rounds=5)
    with pytest.raises(SimulationError, match=r"round 1, simulated time .*x\.csv ends after 2 s: .* network\.medium"):
        play(scenario, ListLog())
    assert play(tiny(1, medium=TraceLinks(uplink=(file,), at_end="hold")), ListLog()).status == "completed"


def test_constant_traces_are_predicted_exactly_and_others_by_their_mean(tmp_path: Path) -> None:
    even = written(tmp_path, "time_s,direction,rate_bit_s\n0,uplink,1e5\n0,downlink,3e5\n")
    uneven = written(
        tmp_path, "time_s,direction,rate_bit_s\n0,uplink,1e5\n0,downlink,2e5\n0.01,downlink,4e5\n", "y.csv"
    )
    scheme = SplitFedV1(rounds=2, local_steps=2, batch_size=BATCH)
    for file, rel in (even, 1e-9), (uneven, 0.01):
        scenario = tiny(1, medium=TraceLinks(uplink=(file,)), algorithm=scheme)
        log, _ = run(scenario)
        assert predict(scenario, dataset(scenario)).seconds == pytest.approx(log.end_s / 2, rel=rel)
