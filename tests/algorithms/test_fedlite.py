"""FedLite: bytes of the paper, sampling, and that clustering without loss changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.algorithms.ideal import Calls, ideal
from tests.worlds import BATCH, ListLog, tell, tiny, world_of
from wirelessfsl.algorithms.fedlite import FedLite
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.codecs.wire import frame_bytes
from wirelessfsl.engine.participation import Participation, RandomChoice
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.partition import Iid
from wirelessfsl.learning.stage import initial_parts, split
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.scenario import Codecs, Data, Model, Scenario
from wirelessfsl.simulation import play

BUDGET: dict[str, Any] = {"rounds": 6, "batch_size": 16, "optimizer": SGD(lr=0.1)}


def run(algorithm: FedLite, clients: int = 5, **changes: Any) -> ListLog:
    log = ListLog()
    data = Data(name="digits", clients=clients, partition=Iid())
    play(Scenario(data=data, model=Model(name="small_cnn"), algorithm=algorithm, **changes), log)
    return log


def test_the_femnist_network_has_the_sizes_of_the_paper() -> None:
    stages = split(ModelSpec("femnist_cnn", (1, 28, 28), 62), ("conv2",))
    client, server = initial_parts(stages, 1)
    assert sum(p.numel() for p in client.params) == 18_816
    assert sum(p.numel() for p in (*client.params, *server.params)) == 1_206_590
    assert stages[0].output_shape() == (64, 12, 12)
    # Uplink bits of an iteration with 64 bits a number: FedAvg, SplitFed, FedLite.
    lite = Clustering(codebook="float64").layout(__import__("torch").float64, (20, 64, 12, 12))
    bits = 8 * (lite.head_bytes + lite.shape[0])
    assert (1_206_590 * 64, 20 * 9216 * 64 + 18_816 * 64, bits + 18_816 * 64) == (77_221_760, 13_000_704, 1_228_288)


def test_so_many_clients_are_sampled_each_time_and_others_the_next() -> None:
    log = run(FedLite(**BUDGET), participation=Participation(choice=RandomChoice(fraction=0.4)))
    chosen = [{row.peer for row in log.rows(phase=MODEL_DOWNLOAD, activity="transfer", round=t)} for t in range(1, 7)]
    assert all(len(each) == 2 for each in chosen)
    assert len(set(map(frozenset, chosen))) > 2
    kinds = (ACTIVATIONS, GRADIENTS, MODEL_UPLOAD, MODEL_DOWNLOAD)
    assert [len(log.rows(phase=kind, activity="transfer")) for kind in kinds] == [12] * 4


def test_what_goes_up_is_the_gradient_of_the_client_part() -> None:
    log = run(FedLite(**BUDGET))
    sizes = {row.bytes for row in log.rows(phase=MODEL_UPLOAD, activity="transfer")}
    assert sizes == {40 + frame_bytes([(16, 1, 3, 3), (16,)]) + 4 * 160}


def test_clustering_with_a_centroid_for_everything_and_no_correction_is_no_clustering() -> None:
    codecs = Codecs(activations=(Clustering(subvectors=256, centroids=4096),))
    fine, plain = (ideal(FedLite(**BUDGET), clients=2, codecs=each) for each in (codecs, Codecs()))
    assert fine.losses == pytest.approx(plain.losses, abs=1e-6)


def test_k_means_is_paid_for_by_the_clients_clock() -> None:
    quick, slow = (
        run(FedLite(**BUDGET), codecs=Codecs(activations=(Clustering(subvectors=64, iterations=j),))) for j in (1, 100)
    )
    spent = [sum(row.end_s - row.start_s for row in log.rows(phase="encode")) for log in (quick, slow)]
    assert spent[1] == pytest.approx(spent[0] * (100 * 5 + 3) / (5 + 3))
    assert slow.end_s > quick.end_s


def test_the_servers_gradient_is_that_at_what_it_received() -> None:
    once = FedLite(rounds=1, batch_size=BATCH, optimizer=SGD(lr=0.1))
    codecs = Codecs(activations=(Clustering(subvectors=8, centroids=2),))
    world, _ = world_of(tiny(1, algorithm=once, codecs=codecs))
    world.executor = calls = Calls()
    received: dict[str, torch.Tensor] = {}
    unseal = world.messages.coding.unseal

    def watched(*args: Any) -> Any:
        unsealed = unseal(*args)
        received.update({kind: tensors[0] for kind, tensors in unsealed[0].items()})
        return unsealed

    world.messages.coding.unseal = watched  # type: ignore[method-assign]
    tell(world, once.train(world, once.begin(world)))
    ((_, (_, z, _)),), ((args, (_, (gradient,), _)),) = calls.of("forward"), calls.of("serve_all")
    module, labels = world.stages[1].module(), args[4][0].clone()
    values = dict(zip((name for name, _ in module.named_parameters()), world.initial[1].params, strict=True))

    def at(smashed: torch.Tensor) -> torch.Tensor:
        leaf = smashed.clone().requires_grad_()
        loss = torch.nn.functional.cross_entropy(torch.func.functional_call(module, values, (leaf,)), labels)
        return torch.autograd.grad(loss, leaf)[0]

    assert torch.allclose(gradient, at(received[ACTIVATIONS]), atol=1e-7)
    assert (gradient - at(z)).norm() > 0.05 * gradient.norm()
    assert torch.equal(calls.of("gradient_of")[0][0][-1], gradient)
