"""Where schemes must be the same thing: one client without compression, and one step on equal shares of the data."""

from __future__ import annotations

from typing import Any

import pytest

from tests.algorithms.ideal import IDEAL, Played, apart, ideal
from tests.worlds import ListLog
from wirelessfsl.algorithms.centralised import Centralised
from wirelessfsl.algorithms.cpsl import CPSL
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.fedlite import FedLite
from wirelessfsl.algorithms.fedprox import FedProx
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.algorithms.split_learning import SplitLearning
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.algorithms.splitfed_v2 import SplitFedV2
from wirelessfsl.algorithms.splitfed_v3 import SplitFedV3
from wirelessfsl.learning.optim import SGD, Adam, Cosine, StepDecay
from wirelessfsl.learning.partition import Iid
from wirelessfsl.scenario import Data, Devices, Model, Scenario
from wirelessfsl.simulation import play

TOLERANCE = 1e-6
BUDGET: dict[str, Any] = {"rounds": 3, "local_steps": 4, "batch_size": 16}

every_optimizer = pytest.mark.parametrize(
    "optimizer", [SGD(lr=0.05, momentum=0.9, weight_decay=1e-3), Adam()], ids=["momentum", "adam"]
)
plain_and_batch_norm = pytest.mark.parametrize("model", ["small_cnn", "small_cnn_bn"])


def assert_same(left: Played, right: Played) -> None:
    """Every batch's loss, the final weights and what is measured on them."""
    assert len(left.losses) == len(right.losses) == BUDGET["rounds"] * BUDGET["local_steps"]
    assert left.losses == pytest.approx(right.losses, abs=TOLERANCE)
    assert apart(left.weights, right.weights) <= TOLERANCE
    assert left.accuracy == right.accuracy


@plain_and_batch_norm
@every_optimizer
def test_splitfed_with_one_client_and_no_compression_is_centralised_training(model: str, optimizer: SGD | Adam) -> None:
    centralised = ideal(Centralised(optimizer=optimizer, **BUDGET), model=model)
    for cut in ("block1", "block2"):
        assert_same(ideal(SplitFedV1(optimizer=optimizer, **BUDGET), model=model, cuts=(cut,)), centralised)


@pytest.mark.parametrize("scheme", [SplitFedV1, FedAvg])
def test_one_client_is_centralised_training_with_dropout_branches_and_a_falling_learning_rate(scheme: Any) -> None:
    woven: dict[str, Any] = {"model": "tests.learning.plain:Woven", "arguments": {"p": 0.3}}
    rule = SGD(lr=0.05, momentum=0.9, schedule=Cosine())
    cuts = ("drop",) if scheme is SplitFedV1 else None
    assert_same(
        ideal(scheme(optimizer=rule, **BUDGET), cuts=cuts, **woven),
        ideal(Centralised(optimizer=rule, **BUDGET), **woven),
    )


def test_clients_drop_different_values() -> None:
    # What dropout does to the loss of a full batch is another factor for every client.
    budget: dict[str, Any] = {"rounds": 1, "local_steps": 1, "batch_size": 400, "optimizer": SGD(lr=0.0001)}
    whole: dict[str, Any] = {"clients": 4, "data": "blobs", "model": "tests.learning.plain:Woven"}
    plain = ideal(SplitFedV1(**budget), arguments={"p": 0.0}, **whole).losses
    dropped = ideal(SplitFedV1(**budget), arguments={"p": 0.5}, **whole).losses
    assert len({*plain, *dropped}) == 8
    ratios = [a / b for a, b in zip(dropped, plain, strict=True)]
    assert max(ratios) / min(ratios) > 1.001


def test_a_schedule_changes_the_weights_from_the_round_on_where_it_changes_the_rate() -> None:
    constant = ideal(Centralised(optimizer=SGD(lr=0.1), **BUDGET))
    step = ideal(Centralised(optimizer=SGD(lr=0.1, schedule=StepDecay(every_rounds=2, factor_per_step=0.5)), **BUDGET))
    # Two rounds of four steps at the full rate, the third at half of it: its first loss is still the same.
    assert constant.losses[:9] == step.losses[:9]
    assert constant.losses[9:] != step.losses[9:]


@plain_and_batch_norm
@every_optimizer
def test_fedavg_with_one_client_and_no_compression_is_centralised_training(model: str, optimizer: SGD | Adam) -> None:
    assert_same(
        ideal(FedAvg(optimizer=optimizer, **BUDGET), model=model),
        ideal(Centralised(optimizer=optimizer, **BUDGET), model=model),
    )


