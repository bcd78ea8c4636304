"""Coding is a kernel: a payload of fixed length has it before its bytes are made, and is held to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from tests.learning.executors.elsewhere import Elsewhere
from tests.worlds import run, tiny
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.codecs.c3_sl import C3SL
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import Answer, Chain
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.lossless import Zstd
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import RandomK, RandTopK, Threshold, TopK
from wirelessfsl.codecs.stochastic import QSGD
from wirelessfsl.codecs.wire import frame_bytes
from wirelessfsl.engine.coding import Coding, Letter
from wirelessfsl.engine.journal import Place
from wirelessfsl.learning.executors.contract import Failed
from wirelessfsl.learning.executors.piles import Pile
from wirelessfsl.learning.executors.promises import Promise
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.executors.stacked import Stacked
from wirelessfsl.scenario.settings import Codecs
from wirelessfsl.streams import key

X, Y = torch.randn(20, 30, generator=torch.Generator().manual_seed(3)), torch.arange(20)
ENDS = "client-0", "server"


def coding_of(activations: Chain, gradients: Chain = Chain()) -> tuple[Coding, Sequential]:  # noqa: B008 (a value)
    executor = Sequential()
    chains = {"activations": activations, "labels": Chain(), "gradients": gradients}
    return Coding(1, chains, executor), executor


def sent(coding: Coding, place: Callable[[str], Place] | None = None) -> dict[str, Letter]:
    """The letters of a message."""
    letters, _ = coding.seal(*ENDS, {"activations": (X,), "labels": (Y,)}, place)
    return letters


@pytest.mark.parametrize(
    ("chain", "size_bytes"), [(Chain(), 4 * 600), (Chain((Quantize(bits=8),)), 600 + 8)], ids=["as it is", "8 bits"]
)
def test_a_length_in_closed_form_is_known_before_the_bytes_and_is_theirs(chain: Chain, size_bytes: int) -> None:
    coding, executor = coding_of(chain)
    letters = sent(coding)
    lengths = [len(letter) for letter in letters.values()]
    assert lengths == [frame_bytes([(20, 30)]) + size_bytes, frame_bytes([(20,)]) + 8 * 20]
    received, _ = coding.unseal(*ENDS, letters)
    assert received["activations"][0].shape == X.shape
    assert executor.spent == {}
    assert [len(letter.payload) for letter in letters.values()] == lengths
    assert torch.equal(received["labels"][0], Y)
    assert {name: calls for name, (calls, _) in executor.spent.items()} == {"encode": 1, "decode": 1}


@pytest.mark.parametrize("chain", [Chain((Threshold(at_least=1.0),)), Chain((), Zstd())], ids=str)
def test_who_asks_for_a_length_that_depends_on_the_values_waits_for_the_bytes(chain: Chain) -> None:
    coding, executor = coding_of(chain)
    letters = sent(coding)
    assert executor.spent == {}
    payload, _ = chain.encode((X,))
    assert len(letters["activations"]) == len(payload)
    assert executor.spent["encode"][0] == 1


def test_a_payload_of_another_length_than_its_closed_form_is_an_error_that_says_where(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Chain, "size_bytes", lambda *_: 77)
    coding, _ = coding_of(Chain())
    letter = sent(coding, lambda what: Place(what, "client-0", "client-0", 3, 1, 0.25))["activations"]
    assert len(letter) == 77
    length = frame_bytes([(20, 30)]) + 4 * 600
    where = "encoding activations, labels at client-0, session of client-0, step 3, round 1, simulated time 0.25 s"
    told = f"^{where}: size_bytes: {length}, and 77 by the closed form$"
    with pytest.raises(Failed, match=told):
        letter.payload.read()


OF_FIXED_SIZE = [
    Chain((Quantize(bits=4),)),
    *(Chain((TopK(gradient=gradient), Quantize())) for gradient in ("kept", "full")),
    Chain((RandTopK(),)),
    Chain((RandomK(),)),
    Chain((C3SL(), TopK())),
    Chain((Clustering(correction=0.1),)),
    Chain((Dropout(p=0.0),)),
    Chain((TopK(),), Zstd()),  # whose length nobody asks for here
]


@pytest.mark.parametrize("gradients", [Chain(), Chain((Quantize(),))], ids=str)
@pytest.mark.parametrize("activations", [*OF_FIXED_SIZE, Chain((Dropout(p=0.5),)), Chain((Threshold(),))], ids=str)
def test_gradients_wait_for_the_numbers_of_their_activations_only_where_how_many_return_depends_on_them(
    activations: Chain, gradients: Chain
) -> None:
    coding, executor = coding_of(activations, gradients)
    coding.unseal(*ENDS, sent(coding))
    back, to_seal = coding.seal(*reversed(ENDS), {"gradients": (X,)})
    size_bytes = len(back["gradients"])
    received, to_unseal = coding.unseal(*reversed(ENDS), back)
    assert bool(executor.spent) == (activations not in OF_FIXED_SIZE)
    payload, _, near = activations.send((X,), key(1, "codec", *ENDS, "activations"))
    far = activations.receive(payload).way_back
    flown = far((X,)) if far else (X,)
    spec = [tuple(x.shape) for x in flown], [x.dtype for x in flown]
    assert size_bytes == len(back["gradients"].payload) == gradients.size_bytes(*spec)
    assert (to_seal, to_unseal) == (
        gradients.encode_flops(*spec) + far.flops,
        gradients.decode_flops(*spec) + near.flops,
    )
    assert received["gradients"][0].shape == X.shape


def test_what_the_steps_back_cost_is_known_where_gradients_come_in_a_broadcast() -> None:
    coding, executor = coding_of(Chain((RandomK(fraction=0.1),)))
    coding.unseal(*ENDS, sent(coding))
    _, flops = coding.way_back(*ENDS, "client-0")
    assert flops == 60
    assert executor.spent == {}


@pytest.mark.parametrize(
    ("answer", "where", "said"),
    [
        (Answer(((60,),), 5.0, 0.0), "encoding activations", "back_flops: 0.0, and 5.0"),
        (Answer(((60,),), 0.0, 7.0), "decoding activations", "back_flops: 0.0, and 7.0"),
        (Answer(((30,),), 0.0, 0.0), "encoding gradients", r"flown: \(\(\(60,\),\), .* and \(\(\(30,\),\), .*"),
    ],
    ids=["sender", "receiver", "what flies"],
)
def test_other_steps_back_than_those_of_the_closed_form_are_an_error_that_says_where(
    answer: Answer, where: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Chain, "answer", lambda *_: answer)
    executor = Sequential()
    coding = Coding(1, {"activations": Chain((TopK(),)), "gradients": Chain((), Zstd())}, executor)
    letters, _ = coding.seal(*ENDS, {"activations": (X,)}, of_step("client-0"))
    received, _ = coding.unseal(*ENDS, letters, place=of_step("client-0"))
    back, _ = coding.seal(*reversed(ENDS), {"gradients": received["activations"]}, of_step("client-0"))
    with pytest.raises(Failed, match=f"^{where} at client-0, .*: {said} by the closed form$"):
        back["gradients"].payload.read()


def reads(activations: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often a run of twelve client-steps waits for a value, leaving out what kernels then ask for."""
    waits, waiting, read = 0, False, Promise.read

    def counted(self: Promise) -> Any:
        nonlocal waits, waiting
        if waiting or self.source is None:
            return read(self)
        waits, waiting = waits + 1, True
        try:
            return read(self)
        finally:
            waiting = False

    with monkeypatch.context() as patch:
        patch.setattr(Promise, "read", counted)
        codecs = Codecs(activations=(activations,), gradients=(Quantize(),))
        run(tiny(2, codecs=codecs, algorithm=SplitFedV1(rounds=2, local_steps=3, batch_size=16)))
    return waits


