"""No option of a codec does nothing: another value gives other bytes, another cost, or another gradient."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from wirelessfsl.codecs.c3_sl import C3SL
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import chain
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.lossless import Deflate, RangeCoder, Zstd
from wirelessfsl.codecs.power_sgd import PowerSGD
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import RandomK, RandTopK, Threshold, TopK
from wirelessfsl.codecs.stochastic import QSGD

GROUPED = Clustering(subvectors=12, centroids=5, iterations=3)
OPTIONS: list[tuple[Any, str, Any]] = [
    (Cast(), "dtype", "bfloat16"),
    (Quantize(), "bits", 7),
    (Quantize(), "per", "channel"),
    (Quantize(per="channel"), "per", "sample"),
    (QSGD(), "levels", 100),
    *((TopK(fraction=0.2), *other) for other in (("fraction", 0.3), ("per", "sample"), ("gradient", "full"))),
    *((RandTopK(), *other) for other in (("fraction", 0.3), ("alpha", 0.9), ("per", "sample"), ("gradient", "full"))),
    *((RandomK(), *other) for other in (("fraction", 0.3), ("scaled", False), ("gradient", "full"))),
    *((Threshold(), *other) for other in (("at_least", 1.0), ("gradient", "full"))),
    *((Dropout(), *other) for other in (("p", 0.4), ("mask", "bitmap"), ("gradient", "full"))),
    *((GROUPED, *other) for other in (("subvectors", 6), ("groups", 4), ("centroids", 6), ("iterations", 1))),
    *((GROUPED, *other) for other in (("start", "random"), ("codebook", "float16"), ("correction", 0.1))),
    *((C3SL(), *other) for other in (("ratio", 3), ("seed", 2))),
    (PowerSGD(), "rank", 3),
    *((Deflate(), *other) for other in (("level", 1), ("huffman_only", True), ("flops_per_byte", 1.0))),
    *((Zstd(), *other) for other in (("level", 19), ("flops_per_byte", 1.0))),
    (RangeCoder(), "flops_per_byte", 1.0),
]
X = (torch.arange(40 * 48) % 97 * 0.1).reshape(40, 48) + torch.randn(40, 48, generator=torch.Generator().manual_seed(0))
G = torch.randn(40, 48, generator=torch.Generator().manual_seed(1))


def seen(codec: Any) -> tuple[Any, ...]:
    """Everything that a run sees of a codec: bytes behind the frame, what arrives, costs, and gradients."""
    used = chain([codec])
    x = X.round(decimals=1)  # so that there is something to pack
    payload, _, sender = used.send((x,), 3)
    (received,), receiver = used.receive(payload)
    (returned,) = receiver((G,)) if receiver else (G,)
    (back,) = sender((returned,)) if sender else (returned,)
    costs = [cost([(40, 48)], [torch.float32]) for cost in (used.encode_flops, used.decode_flops)]
    return payload[8:], received.tolist(), costs, returned.shape, back.tolist()


@pytest.mark.parametrize(("codec", "option", "value"), OPTIONS, ids=lambda x: getattr(x, "kind", str(x)))
def test_another_value_is_seen(codec: Any, option: str, value: Any) -> None:
    assert seen(replace(codec, **{option: value})) != seen(codec)
    assert seen(replace(codec)) == seen(codec)


def test_every_option_of_every_codec_is_among_them() -> None:
    tried: dict[type, set[str]] = {}
    for codec, option, _ in OPTIONS:
        tried.setdefault(type(codec), set()).add(option)
    for kind, options in tried.items():
        # What lies side by side is seen with channels and positions: tests/codecs/test_clustering.py.
        assert options == {field.name for field in fields(kind)} - {"kind", "neighbours"}, kind