@pytest.mark.parametrize("scheme", [SplitFedV1, FedAvg])
@pytest.mark.parametrize("weighting", ["uniform", "samples"])
def test_one_local_step_of_equal_clients_is_one_step_on_the_union_of_their_batches(scheme: Any, weighting: str) -> None:
    # The 1,600 training samples of blobs are 400 for each of 4 clients, so that a full batch of every client is the
    # whole set, and the mean of the clients' gradients is the gradient of the mean.
    rounds, sgd = 3, SGD(lr=0.05, weight_decay=1e-3)
    four = ideal(
        scheme(rounds=rounds, local_steps=1, batch_size=400, optimizer=sgd, weighting=weighting),
        clients=4,
        data="blobs",
    )
    union = ideal(Centralised(rounds=rounds, local_steps=1, batch_size=1600, optimizer=sgd), data="blobs")
    assert apart(four.weights, union.weights) <= TOLERANCE
    means = [sum(four.losses[4 * i : 4 * i + 4]) / 4 for i in range(rounds)]
    assert means == pytest.approx(union.losses, abs=TOLERANCE)


@pytest.mark.parametrize(
    "optimizer", [SGD(lr=0.05), SGD(lr=0.05, momentum=0.9), Adam()], ids=["sgd", "momentum", "adam"]
)
def test_splitfed_and_fedavg_are_the_same_learning_when_nothing_is_compressed(optimizer: SGD | Adam) -> None:
    # Every client, and every replica at the server, keeps an optimiser state of its own.
    budget = {**BUDGET, "optimizer": optimizer}
    split, whole = ideal(SplitFedV1(**budget), clients=3), ideal(FedAvg(**budget), clients=3)
    assert sorted(split.losses) == pytest.approx(sorted(whole.losses), abs=TOLERANCE)
    assert apart(split.weights, whole.weights) <= TOLERANCE


def test_where_the_model_is_cut_changes_no_weight() -> None:
    runs = [ideal(SplitFedV1(**BUDGET), clients=3, cuts=(cut,)) for cut in ("block1", "block2")]
    assert apart(runs[0].weights, runs[1].weights) <= TOLERANCE


def test_shares_by_samples_and_uniform_shares_differ_when_clients_are_unequal() -> None:
    # 1,437 samples of digits for 4 clients: 360 or 359 each; a round of one step, so that only the shares differ.
    budget: dict[str, Any] = {"rounds": 1, "local_steps": 1, "batch_size": 16, "optimizer": SGD(lr=0.5)}
    by_samples = ideal(FedAvg(weighting="samples", **budget), clients=4)
    uniform = ideal(FedAvg(weighting="uniform", **budget), clients=4)
    assert by_samples.losses == uniform.losses
    assert 0 < apart(by_samples.weights, uniform.weights) < 1e-3


@pytest.mark.parametrize("scheme", [SplitFedV2, SplitFedV3, SplitLearning, ParallelSL])
@plain_and_batch_norm
@every_optimizer
def test_every_split_scheme_with_one_client_is_splitfed_v1(model: str, optimizer: SGD | Adam, scheme: Any) -> None:
    left, right = (ideal(kind(optimizer=optimizer, **BUDGET), model=model) for kind in (scheme, SplitFedV1))
    assert left.losses == pytest.approx(right.losses, abs=TOLERANCE)
    assert left.accuracy == right.accuracy
    if scheme is not SplitFedV3:
        assert apart(left.weights, right.weights) <= TOLERANCE


@pytest.mark.parametrize("scheme", [CPSL, MTSL])
@plain_and_batch_norm
@every_optimizer
def test_one_client_of_cpsl_and_of_mtsl_is_centralised_training(model: str, optimizer: SGD | Adam, scheme: Any) -> None:
    left, right = (ideal(kind(optimizer=optimizer, **BUDGET), model=model) for kind in (scheme, Centralised))
    parts = left.outcome.parts or left.outcome.models["client-0"]
    weights = tuple(w for part in parts for w in part.params) + tuple(w for part in parts for w in part.buffers)
    assert left.losses == pytest.approx(right.losses, abs=TOLERANCE)
    assert apart(weights, right.weights) <= TOLERANCE
    assert left.accuracy == right.accuracy


@pytest.mark.parametrize("model", ["small_cnn"])
def test_one_step_of_parallel_sl_is_one_step_of_splitfed_v1_on_equal_shares(model: str) -> None:
    # Plain SGD: the mean of the replicas after a step is a step with the mean of their gradients.
    budget: dict[str, Any] = {"rounds": 4, "local_steps": 1, "batch_size": 16, "optimizer": SGD(lr=0.1)}
    left, right = (ideal(kind(**budget, weighting="uniform"), clients=4) for kind in (ParallelSL, SplitFedV1))
    assert left.losses == pytest.approx(right.losses, abs=TOLERANCE)
    assert apart(left.weights, right.weights) <= TOLERANCE


