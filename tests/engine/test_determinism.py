"""The same run twice is the same, bit for bit; and only what should change a run changes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.test_accounts import FEDAVG, SPLITFED, stormy
from tests.worlds import run, tell, tiny, world_of
from wirelessfsl.api import simulate
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.identity import Identity
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.engine.access import Fdma
from wirelessfsl.learning.executors.contract import Executor, Work
from wirelessfsl.learning.executors.promises import settled
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.kernels import Kernel
from wirelessfsl.network.layout import Disc
from wirelessfsl.radio.fading import Rayleigh
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.phy import Shannon
from wirelessfsl.scenario import Codecs, Scenario


@pytest.mark.parametrize("scheme", [SPLITFED, FEDAVG], ids=lambda scheme: scheme.kind)
@pytest.mark.parametrize("medium", ["fdma", "tdma", "constant"])
def test_the_same_seed_gives_the_same_events_and_metrics(medium: str, scheme: Any) -> None:
    first, again = (run(stormy(medium, scheme))[0] for _ in range(2))
    assert first.events == again.events
    assert first.metrics == again.metrics


def test_another_seed_gives_other_events_and_metrics() -> None:
    first, other = (run(replace(stormy("fdma"), seed=seed))[0] for seed in (1, 2))
    assert [e.end_s for e in first.events] != [e.end_s for e in other.events]
    losses = [[m.loss for m in log.metrics if m.split == "train"] for log in (first, other)]
    assert all(a != b for a, b in zip(*losses, strict=False))


def test_run_folders_of_the_same_scenario_hold_the_same_rows(tmp_path: Path) -> None:
    first, again = (simulate(stormy("fdma"), out=tmp_path / name) for name in ("first", "again"))
    assert first.events.equals(again.events)
    assert first.metrics.equals(again.metrics)
    assert {k: v for k, v in first.summary.items() if k != "host"} == {
        k: v for k, v in again.summary.items() if k != "host"
    }


# The channel belongs to the seed and the client alone


def radio(codecs: Codecs, seed: int = 1, clients: int = 3) -> Scenario:
    return tiny(
        clients,
        codecs=codecs,
        seed=seed,
        channel=Channel(fading=Rayleigh(coherence_time_s=0.05), phy=Shannon(cap_bit_s_hz=100.0)),
        layout=Disc(),
        medium=Fdma(bandwidth_hz=1e6, latency_s=0.0),
    )


def sounded(scenario: Scenario) -> np.ndarray[Any, Any]:
    """Seconds that a probe of 100 bytes takes to and from every client at many instants: the gain, as it is felt."""
    world, _ = world_of(scenario)
    felt: list[float] = []

    def story() -> Generator[Any, Any, Any]:
        for k in range(20):
            for client in world.clients[:3]:
                for ends in ((client, world.server), (world.server, client)):
                    delivery = yield world.medium.transmit(*ends, 100)
                    felt.append(delivery.end_s - delivery.start_s)
            yield world.env.timeout(0.05 * (k + 2) - world.env.now)

    tell(world, story())
    return np.array(felt)


@pytest.mark.parametrize(
    "codecs",
    [
        Codecs(activations=(Quantize(bits=3),), gradients=(Cast(),)),
        Codecs(model_upload=(Quantize(bits=8),), model_download=(Quantize(bits=8),)),
    ],
)
def test_changing_the_codec_leaves_every_channel_gain_unchanged(codecs: Codecs) -> None:
    plain = sounded(radio(Codecs()))
    assert (plain == sounded(radio(codecs))).all()
    assert len(set(plain.tolist())) > 100  # the gains do differ between clients, directions and blocks
    assert (plain != sounded(radio(Codecs(), seed=2))).all()


def test_a_codec_does_not_change_the_channel_of_the_first_message() -> None:
    logs = [run(radio(Codecs(activations=(codec,))))[0] for codec in (Identity(), Quantize(bits=2))]
    downloads = [log.rows(phase="model_download", activity="transfer") for log in logs]
    assert downloads[0] == downloads[1]
    forwards = [log.rows(phase="client_forward") for log in logs]
    assert forwards[0] == forwards[1]


def test_adding_clients_changes_nobodys_channel() -> None:
    assert (sounded(radio(Codecs())) == sounded(radio(Codecs(), clients=6))).all()


# The host


class Done:
    """Work whose value is there already."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def result(self) -> Any:
        return self.value

    def cancel(self) -> None:
        pass


class Eager(Sequential):
    """Runs every kernel when it is submitted, and promises nothing."""

    def submit(self, kernel: Kernel, *args: Any, **how: Any) -> Work:
        return Done(settled(super().submit(kernel, *args, **how).result()))


class Slow(Sequential):
    """A host whose speed varies at random."""

    def submit(self, kernel: Kernel, *args: Any, **how: Any) -> Work:
        time.sleep(np.random.default_rng().uniform(0.0, 0.002))
        return super().submit(kernel, *args, **how)


class Shuffled(Sequential):
    """Runs all that waits in random order, and what nobody wants any more, too."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Any] = []

    def submit(self, kernel: Kernel, *args: Any, **how: Any) -> Work:
        work = super().submit(kernel, *args, **how)
        self.kept.append(work.result())
        return work

    def settle(self) -> None:
        for each in np.random.default_rng().permutation(len(self.kept)):
            settled(self.kept[each])
        self.kept.clear()
        super().settle()


@pytest.mark.parametrize("executor", [Eager, Slow, Shuffled])
@pytest.mark.parametrize("scheme", [SPLITFED, FEDAVG], ids=lambda scheme: scheme.kind)
def test_where_and_when_kernels_run_on_the_host_changes_nothing(executor: Callable[[], Executor], scheme: Any) -> None:
    reference, _ = run(stormy("fdma", scheme))
    log, outcome = run(stormy("fdma", scheme), executor())
    assert log.events == reference.events
    assert log.metrics == reference.metrics
    assert outcome.kernels > 0
