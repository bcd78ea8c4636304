"""Coding is a kernel: a payload of fixed length has it before its bytes are made, and is held to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from wirelessfsl.codecs.chain import Chain
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.lossless import Zstd
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import Threshold
from wirelessfsl.codecs.wire import frame_bytes
from wirelessfsl.engine.coding import Coding, Letter
from wirelessfsl.engine.journal import Place
from wirelessfsl.learning.executors.contract import Failed
from wirelessfsl.learning.executors.sequential import Sequential

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