def test_a_server_that_steps_client_by_client_is_not_one_that_steps_once() -> None:
    budget: dict[str, Any] = {"rounds": 2, "local_steps": 3, "batch_size": 16, "optimizer": SGD(lr=0.1)}
    losses = [
        ideal(kind(**budget), clients=3).losses
        for kind in (SplitFedV1, SplitFedV2, SplitFedV3, ParallelSL, SplitLearning)
    ]
    assert len({tuple(each) for each in losses}) == 5


@every_optimizer
def test_fedprox_without_its_term_is_fedavg_and_with_it_stays_nearer(optimizer: SGD | Adam) -> None:
    plain = ideal(FedAvg(optimizer=optimizer, **BUDGET), clients=3)
    none, strong = (ideal(FedProx(optimizer=optimizer, mu=mu, **BUDGET), clients=3) for mu in (0.0, 5.0))
    assert none.losses == plain.losses
    assert apart(none.weights, plain.weights) == 0.0
    start = ideal(FedAvg(optimizer=SGD(lr=1e-9), **BUDGET | {"rounds": 1}), clients=3).weights
    moved = [sum(float((a - b).square().sum()) for a, b in zip(p.weights, start, strict=True)) for p in (strong, plain)]
    assert moved[0] < moved[1]


@plain_and_batch_norm
@every_optimizer
def test_fedlite_with_one_client_and_no_compression_is_centralised_training(model: str, optimizer: SGD | Adam) -> None:
    budget: dict[str, Any] = {"batch_size": 16}
    centralised = ideal(Centralised(optimizer=optimizer, rounds=12, local_steps=1, **budget), model=model)
    assert_same(ideal(FedLite(optimizer=optimizer, rounds=12, **budget), model=model), centralised)


def test_fedlite_of_all_clients_is_a_step_with_all_their_batches() -> None:
    budget: dict[str, Any] = {"batch_size": 16, "rounds": 4, "optimizer": SGD(lr=0.1)}
    lite = ideal(FedLite(**budget), clients=4)
    parallel = ideal(ParallelSL(local_steps=1, weighting="uniform", **budget), clients=4)
    assert lite.losses == pytest.approx(parallel.losses, abs=TOLERANCE)
    assert apart(lite.weights, parallel.weights) <= TOLERANCE


@every_optimizer
def test_cpsl_with_one_cluster_is_parallel_sl_and_with_clusters_of_one_split_learning(optimizer: SGD | Adam) -> None:
    for size, limit in (4, ParallelSL), (1, SplitLearning):
        left = ideal(CPSL(optimizer=optimizer, cluster_size=size, **BUDGET), clients=4)
        right = ideal(limit(optimizer=optimizer, **BUDGET), clients=4)
        assert left.losses == pytest.approx(right.losses, abs=1e-5)
        assert apart(left.weights, right.weights) <= 1e-5
    middle = ideal(CPSL(optimizer=optimizer, cluster_size=2, **BUDGET), clients=4)
    assert middle.losses != pytest.approx(left.losses, abs=1e-3)


@plain_and_batch_norm
@pytest.mark.parametrize("weighting", ["uniform", "samples"])
def test_splitfed_v1_does_not_care_who_is_cut_where(model: str, weighting: Any) -> None:
    # The whole model is averaged, so where each client's copy is cut changes no weight.
    algorithm = SplitFedV1(optimizer=SGD(lr=0.05, momentum=0.9), weighting=weighting, **BUDGET)
    same = ideal(algorithm, clients=3, model=model, cuts=("block1",))
    data = Data(name="digits", clients=3, partition=Iid())
    own = Model(name=model, cuts=("block2",))
    scenario = Scenario(
        data=data,
        model=Model(name=model, cuts=("block1",)),
        algorithm=algorithm,
        network=IDEAL,
        devices=(Devices(count=2), Devices(count=1, model=own)),
    )
    log = ListLog()
    outcome = play(scenario, log)
    weights = [w for part in outcome.parts for w in part.params] + [w for part in outcome.parts for w in part.buffers]
    assert apart(weights, same.weights) <= TOLERANCE
    sizes = {k: {row.bytes for row in log.rows(phase="activations", node=f"client-{k}")} for k in (0, 2)}
    assert sizes[0] != sizes[2]
    uploads = {k: {row.bytes for row in log.rows(phase="model_upload", node=f"client-{k}")} for k in (0, 2)}
    assert max(uploads[0]) < min(uploads[2])
