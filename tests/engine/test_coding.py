"""Coding is a kernel: a payload of fixed length has it before its bytes are made, and is held to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from tests.learning.executors.elsewhere import Elsewhere
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import Chain
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.lossless import Zstd
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import Threshold, TopK
from wirelessfsl.codecs.stochastic import QSGD
from wirelessfsl.codecs.wire import frame_bytes
from wirelessfsl.engine.coding import Coding, Letter
from wirelessfsl.engine.journal import Place
from wirelessfsl.learning.executors.contract import Failed
from wirelessfsl.learning.executors.piles import Pile
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.executors.stacked import Stacked
from wirelessfsl.streams import key

X, Y = torch.randn(20, 30, generator=torch.Generator().manual_seed(3)), torch.arange(20)
ENDS = "client-0", "server"


def coding_of(activations: Chain) -> tuple[Coding, Sequential]:
    executor = Sequential()
    chains = {"activations": activations, "labels": Chain(), "gradients": Chain()}
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
    told = f"^{where}: a payload of {length} bytes, 77 by its closed form$"
    with pytest.raises(Failed, match=told):
        letter.payload.read()


def test_gradients_of_what_passes_straight_through_wait_for_no_bytes() -> None:
    for chain, waits in ((Chain((Quantize(bits=4),)), False), (Chain((Dropout(p=0.5),)), True)):
        coding, executor = coding_of(chain)
        coding.unseal(*ENDS, sent(coding))
        back, _ = coding.seal(*reversed(ENDS), {"gradients": (X,)})
        coding.unseal(*reversed(ENDS), back)
        assert bool(executor.spent) == waits


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
