from __future__ import annotations

import torch

from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import Chain, chain
from wirelessfsl.codecs.identity import Identity


def test_nan_payloads_infinities_and_signed_zeros_keep_every_bit() -> None:
    bits = torch.tensor([0x7FC12345, 0x7F800000, -0x800000, -0x80000000, 1], dtype=torch.int32)
    payload, _ = Chain().encode((bits.view(torch.float32),), None)
    assert torch.equal(Chain().decode(payload)[0].view(torch.int32), bits)


def test_a_batch_of_activations_takes_its_values_and_26_bytes() -> None:
    x = torch.zeros(32, 6, 12, 12)
    payload, _ = Chain().encode((x,), None)
    assert len(payload) == 8 + 2 + 4 * 4 + 4 * 32 * 6 * 12 * 12 == Chain().size_bytes([x.shape], [x.dtype])


def test_identity_costs_nothing_and_has_no_memory() -> None:
    assert Chain().encode((), None)[1] is None
    for cost in (Chain().encode_flops, Chain().decode_flops, Chain((Identity(),)).encode_flops):
        assert cost([(10**6,)], [torch.float32]) == 0.0


def test_identity_among_other_codecs_changes_nothing() -> None:
    assert chain([Identity()]) == Chain()
    assert chain([Identity(), Cast(), Identity()]) == Chain((Cast(),))
