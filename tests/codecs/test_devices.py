"""Codecs on a device beside the CPU: the same bytes, tensors and gradients, and nothing that the host looks at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import numpy as np
import pytest
import torch

from tests.contracts.test_codecs import CODECS
from tests.learning.executors.elsewhere import Elsewhere, There
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import Chain, Unpacked
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.identity import Identity
from wirelessfsl.codecs.lossless import ErrorFeedback
from wirelessfsl.codecs.packing import packed, unpacked
from wirelessfsl.codecs.power_sgd import PowerSGD
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import RandomK, RandTopK, Threshold, TopK
from wirelessfsl.codecs.stochastic import QSGD, Sign, Ternary
from wirelessfsl.scenario.settings import CodecKind

CHAINS = [
    *(contract.codec for contract in CODECS),
    *(Chain((TopK(fraction=0.3, per=per), Quantize(bits=4, per=per))) for per in ("tensor", "sample")),
    Chain((RandTopK(fraction=0.3, alpha=0.0, per="sample", gradient="full"), Ternary())),
    Chain((RandomK(fraction=0.4, scaled=False, gradient="full"), Quantize(bits=11, per="channel"))),
    Chain((Dropout(p=0.3), QSGD(levels=3))),
    Chain((Dropout(p=0.3, mask="bitmap"), Sign())),
    Chain((Threshold(at_least=0.5), Cast(dtype="bfloat16"))),
    Chain((PowerSGD(rank=1), Quantize(bits=5, per="sample"))),
    Chain((Clustering(subvectors=6, groups=6, centroids=8, neighbours="channels", correction=0.1),)),
    Chain((Clustering(subvectors=36, groups=3, centroids=40, iterations=4),)),  # more than there are sub-vectors
    Chain((RandTopK(), Quantize(bits=4)), feedback=True),
]
every_chain = pytest.mark.parametrize("chain", CHAINS, ids=str)


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as device:
        yield device


def message() -> tuple[torch.Tensor, ...]:
    random = torch.Generator().manual_seed(1)
    return (
        torch.randn(6, 4, 5, 3, generator=random),
        torch.randn(5, 2, 7, generator=random).permute(1, 2, 0).double(),
        torch.randn((), generator=random),
        torch.tensor([[-0.0, 0.0], [0.0, -0.0]], dtype=torch.bfloat16),
        torch.zeros(4, 0),
        torch.arange(10),
    )


def away(tensors: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(x.to("lazy") for x in tensors)


def here(tensors: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    """Tensors of the other device, which all of them are on."""
    assert all(isinstance(x, There) for x in tensors)
    return [x.cpu() for x in tensors]


def moved(unpacked: tuple[Unpacked, ...]) -> tuple[Unpacked, ...]:
    return tuple(
        each._replace(values=each.values.to("lazy"), gone=None if each.gone is None else each.gone.to("lazy"))
        for each in unpacked
    )


def equal(left: list[torch.Tensor], right: tuple[torch.Tensor, ...]) -> bool:
    return len(left) == len(right) and all(map(torch.equal, left, right))


def slopes(tensors: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(x.sin() if x.is_floating_point() else x for x in tensors)


def test_every_kind_of_codec_is_among_the_chains() -> None:
    kinds = {type(codec) for chain in CHAINS for codec in (*chain.codecs, chain.lossless)}
    assert kinds | {Identity, ErrorFeedback} >= set(get_args(get_args(CodecKind)[0]))


@every_chain
def test_payloads_tensors_and_gradients_are_those_of_the_cpu_and_the_host_looks_at_nothing_else(
    chain: Chain, elsewhere: Elsewhere
) -> None:
    x, memory, memory_there = message(), 7, 7
    x_there = away(x)
    sums = any(isinstance(codec, QSGD | Sign) for codec in chain.codecs)  # whose last digits depend on their order
    for _ in range(1 + chain.feedback):
        sent = chain.draft(x, memory)
        elsewhere.copies.clear()
        there = chain.draft(x_there, memory_there)
        # Of threshold how many are kept of every floating-point tensor; with error feedback the heads.
        counts = sum(isinstance(codec, Threshold) for codec in chain.codecs) * 5
        assert elsewhere.copies["cpu"] == counts + chain.feedback
        payload = chain.seal(sent.draft)
        if sums:
            assert chain.lossless is not None or len(chain.seal(there.draft)) == len(payload)
        else:
            assert chain.seal(there.draft) == payload
        elsewhere.copies.clear()
        through = chain.through(x_there, memory_there)
        assert elsewhere.copies["cpu"] == counts + bool(chain.codecs)
        received, values = chain.receive(payload), moved(chain.unpack(payload))
        elsewhere.copies.clear()
        received_there = chain.restore(values)
        back_there = received_there.way_back(slopes(received_there.tensors))
        assert elsewhere.copies["cpu"] == 0
        assert equal(here(received_there.tensors), received.tensors)
        if not sums:
            assert equal([y.cpu() for y in through], received.tensors)
            back = sent.way_back(received.way_back(slopes(received.tensors)))
            assert equal(here(there.way_back(back_there)), back)
        memory, memory_there = sent.memory, there.memory


@pytest.mark.parametrize("wrong", [torch.nan, -torch.inf, 1e308])
@every_chain
def test_what_cannot_be_carried_is_told_when_the_bytes_are_made(
    chain: Chain, wrong: float, elsewhere: Elsewhere
) -> None:
    x = (torch.linspace(1, 2, 24, dtype=torch.float64).reshape(4, 6),)
    x[0][1, 2:5] = torch.tensor([wrong, -3.0, wrong])
    told = []
    for tensors in x, away(x):
        try:
            chain.send(tensors, 1)
            told.append("")
        except ValueError as error:
            told.append(str(error))
    assert told[0] == told[1]
    assert told[0] or wrong == 1e308 or not chain.codecs


@every_chain
def test_gaps_leave_the_same_there(chain: Chain, elsewhere: Elsewhere) -> None:
    if chain.brittle is not None:
        return
    payload, _, _ = chain.send(message()[:2], 7)
    lost = np.zeros(len(payload), dtype=bool)
    lost[len(payload) // 3 : len(payload) // 2] = True
    received, there = chain.receive(payload, lost), chain.restore(moved(chain.unpack(payload, lost)))
    assert equal(here(there.tensors), received.tensors)
    assert equal(here(there.way_back(slopes(there.tensors))), received.way_back(slopes(received.tensors)))


@pytest.mark.parametrize("bits", range(1, 17))
def test_codes_are_packed_as_on_the_cpu(bits: int, elsewhere: Elsewhere) -> None:
    for count in (0, 1, 7, 8, 9, 1001):
        codes = torch.randint(2**bits, (count,), generator=torch.Generator().manual_seed(bits))
        flying = packed(codes, bits)
        assert torch.equal(packed(codes.to("lazy"), bits).cpu(), flying)
        assert torch.equal(unpacked(flying.to("lazy"), count, bits).cpu(), codes)


def test_numpy_has_no_access_there(elsewhere: Elsewhere) -> None:
    for force in (False, True):
        with pytest.raises(RuntimeError, match="not supported"):
            torch.zeros(2, device="lazy").numpy(force=force)
