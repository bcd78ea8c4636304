"""The closed form against the simulator: equal devices and constant rates to the last digit, and the order of cuts."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from tests.worlds import BATCH, DEVICE, PROCESSOR, RADIO, SERVER_PROCESSOR, STATION, ListLog, dataset, run, tiny
from wirelessfsl.algorithms.cpsl import CPSL
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.fedlite import FedLite
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.algorithms.pfsl import PFSL
from wirelessfsl.algorithms.split_learning import SplitLearning
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.algorithms.splitfed_v2 import SplitFedV2
from wirelessfsl.algorithms.splitfed_v3 import SplitFedV3
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import TopK
from wirelessfsl.devices.compute import MeasuredProcessor
from wirelessfsl.devices.lte_phone import LtePhone
from wirelessfsl.engine.access import ConstantLink, Fdma, Ofdma, Tdma
from wirelessfsl.engine.participation import Participation, RandomChoice
from wirelessfsl.learning.partition import Iid
from wirelessfsl.network.layout import Disc, Fixed
from wirelessfsl.network.topology import Graph, Wire
from wirelessfsl.prediction import predict
from wirelessfsl.radio.allocation import Equal, MaxMin, MinMakespan
from wirelessfsl.radio.fading import NoFading, Rayleigh
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.nr.access import GrantAccess
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.power_control import FractionalPower
from wirelessfsl.radio.scheduling import ProportionalFair
from wirelessfsl.radio.wifi import Wifi
from wirelessfsl.scenario import Codecs, Data, Devices, Model, Network, Scenario, broadcasts
from wirelessfsl.simulation import play

CLIENTS, ROUNDS = 3, 2
MANY = {"rounds": ROUNDS, "local_steps": 2, "batch_size": BATCH}
SCHEMES = [
    CPSL(cluster_size=2, **MANY),
    FedAvg(**MANY),
    FedSL(interval=2, **MANY),
    MTSL(**MANY),
    ParallelSL(**MANY),
    SplitFedV1(**MANY),
    SplitFedV2(**MANY),
    SplitFedV3(**MANY),
    SplitLearning(**MANY),
]
CONSTANT = ConstantLink(uplink_bit_s=1e5, downlink_bit_s=3e5)
QUICK = ConstantLink(uplink_bit_s=1e9, downlink_bit_s=1e9, latency_s=0.0)
FDMA = Fdma(bandwidth_hz=1e5, downlink_bandwidth_hz=2e5)
TDMA = Tdma(bandwidth_hz=1e5, downlink_bandwidth_hz=2e5)
OFDMA = Ofdma(bandwidth_hz=7.2e5, downlink_bandwidth_hz=3.6e5, access=GrantAccess())
STEADY = Channel(fading=NoFading())


def simulated(scenario: Scenario) -> tuple[float, float]:
    """Seconds of a round and joules of a client in it, mean over rounds and clients."""
    log = ListLog()
    outcome = play(scenario, log, timing_only=True)
    joules = sum(event.energy_j for event in log.events if event.node != "server")
    return log.end_s / outcome.rounds, joules / outcome.rounds / scenario.data.clients


def slots(count: int) -> Any:
    return replace(STATION, processor=replace(SERVER_PROCESSOR, slots=count))


def assert_predicted(scenario: Scenario, rel: float) -> None:
    found = predict(scenario, dataset(scenario))
    assert (found.seconds, found.joules) == pytest.approx(simulated(scenario), rel=rel)


@pytest.mark.parametrize("medium", [CONSTANT, FDMA, TDMA, OFDMA], ids=lambda medium: medium.kind)
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.kind)
def test_equal_clients_and_constant_rates_are_predicted_exactly(scheme: Any, medium: Any) -> None:
    scenario = tiny(CLIENTS, algorithm=scheme, medium=medium, server=slots(CLIENTS), channel=STEADY)
    # Models that fly every second round in turn: a mean round is not the mean of the rounds.
    assert_predicted(scenario, rel=0.02 if scheme.kind == "fedsl" and medium is TDMA else 1e-9)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.kind)
def test_wires_behind_the_air_are_predicted_exactly_where_nobody_queues_for_them(scheme: Any) -> None:
    wires = Wire(ends=("site-0", "edge"), rate_bit_s=1e5, delay_s=0.3), Wire(ends=("edge", "cloud"), rate_bit_s=1e6)
    scenario = tiny(1, algorithm=scheme, medium=CONSTANT, server=slots(1))
    scenario = replace(scenario, network=replace(scenario.network, topology=Graph(wires=wires)))
    if not broadcasts(scenario):
        assert_predicted(scenario, rel=1e-9)


@pytest.mark.parametrize("scheme", [FedAvg(**MANY), SplitFedV1(**MANY)], ids=lambda scheme: scheme.kind)
def test_a_radio_whose_bits_cost_energy_and_that_has_a_tail_is_predicted_exactly(scheme: Any) -> None:
    phone = LtePhone(uplink_w_per_mbit_s=3.0, downlink_w_per_mbit_s=2.0, tail_s=1e3)
    devices = (replace(DEVICE, count=CLIENTS, radio=phone),)
    assert_predicted(tiny(devices=devices, algorithm=scheme, medium=CONSTANT, server=slots(CLIENTS)), rel=1e-9)


@pytest.mark.parametrize("scheme", [SplitFedV1(**MANY), CPSL(cluster_size=2, **MANY)], ids=lambda scheme: scheme.kind)
def test_clients_who_send_in_turn_or_softly_are_predicted_exactly(scheme: Any) -> None:
    in_turn = replace(OFDMA, scheduler=ProportionalFair())
    there = tiny(CLIENTS, algorithm=scheme, server=slots(CLIENTS), channel=STEADY, medium=in_turn)
    assert_predicted(there, rel=1e-9)
    # At their mean distance, clients of this power control are some dB below their full power.
    softly = replace(
        there, network=replace(there.network, medium=replace(OFDMA, power_control=FractionalPower(alpha=0.4)))
    )
    seconds = predict(softly, dataset(softly)).seconds
    assert seconds == pytest.approx(simulated(softly)[0], rel=1e-9)
    loud = replace(there, network=replace(there.network, medium=OFDMA))
    assert seconds > 1.01 * simulated(loud)[0]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("steps", [1, 4])
def test_the_line_for_the_servers_slots_is_predicted_exactly(count: int, steps: int) -> None:
    scheme = SplitFedV1(rounds=1, local_steps=steps, batch_size=BATCH)
    for speed in 0.3, 3.0:  # the server is the bottleneck, or it is not
        server = replace(STATION, processor=replace(slots(count).processor, flops_per_s=speed * 5e5))
        assert_predicted(tiny(5, algorithm=scheme, medium=CONSTANT, server=server), rel=1e-9)


@pytest.mark.parametrize("scheme", [SplitFedV1(**MANY), ParallelSL(**MANY)], ids=lambda scheme: scheme.kind)
def test_what_codecs_make_of_messages_and_their_work_are_in_it(scheme: Any) -> None:
    codecs = Codecs(activations=(TopK(fraction=0.1), Quantize()), gradients=(Quantize(),), model_upload=(Quantize(),))
    plain = tiny(CLIENTS, algorithm=scheme, medium=CONSTANT, server=slots(CLIENTS))
    coded = replace(plain, codecs=codecs)
    assert_predicted(coded, rel=1e-6)
    before, after = (predict(each, dataset(each)) for each in (plain, coded))
    assert after.gradient_bytes < before.gradient_bytes / 20  # a quarter of the bits for a tenth of the positions
    assert after.seconds < before.seconds


def test_fedlites_iteration_is_predicted_but_for_the_averages_small_change() -> None:
    assert_predicted(tiny(CLIENTS, algorithm=FedLite(rounds=1, batch_size=BATCH), medium=FDMA), rel=0.02)


@pytest.mark.parametrize("medium", [CONSTANT, FDMA], ids=lambda medium: medium.kind)
def test_a_round_of_three_pieces_is_predicted(medium: Any) -> None:
    scheme = PFSL(rounds=2, local_steps=1, batch_size=BATCH)
    scenario = tiny(CLIENTS, algorithm=scheme, medium=medium, server=slots(CLIENTS), channel=STEADY)
    (last,) = run(scenario)[0].rows(node="server", activity="idle", round=2)  # in the first nobody has to fetch a back
    assert predict(scenario, dataset(scenario)).seconds == pytest.approx(last.end_s - last.start_s, rel=1e-9)


def test_the_mean_over_fading_blocks_is_near_what_many_blocks_give() -> None:
    fading = Channel(fading=Rayleigh(coherence_time_s=0.01))
    scheme = SplitLearning(rounds=4, local_steps=4, batch_size=BATCH)
    scenario = tiny(2, algorithm=scheme, medium=FDMA, channel=fading, layout=Fixed(distances_m=(400.0,)))
    assert_predicted(scenario, rel=0.05)  # 256 blocks of a rate whose deviation is about half of its mean: 3 %


def test_a_round_takes_as_long_as_its_slowest_client() -> None:
    scenario = tiny(2, algorithm=SplitFedV1(**MANY), medium=CONSTANT, server=slots(2))
    (group,) = scenario.devices
    slow = replace(group, count=1, processor=replace(group.processor, flops_per_s=group.processor.flops_per_s / 3))
    unequal = replace(scenario, devices=(replace(group, count=1), slow))
    assert_predicted(unequal, rel=1e-9)
    assert predict(unequal, dataset(unequal)).seconds > predict(scenario, dataset(scenario)).seconds


@pytest.mark.parametrize("medium", [CONSTANT, FDMA, TDMA], ids=lambda medium: medium.kind)
@pytest.mark.parametrize(
    "scheme", [ParallelSL(**MANY), SplitFedV1(**MANY), SplitLearning(**MANY)], ids=lambda s: s.kind
)
def test_of_equal_clients_any_half_costs_the_same(scheme: Any, medium: Any) -> None:
    half = Participation(choice=RandomChoice(fraction=0.5))
    assert_predicted(
        tiny(6, algorithm=scheme, medium=medium, server=slots(6), channel=STEADY, participation=half), rel=1e-9
    )


@pytest.mark.parametrize("scheme", [ParallelSL(**MANY), SplitFedV1(**MANY)], ids=lambda scheme: scheme.kind)
def test_a_random_choice_costs_the_mean_over_all_choices(scheme: Any) -> None:
    (group,) = tiny().devices
    speeds = (1.0, 0.7, 0.5, 0.2)
    devices = [replace(group, processor=replace(group.processor, efficiency=each)) for each in speeds]
    whole = tiny(algorithm=scheme, medium=CONSTANT, server=slots(4), devices=tuple(devices))
    found = predict(replace(whole, participation=Participation(choice=RandomChoice(fraction=0.5))), dataset(whole))
    pairs = [tiny(algorithm=scheme, medium=CONSTANT, server=slots(4), devices=two) for two in combinations(devices, 2)]
    assert found.seconds == pytest.approx(np.mean([predict(each, dataset(each)).seconds for each in pairs]), rel=1e-9)


@pytest.mark.parametrize("fading", [NoFading(), Rayleigh(coherence_time_s=1.0)], ids=lambda fading: fading.kind)
@pytest.mark.parametrize("radius_m", [400.0, 2000.0])  # rates about the same, and quite different ones
@pytest.mark.parametrize("scheme", [SplitFedV1, SplitFedV3], ids=lambda scheme: scheme.kind)
def test_clients_that_drift_apart_are_predicted_nearly(scheme: Any, radius_m: float, fading: Any) -> None:
    scenario = tiny(
        8,
        algorithm=scheme(rounds=10, local_steps=5, batch_size=BATCH),
        medium=Fdma(bandwidth_hz=3e4),
        channel=Channel(fading=fading),
        layout=Disc(radius_m=radius_m),
        server=slots(8),
    )
    assert_predicted(scenario, rel=0.01 if radius_m < 1000.0 else 0.2)


@pytest.mark.parametrize("fading", [NoFading(), Rayleigh(coherence_time_s=1.0)], ids=lambda fading: fading.kind)
@pytest.mark.parametrize("allocation", [MinMakespan(), MaxMin()], ids=lambda allocation: allocation.kind)
@pytest.mark.parametrize("scheme", [SplitFedV1, FedAvg], ids=lambda scheme: scheme.kind)
def test_clients_that_get_through_together_are_predicted_to(scheme: Any, allocation: Any, fading: Any) -> None:
    scenario = tiny(
        8,
        algorithm=scheme(rounds=3, local_steps=2, batch_size=BATCH),
        medium=Fdma(bandwidth_hz=3e4, allocation=allocation),
        channel=Channel(fading=fading),
        layout=Disc(radius_m=2000.0),
        server=slots(8),
    )
    assert_predicted(scenario, rel=1e-6 if fading == NoFading() else 0.15)


@pytest.mark.parametrize("scheme", [SplitFedV1, ParallelSL], ids=lambda scheme: scheme.kind)
def test_what_an_allocation_changes_is_predicted_in_its_direction(scheme: Any) -> None:
    # Who is through together begins the next leg together: in free steps, quick clients then wait for slow ones.
    found = []
    for allocation in Equal(), MinMakespan():
        scenario = tiny(
            2,
            algorithm=scheme(rounds=1, local_steps=3, batch_size=BATCH),
            medium=Fdma(bandwidth_hz=3e4, allocation=allocation),
            channel=STEADY,
            layout=Fixed(distances_m=(20.0, 2000.0)),
            server=slots(2),
        )
        found.append((predict(scenario, dataset(scenario)).seconds, simulated(scenario)[0]))
    (equal, real_equal), (together, real_together) = found
    assert together == pytest.approx(real_together, rel=1e-6)
    assert (together > equal) == (real_together > real_equal)


@pytest.mark.parametrize("scheme", [MTSL(**MANY), SplitFedV3(**MANY)], ids=lambda scheme: scheme.kind)
def test_clients_with_a_part_of_their_own_are_predicted_with_it(scheme: Any) -> None:
    wide = Model(name="tests.algorithms.test_mtsl:wide_cnn", cuts=("first",))
    scenario = Scenario(
        data=Data(name="digits", clients=3, partition=Iid()),
        model=Model(name="small_cnn"),
        algorithm=scheme,
        devices=(Devices(count=1), Devices(count=2, model=wide)),
        network=Network(medium=QUICK),
        server=replace(STATION, processor=MeasuredProcessor(flops_per_s=1e12, slots=3)),
    )
    assert_predicted(scenario, rel=1e-9)
    plain = replace(scenario, devices=(Devices(count=3),))
    assert predict(scenario, dataset(scenario)).seconds > 1.1 * predict(plain, dataset(plain)).seconds


def test_clients_with_a_cut_of_their_own_are_predicted_with_it() -> None:
    deep = Model(name="small_cnn", cuts=("block2",))
    scenario = Scenario(
        data=Data(name="digits", clients=3, partition=Iid()),
        model=Model(name="small_cnn", cuts=("block1",)),
        algorithm=SplitFedV1(**MANY),
        devices=(Devices(count=1), Devices(count=2, model=deep)),
        network=Network(medium=QUICK),
        server=slots(3),
    )
    assert_predicted(scenario, rel=1e-9)


@pytest.mark.parametrize(
    ("scheme", "allocation"),
    [(SplitFedV1(**MANY), Equal()), (SplitFedV1(**MANY), MinMakespan()), (SplitLearning(**MANY), Equal())],
    ids=lambda each: each.kind,
)
def test_cuts_are_ranked_as_by_simulation(scheme: Any, allocation: Any) -> None:
    seconds, joules = [], []
    for cut in "conv1", "conv2", "dense":
        scenario = Scenario(
            data=Data(name="digits", clients=CLIENTS, partition=Iid()),
            model=Model(name="femnist_cnn", cuts=(cut,)),
            algorithm=scheme,
            network=Network(medium=Fdma(bandwidth_hz=1e6, allocation=allocation)),
        )
        found = predict(scenario, dataset(scenario))
        real = simulated(scenario)
        seconds.append((found.seconds, real[0]))
        joules.append((found.joules, real[1]))
    for pairs in seconds, joules:
        predicted, real = np.argsort(pairs, axis=0).T.tolist()
        assert predicted == real


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.kind)
def test_rounds_on_a_channel_that_all_contend_for_are_not_too_short_and_at_most_half_too_long(scheme: Any) -> None:
    # The hardest for it: equal clients, which never drift apart, and nearly all of the round on the air.
    quick = replace(DEVICE, processor=replace(PROCESSOR, flops_per_s=1e3 * PROCESSOR.flops_per_s), count=5)
    server = replace(STATION, processor=replace(SERVER_PROCESSOR, flops_per_s=1e9))
    near = Fixed(distances_m=(5.0,) * 5)
    scenario = tiny(devices=(quick,), algorithm=scheme, medium=Wifi(), channel=STEADY, layout=near, server=server)
    found, (seconds, joules) = predict(scenario, dataset(scenario)), simulated(scenario)
    assert 0.95 * seconds < found.seconds < 1.5 * seconds
    assert found.joules == pytest.approx(joules, rel=0.01)


@pytest.mark.parametrize("mode", ["fluid", "slots"])
def test_who_is_out_of_range_is_named_in_place_of_a_prediction(mode: Any) -> None:
    far = tiny(2, medium=Wifi(mode=mode), channel=STEADY, layout=Fixed(distances_m=(10.0, 1e5)))
    with pytest.raises(ValueError, match=r"client-1 is out of range of network\.medium wifi"):
        predict(far, dataset(far))


def test_a_client_that_fades_out_of_range_now_and_then_has_a_prediction() -> None:
    fading = tiny(2, medium=Wifi(), channel=Channel(fading=Rayleigh()), layout=Fixed(distances_m=(100.0, 150.0)))
    assert_predicted(fading, rel=0.25)


UNREACHED = Channel(phy=Nr(), fading=NoFading())


@pytest.mark.parametrize(
    "medium",
    [Fdma(), Fdma(allocation=MinMakespan()), Fdma(allocation=MaxMin()), Tdma(), Ofdma()],
    ids=lambda medium: f"{medium.kind} {getattr(medium, 'allocation', Equal()).kind}",
)
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.kind)
def test_who_has_no_rate_is_named_in_place_of_a_prediction(medium: Any, scheme: Any) -> None:
    for channel in UNREACHED, replace(UNREACHED, fading=Rayleigh()):
        far = tiny(3, medium=medium, channel=channel, layout=Fixed(distances_m=(90.0, 3e6, 80.0)), algorithm=scheme)
        with pytest.raises(
            ValueError, match=rf"client-1 has no rate on the downlink of network\.medium {medium.kind} "
        ):
            predict(far, dataset(far))


def test_of_a_dead_link_the_remedy_is_at_the_end_that_sends() -> None:
    soft = replace(DEVICE, radio=replace(RADIO, tx_power_dbm=-100.0))
    near_by = tiny(devices=(DEVICE, soft), medium=Ofdma(), channel=UNREACHED, layout=Fixed(distances_m=(90.0,) * 2))
    with pytest.raises(ValueError, match=r"client-1 has no rate on the uplink .* or raise tx_power_dbm of its radio$"):
        predict(near_by, dataset(near_by))
    deaf = tiny(medium=Fdma(), channel=UNREACHED, layout=Fixed(distances_m=(3e6,)))
    with pytest.raises(ValueError, match=r"raise tx_power_dbm of the server's radio$"):
        predict(deaf, dataset(deaf))


@pytest.mark.parametrize("medium", [Fdma(), Tdma(), Ofdma()], ids=lambda medium: medium.kind)
def test_links_that_have_no_rate_most_of_the_time_are_waited_for(medium: Any) -> None:
    # Further away than the mean SNR allows: most fading blocks carry nothing.
    edge = Fixed(distances_m=(200.0, 1300.0))
    channel = Channel(phy=Nr(), fading=Rayleigh())
    scenario = tiny(2, medium=medium, channel=channel, layout=edge, rounds=40)
    near_by = predict(replace(scenario, network=replace(scenario.network, layout=Fixed())), dataset(scenario))
    found, (seconds, joules) = predict(scenario, dataset(scenario)), simulated(scenario)
    assert found.seconds > 1.5 * near_by.seconds
    assert (found.seconds, found.joules) == pytest.approx((seconds, joules), rel=0.15)
