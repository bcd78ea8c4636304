"""Batches of one client: a function of the step alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.learning.plain import same
from wirelessfsl.learning.data import ClientData


def client(samples: int, name: str = "client-0", seed: int = 1) -> ClientData:
    """Samples that carry their own number, so that one can see which were drawn."""
    number = torch.arange(samples)
    return ClientData(number.float().reshape(-1, 1, 1, 1), number, name, seed)


def drawn(data: ClientData, steps: int, batch_size: int) -> list[int]:
    return torch.cat([data.batch(step, batch_size)[1] for step in range(steps)]).tolist()


def test_a_batch_pairs_inputs_with_their_labels() -> None:
    x, y = client(10).batch(3, 4)
    assert x.shape == (4, 1, 1, 1)
    assert same(x.flatten().long(), y)


def test_a_batch_is_the_same_whatever_was_asked_before() -> None:
    in_order, backwards, once = client(23), client(23), client(23)
    forwards: list[tuple[Tensor, Tensor]] = [in_order.batch(step, 7) for step in range(12)]
    reverse = [backwards.batch(step, 7) for step in reversed(range(12))]
    assert same(forwards, reverse[::-1])
    assert same(forwards[9], once.batch(9, 7))


def test_other_batch_sizes_cut_the_same_sequence() -> None:
    data = client(23)
    assert drawn(data, 12, 5) == drawn(data, 60, 1) == drawn(data, 3, 20)


@pytest.mark.parametrize(("samples", "batch_size"), [(20, 4), (23, 7), (7, 7), (5, 16), (1, 3)])
def test_every_sample_comes_once_an_epoch(samples: int, batch_size: int) -> None:
    epochs = 3 * batch_size
    numbers = drawn(client(samples), epochs * samples // batch_size, batch_size)
    assert set(Counter(numbers).values()) == {epochs}
    for epoch in range(epochs):
        assert sorted(numbers[epoch * samples : (epoch + 1) * samples]) == list(range(samples))


def test_a_batch_larger_than_the_data_is_full_and_as_even_as_can_be() -> None:
    _, y = client(5).batch(0, 16)
    assert sorted(Counter(y.tolist()).values()) == [3, 3, 3, 3, 4]


def test_every_epoch_client_and_seed_has_an_order_of_its_own() -> None:
    orders = [
        drawn(client(50), 2, 50)[:50],
        drawn(client(50), 2, 50)[50:],
        drawn(client(50, name="client-1"), 1, 50),
        drawn(client(50, seed=2), 1, 50),
    ]
    assert len({tuple(order) for order in orders}) == 4


def test_a_client_with_some_of_the_samples_is_one_that_has_copies_of_them() -> None:
    rng = np.random.default_rng(0)
    inputs, labels = torch.randn(100, 1, 8, 8), torch.arange(100)
    own = np.sort(rng.permutation(100)[:23])
    some = ClientData(inputs, labels, "client-0", 1, own)
    copies = ClientData(inputs[own], labels[own], "client-0", 1)
    assert len(some) == 23
    assert same(some.labels, labels[own])
    for step in range(9):
        assert same(some.batch(step, 7), copies.batch(step, 7))


def test_length_is_the_number_of_samples() -> None:
    assert len(client(23)) == 23