def test_a_run_waits_for_no_more_with_sparse_activations_than_with_quantised_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    least = reads(Quantize(), monkeypatch)
    assert [reads(codec, monkeypatch) for codec in (TopK(), RandTopK(), RandomK(), C3SL())] == [least] * 4
    assert reads(Dropout(), monkeypatch) >= least + 12


# On a device


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as device:
        yield device


@torch.inference_mode()
def away(x: torch.Tensor) -> torch.Tensor:
    """A tensor on the device, as kernels leave it."""
    return x.to("lazy")


def of_step(client: str) -> Callable[[str], Place]:
    return lambda what: Place(what, client, client, 3, 1, 0.25)


@pytest.mark.parametrize("clients", [1, 2, 7])
@pytest.mark.parametrize(
    "chain",
    [Chain(), Chain((Cast(),)), Chain((TopK(per="sample"), Quantize(bits=3))), Chain((QSGD(),), Zstd())],
    ids=["as it is", "cast", "top_k, quantize", "qsgd, zstd"],
)
def test_payloads_that_are_ready_are_copied_to_the_host_at_once_and_values_back_too(
    chain: Chain, clients: int, elsewhere: Elsewhere
) -> None:
    executor, expected = (
        Stacked("lazy"),
        chain.decode(chain.encode((X,), key(1, "codec", "0", "server", "activations"))[0]),
    )
    coding = Coding(1, {"activations": chain, "labels": Chain()}, executor)
    x, y = away(X), away(Y)
    elsewhere.copies.clear()
    letters = {
        who: coding.seal(who, "server", {"activations": (x,), "labels": (y,)}, of_step(who))[0]
        for who in map(str, range(clients))
    }
    executor.settle()
    assert elsewhere.copies["cpu"] == 1
    received = [
        coding.unseal(who, "server", own, place=of_step(who))[0]["activations"][0] for who, own in letters.items()
    ]
    executor.settle()
    assert elsewhere.copies["cpu"] == 1
    if not chain.codecs or isinstance(chain.codecs[0], Cast):  # of the others heads and draws are brought, too
        assert elsewhere.copies["lazy"] == 1
    assert all(isinstance(value.source, Pile) for value in received)
    assert torch.allclose(received[0].read(), expected[0])


