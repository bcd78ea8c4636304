"""How gradients return through the codecs of their activations."""

from __future__ import annotations

import pytest
import torch

from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import Chain
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.kept import Returned
from wirelessfsl.codecs.lossless import Deflate
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import RandomK, RandTopK, Threshold, TopK
from wirelessfsl.codecs.wire import frame_bytes
from wirelessfsl.engine.coding import Coding
from wirelessfsl.learning.executors.sequential import Sequential

X = torch.randn(20, 30, generator=torch.Generator().manual_seed(3))
G = torch.randn(20, 30, generator=torch.Generator().manual_seed(4))


def there_and_back(chain: Chain, x: torch.Tensor, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What goes back over the air of the gradient of what was received, and what the sender makes of it."""
    payload, _, sender = chain.send((x,), 1)
    (received,), receiver = chain.receive(payload)
    assert received.shape == gradient.shape
    (returned,) = receiver((gradient,)) if receiver else (gradient,)
    (back,) = sender((returned,)) if sender else (returned,)
    return returned, back


@pytest.mark.parametrize("chain", [Chain(), Chain((Cast(),)), Chain((Quantize(bits=2),), Deflate())], ids=str)
def test_rounding_passes_gradients_straight_through(chain: Chain) -> None:
    returned, back = there_and_back(chain, X, G)
    assert returned is G
    assert back is G


SPARSE = [TopK(fraction=0.2), RandTopK(fraction=0.2), RandomK(fraction=0.2), Threshold(at_least=1.0), Dropout(p=0.4)]


@pytest.mark.parametrize("codec", SPARSE, ids=lambda codec: codec.kind)
@pytest.mark.parametrize("rest", [(), (Quantize(bits=8),)], ids=["alone", "quantized"])
def test_the_gradient_is_that_of_what_was_sent(codec: TopK, rest: tuple[Quantize, ...]) -> None:
    # <g, decoded> = sum over kept of scale g x, so its gradient by x is scale g there and zero elsewhere.
    payload, _ = Chain((codec,)).encode((X,), 1)
    (decoded,) = Chain((codec,)).decode(payload)
    scale = torch.where(decoded != 0, decoded / X, 0.0)
    returned, back = there_and_back(Chain((codec, *rest)), X, G)
    assert returned.numel() == int((decoded != 0).sum())
    assert torch.allclose(back, scale * G)
    assert not back[decoded == 0].any()


@pytest.mark.parametrize("mask", ["seed", "bitmap"])
@pytest.mark.parametrize("kind", [TopK, RandTopK, RandomK, Threshold, Dropout])
def test_the_whole_gradient_flies_if_it_is_asked_for_and_the_same_is_learnt(kind: type, mask: str) -> None:
    more = {"mask": mask} if kind is Dropout else {}
    kept, full = (kind(gradient=which, **more) for which in ("kept", "full"))
    less, back = there_and_back(Chain((kept,)), X, G)
    whole, same = there_and_back(Chain((full,)), X, G)
    assert less.numel() < whole.numel() == G.numel()
    assert torch.equal(back, same)


def test_two_sparsifiers_return_what_both_kept() -> None:
    chain = Chain((TopK(fraction=0.5), Dropout(p=0.5)))
    (decoded,) = chain.decode(chain.encode((X,), 1)[0])
    returned, back = there_and_back(chain, X, G)
    assert returned.numel() == int((decoded != 0).sum())
    assert torch.allclose(back, torch.where(decoded != 0, 2 * G, 0.0))


def test_gradients_that_are_not_of_the_message_are_refused() -> None:
    _, way_back = Chain((TopK(),)).receive(Chain((TopK(),)).encode((X,))[0])
    with pytest.raises(ValueError, match="argument"):
        way_back((G, G))


def sealed_bytes(coding: Coding, sender: str, receiver: str, kind: str, x: torch.Tensor) -> tuple[int, torch.Tensor]:
    letters, _ = coding.seal(sender, receiver, {kind: (x,)})
    received, _ = coding.unseal(sender, receiver, letters)
    return len(letters[kind]), received[kind][0]


@pytest.mark.parametrize(("gradient", "flown"), [("kept", 60), ("full", 600)])
def test_on_a_link_a_gradient_of_32_k_bits_answers_top_k(gradient: Returned, flown: int) -> None:
    coding = Coding(
        1, {"activations": Chain((TopK(fraction=0.1, gradient=gradient),)), "gradients": Chain()}, Sequential()
    )
    size, decoded = sealed_bytes(coding, "client-0", "server", "activations", X)
    assert size == frame_bytes([(20, 30)]) + 60 * 4 + 75  # 600 flags are as short as 60 numbers of 10 bits
    size, back = sealed_bytes(coding, "server", "client-0", "gradients", G)
    assert size == frame_bytes([(60,) if flown == 60 else (20, 30)]) + flown * 4
    assert torch.equal(back, torch.where(decoded != 0, G, 0.0))


def test_links_do_not_mix_and_a_gradient_without_activations_flies_as_it_is() -> None:
    coding = Coding(1, {"activations": Chain((Dropout(p=0.5),)), "gradients": Chain()}, Sequential())
    for name in "client-0", "client-1":
        _, decoded = sealed_bytes(coding, name, "server", "activations", X)
        if name == "client-0":
            first = decoded
    _, back = sealed_bytes(coding, "server", "client-0", "gradients", G)
    assert torch.equal(back, torch.where(first != 0, 2 * G, 0.0))
    _, again = sealed_bytes(coding, "server", "client-0", "gradients", G)
    assert torch.equal(again, G)


def test_the_way_back_is_paid_for() -> None:
    coding = Coding(1, {"activations": Chain((Dropout(p=0.5),)), "gradients": Chain()}, Sequential())
    sealed_bytes(coding, "client-0", "server", "activations", X)
    returned, _ = coding.seal("server", "client-0", {"gradients": (G,)})
    received, flops = coding.unseal("server", "client-0", returned)
    assert flops == int((received["gradients"][0] != 0).sum())