def test_a_value_that_cannot_be_carried_is_told_with_scheme_client_and_step(elsewhere: Elsewhere) -> None:
    bad = X.clone()
    bad[3, 4] = torch.nan
    told = []
    for executor, x in (Sequential(), bad), (Stacked("lazy"), away(bad)):
        coding = Coding(1, {"activations": Chain((Quantize(),))}, executor)
        letters, _ = coding.seal(*ENDS, {"activations": (x,)}, of_step("client-0"))
        with pytest.raises(Failed) as failure:
            letters["activations"].payload.read()
        told.append(str(failure.value))
    where = "encoding activations at client-0, session of client-0, step 3, round 1, simulated time 0.25 s"
    why = "quantize: values from nan to nan cannot be laid on a grid: they and their range must be finite"
    assert told == [f"{where}: {why}"] * 2


def test_what_a_link_remembers_and_does_to_gradients_stays_on_the_device(elsewhere: Elsewhere) -> None:
    chains = {"activations": Chain((TopK(),)), "gradients": Chain((Cast(),), feedback=True)}
    gradients = []
    for executor, x in (Sequential(), X), (Stacked("lazy"), away(X)):
        coding = Coding(1, chains, executor)
        for _ in range(2):
            elsewhere.copies.clear()
            letters, _ = coding.seal(*ENDS, {"activations": (x,)})
            received, _ = coding.unseal(*ENDS, letters)
            back, _ = coding.seal(*reversed(ENDS), {"gradients": received["activations"]})
            led, _ = coding.unseal(*reversed(ENDS), back)
            executor.settle()
            assert elsewhere.copies["cpu"] == 3 * isinstance(
                executor, Stacked
            )  # a message each way, and what is fed back
        gradients.append(led["gradients"][0] + 0.0)
    assert torch.equal(*gradients)
