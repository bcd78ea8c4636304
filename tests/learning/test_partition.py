"""Dealing the samples: none twice, training samples as skewed as said, and test samples as the training samples."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wirelessfsl.learning.partition import (
    BySpeaker,
    Classes,
    Contiguous,
    Dirichlet,
    Iid,
    Partition,
    Prominent,
    Quantity,
    Shards,
    Stratified,
    deal_test,
)
from wirelessfsl.learning.partition import test_of_parts as owners_of_parts

KINDS = [
    Iid(),
    Dirichlet(alpha=0.3, min_samples=1),
    Dirichlet(alpha=100.0, min_samples=5),
    Classes(classes_per_client=10),
    Shards(),
    Quantity(alpha=2.0, min_samples=1),
    Contiguous(),
    BySpeaker(),
]
SELECTING = [Stratified(samples=(40,)), Prominent(samples=40)]
"""Those that leave samples out."""
every_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


def labels_of(samples: int, classes: int = 10) -> NDArray[np.int64]:
    return np.random.default_rng(7).integers(0, classes, samples)


def test_every_kind_is_tested() -> None:
    assert {type(kind) for kind in (*KINDS, *SELECTING)} == set(get_args(get_args(Partition)[0]))


@every_kind
@hypothesis_settings(deadline=None, derandomize=True, max_examples=25)
@given(samples=st.integers(200, 600), clients=st.integers(1, 12), seed=st.integers(0, 99))
def test_every_sample_goes_to_exactly_one_client(kind: Any, samples: int, clients: int, seed: int) -> None:
    labels = labels_of(samples, classes=40 if isinstance(kind, BySpeaker) else 10)  # speakers, more than clients
    parts = kind.deal(labels, clients, np.random.default_rng(seed))
    assert len(parts) == clients
    assert sorted(np.concatenate(parts)) == list(range(samples))


@pytest.mark.parametrize("kind", [kind for kind in (*KINDS, *SELECTING) if kind != Contiguous()], ids=str)
def test_the_same_seed_deals_the_same_and_another_seed_otherwise(kind: Any) -> None:
    labels = labels_of(500)
    once, again, other = (kind.deal(labels, 5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(once, other, strict=True))


@pytest.mark.parametrize("clients", [1, 3, 7, 100])
def test_iid_shares_differ_by_one_sample_at_most(clients: int) -> None:
    sizes = [len(part) for part in Iid().deal(labels_of(1000), clients, np.random.default_rng(0))]
    assert max(sizes) - min(sizes) <= 1


def class_shares(alpha: float, clients: int, draws: int) -> NDArray[np.float64]:
    """Share of each class that each client got, shape (draws x classes, clients); 1,000 samples a class."""
    labels = np.arange(10_000) % 10
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(draws):
        parts = Dirichlet(alpha=alpha, min_samples=1).deal(labels, clients, rng)
        counts = np.array([np.bincount(labels[part], minlength=10) for part in parts])
        rows.append(counts.T / 1000)
    return np.concatenate(rows)


@pytest.mark.parametrize("alpha", [0.5, 2.0, 20.0])
def test_dirichlet_shares_have_the_variance_of_the_beta_distribution(alpha: float) -> None:
    # A client's share of a class is Beta(alpha, (K - 1) alpha): mean 1/K, variance (1/K)(1 - 1/K) / (K alpha + 1).
    # Classes are drawn independently, so the mean over 400 of them is normal; tolerance 4 of its standard errors,
    # estimated from the classes, plus the cutting to whole samples (an error of at most 1/1000 a share).
    clients = 8
    squares = ((class_shares(alpha, clients, draws=40) - 1 / clients) ** 2).mean(axis=1)
    expected = (1 / clients) * (1 - 1 / clients) / (clients * alpha + 1)
    cutting = 2e-3 * np.sqrt(expected) + 1e-6
    assert abs(squares.mean() - expected) < 4 * squares.std() / np.sqrt(len(squares)) + cutting


def test_dirichlet_skew_falls_with_alpha() -> None:
    # Neighbouring alphas differ by a factor of 3 or more in variance, against a standard error of some 5 %.
    skews = [class_shares(alpha, 8, draws=20).std() for alpha in (0.2, 1.0, 5.0, 100.0)]
    assert all(more > 1.5 * less for more, less in pairwise(skews))


@pytest.mark.parametrize("seed", range(5))
def test_dirichlet_gives_everybody_the_fewest_samples_asked_for(seed: int) -> None:
    parts = Dirichlet(alpha=0.1, min_samples=20).deal(labels_of(2000), 8, np.random.default_rng(seed))
    assert min(len(part) for part in parts) >= 20


def test_dirichlet_says_so_when_the_fewest_samples_cannot_be_given() -> None:
    with pytest.raises(ValueError, match=r"fewer than 30 of 100 samples .*raise alpha, lower min_samples"):
        Dirichlet(alpha=1.0, min_samples=30).deal(labels_of(100), 4, np.random.default_rng(0))


def counts_of(labels: NDArray[np.int64], parts: list[NDArray[np.intp]]) -> NDArray[np.int64]:
    """Samples of each client and class, shape (clients, classes)."""
    return np.array([np.bincount(labels[part], minlength=int(labels.max()) + 1) for part in parts])


@hypothesis_settings(deadline=None, derandomize=True, max_examples=50)
@given(
    clients=st.integers(1, 30),
    classes=st.integers(1, 12),
    per_client=st.integers(1, 12),
    seed=st.integers(0, 99),
)
def test_classes_gives_each_client_its_number_of_classes_and_each_class_evenly_to_its_clients(
    clients: int, classes: int, per_client: int, seed: int
) -> None:
    per_client = min(per_client, classes)
    labels = labels_of(3000, classes)
    parts = Classes(classes_per_client=per_client).deal(labels, clients, np.random.default_rng(seed))
    counts = counts_of(labels, parts)
    assert ((counts > 0).sum(axis=1) == per_client).all()
    holders = (counts > 0).sum(axis=0)
    assert holders.max() - holders.min() <= 1
    assert np.count_nonzero(holders) == min(classes, clients * per_client)
    for shares, total in zip(counts.T, np.bincount(labels), strict=True):
        if shares.any():
            assert shares.sum() == total
            assert shares[shares > 0].max() - shares[shares > 0].min() <= 1


def test_classes_are_drawn_anew_with_another_seed() -> None:
    labels = labels_of(1000)
    drawn = {
        tuple(map(tuple, counts_of(labels, Classes().deal(labels, 5, np.random.default_rng(seed))) > 0))
        for seed in range(20)
    }
    assert len(drawn) == 20  # of 113,400 ways to deal ten classes to five clients in pairs


def test_classes_refuses_more_classes_than_there_are() -> None:
    with pytest.raises(ValueError, match="got 11 classes_per_client, must be <= 10 classes"):
        Classes(classes_per_client=11).deal(labels_of(200), 4, np.random.default_rng(0))


def test_classes_refuses_a_class_with_fewer_samples_than_clients() -> None:
    labels = np.repeat([0, 1], [50, 3])
    with pytest.raises(ValueError, match=r"class 1 has 3 samples for 4 clients; lower .* or have fewer clients"):
        Classes(classes_per_client=2).deal(labels, 4, np.random.default_rng(0))


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_shards_give_each_client_as_many_classes_as_shards(shards: int) -> None:
    labels = np.arange(6000) % 10  # 600 a class: shards of 300, 150 or 100 lie within one class
    parts = Shards(shards_per_client=shards).deal(labels, 20, np.random.default_rng(0))
    classes = [len(np.unique(labels[part])) for part in parts]
    assert max(classes) == shards
    assert {len(part) for part in parts} == {6000 // 20}


def test_shards_refuse_more_shards_than_samples() -> None:
    with pytest.raises(ValueError, match="24 shards but 20 samples"):
        Shards().deal(labels_of(20), 12, np.random.default_rng(0))


def test_more_clients_than_samples_leaves_dirichlet_no_draw() -> None:
    with pytest.raises(ValueError, match="have fewer clients"):
        Dirichlet(min_samples=1).deal(labels_of(5), 6, np.random.default_rng(0))


@pytest.mark.parametrize("alpha", [2.0, 20.0])
def test_quantity_sizes_have_the_variance_of_the_beta_distribution(alpha: float) -> None:
    # As for dirichlet above, with one share a client; 4 standard errors, and whole samples of 10,000.
    clients, rng = 8, np.random.default_rng(0)
    parts = [Quantity(alpha=alpha, min_samples=1).deal(labels_of(10_000), clients, rng) for _ in range(200)]
    shares = np.array([[len(part) / 10_000 for part in dealt] for dealt in parts])
    squares = ((shares - 1 / clients) ** 2).mean(axis=1)
    expected = (1 / clients) * (1 - 1 / clients) / (clients * alpha + 1)
    assert abs(squares.mean() - expected) < 4 * squares.std() / np.sqrt(len(squares)) + 1e-4 * np.sqrt(expected)


def test_quantity_leaves_the_class_mix_as_it_is() -> None:
    # A client's share of a class is hypergeometric around the share of all, with a variance below p (1 - p) / size;
    # the largest of 80 standard normal deviates exceeds 4.5 once in 2,000 seeds.
    labels = labels_of(20_000)
    parts = Quantity(alpha=1.0, min_samples=200).deal(labels, 8, np.random.default_rng(3))
    sizes = np.array([[len(part)] for part in parts])
    assert sizes.max() > 3 * sizes.min()
    p = np.bincount(labels) / len(labels)
    assert (np.abs(counts_of(labels, parts) / sizes - p) < 4.5 * np.sqrt(p * (1 - p) / sizes)).all()


def test_quantity_gives_everybody_the_fewest_samples_or_says_that_it_cannot() -> None:
    parts = Quantity(alpha=0.3, min_samples=20).deal(labels_of(1000), 8, np.random.default_rng(0))
    assert min(len(part) for part in parts) >= 20
    with pytest.raises(ValueError, match=r"quantity\(alpha=1\) gave some of 4 clients fewer than 30 of 100 samples"):
        Quantity(alpha=1.0, min_samples=30).deal(labels_of(100), 4, np.random.default_rng(0))


def test_contiguous_runs_follow_each_other_and_differ_by_one_sample_at_most() -> None:
    parts = Contiguous().deal(labels_of(103), 10, np.random.default_rng(0))
    assert np.concatenate(parts).tolist() == list(range(103))
    assert {len(part) for part in parts} == {10, 11}


@hypothesis_settings(deadline=None, derandomize=True, max_examples=50)
@given(clients=st.integers(1, 20), seed=st.integers(0, 99))
def test_no_speaker_has_two_clients_and_loads_differ_by_one_speaker_at_most(clients: int, seed: int) -> None:
    speakers = np.random.default_rng(seed).zipf(1.5, 500) % 60
    parts = BySpeaker().deal(speakers, min(clients, len(np.unique(speakers))), np.random.default_rng(seed))
    heard = [speaker for part in parts for speaker in np.unique(speakers[part])]
    assert sorted(heard) == np.unique(speakers).tolist()
    # Whoever has most got the last speaker when nobody had less than it had before.
    fewest = min(len(part) for part in parts)
    assert all(len(part) - np.bincount(speakers[part])[np.unique(speakers[part])].min() <= fewest for part in parts)


def test_more_clients_than_speakers_are_refused() -> None:
    with pytest.raises(ValueError, match="4 clients but 3 speakers with samples; have fewer clients"):
        BySpeaker().deal(np.array([0, 5, 5, 2]), 4, np.random.default_rng(0))


def test_test_samples_go_where_the_training_samples_of_their_part_are() -> None:
    parts = np.array([2, 2, 0, 7, 7])
    dealt = [np.array([2, 3, 4]), np.array([0, 1])]
    assert owners_of_parts(dealt, parts, np.array([0, 2, 7])).tolist() == [0, 1, 0]


def owned(owner: NDArray[np.intp], labels: NDArray[np.int64], clients: int, classes: int) -> NDArray[np.int64]:
    """Test samples of each client and class, shape (clients, classes)."""
    return np.array([np.bincount(labels[owner == client], minlength=classes) for client in range(clients)])


def test_test_parts_of_three_clients_are_those_done_by_hand() -> None:
    # Class 0, 4 to deal by 5:2:0, is 2.86, 1.14, 0: 3, 1, 0. Class 1, 6 to deal by 1:1:6, is 0.75, 0.75, 4.5: 1, 1, 4.
    # Nobody trains on class 2.
    train = [np.repeat([0, 1], n) for n in ([5, 1], [2, 1], [0, 6])]
    test = np.array([0, 1, 2, 1, 0, 1, 1, 2, 0, 0, 1, 1])
    owner = deal_test(train, test, 3, np.random.default_rng(0))
    assert owned(owner, test, 3, 3).tolist() == [[3, 1, 0], [1, 1, 0], [0, 4, 0]]
    assert np.flatnonzero(owner < 0).tolist() == [2, 7]


@hypothesis_settings(deadline=None, derandomize=True, max_examples=50)
@given(clients=st.integers(1, 40), samples=st.integers(1, 300), seed=st.integers(0, 99))
def test_each_class_of_the_test_set_is_shared_out_like_that_of_the_training_set(
    clients: int, samples: int, seed: int
) -> None:
    train, test = labels_of(2000), np.random.default_rng(seed).integers(0, 12, samples)
    parts = Dirichlet(alpha=0.5, min_samples=1).deal(train, clients, np.random.default_rng(seed))
    owner = deal_test([train[part] for part in parts], test, 12, np.random.default_rng(seed))
    assert owner.shape == test.shape
    assert ((owner < 0) == (test >= 10)).all()  # nobody trains on classes 10 and 11
    counts = np.pad(counts_of(train, parts), ((0, 0), (0, 2)))
    fair = counts / np.maximum(counts.sum(axis=0), 1) * np.bincount(test, minlength=12)
    dealt = owned(owner, test, clients, 12)
    assert (np.abs(dealt - fair) < 1).all()
    assert (dealt[counts == 0] == 0).all()


def test_a_test_set_of_the_same_size_gives_each_client_as_much_as_it_trains_on() -> None:
    labels = labels_of(500)
    parts = Dirichlet(alpha=0.5).deal(labels, 7, np.random.default_rng(0))
    owner = deal_test([labels[part] for part in parts], labels, 10, np.random.default_rng(1))
    assert (owned(owner, labels, 7, 10) == counts_of(labels, parts)).all()


def test_the_same_seed_deals_the_same_test_samples_and_another_seed_others() -> None:
    train = [labels_of(100)[::2], labels_of(100)[1::2]]
    once, again, other = (deal_test(train, labels_of(80), 10, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (once == again).all()
    assert (once != other).any()


def test_a_tiny_test_set_leaves_some_clients_without_and_favours_none() -> None:
    # 3 samples to 12 equal clients: each has one with probability 1/4; in 400 draws 100 times with a standard
    # deviation of 8.7, and the largest of 12 such deviates exceeds 4 once in 1,300 seeds.
    train, test = [np.zeros(5, dtype=int)] * 12, np.zeros(3, dtype=int)
    drawn = [np.bincount(deal_test(train, test, 1, np.random.default_rng(seed)), minlength=12) for seed in range(400)]
    assert np.max(drawn) == 1
    assert (np.abs(np.sum(drawn, axis=0) - 100) < 4 * 8.7).all()


def test_without_clients_the_test_samples_are_nobodys() -> None:
    assert deal_test([], np.array([0, 1, 0]), 2, np.random.default_rng(0)).tolist() == [-1, -1, -1]


def test_prominent_classes_have_the_counts_of_pfsls_setting_2() -> None:
    train, test = np.repeat(np.arange(10), 5000), np.repeat(np.arange(10), 1000)
    parts = Prominent().deal(train, 10, np.random.default_rng(0))
    for client, part in enumerate(parts):
        counts = np.roll(np.bincount(train[part], minlength=10), -client)
        assert counts.tolist() == [225, 225, 7, 7, 6, 6, 6, 6, 6, 6]
    assert len(np.unique(np.concatenate(parts))) == 10 * 500  # disjoint
    owner = Prominent().deal_test([train[part] for part in parts], test, 10, np.random.default_rng(0))
    for client in range(10):
        counts = np.roll(np.bincount(test[owner == client], minlength=10), -client)
        assert counts.tolist() == [450, 450, 13, 13, 13, 13, 12, 12, 12, 12]
    assert (owner >= 0).all()  # the test set exactly once


def test_prominent_test_parts_shrink_to_what_the_scarcest_class_allows() -> None:
    test = np.repeat(np.arange(4), [100, 100, 100, 40])
    rule = Prominent(samples=40, prominent_classes=1, share=0.7)
    owner = rule.deal_test([np.arange(4)] * 4, test, 4, np.random.default_rng(0))
    sizes = np.bincount(owner[owner >= 0])
    assert set(sizes) == {40}  # 0.7 n + 3 * 0.1 n = n samples of every class
    assert np.bincount(test[owner >= 0]).tolist() == [40] * 4


def test_stratified_clients_have_their_sizes_and_as_many_of_each_class() -> None:
    labels = np.repeat(np.arange(10), 400)
    sizes = (2000, *[150] * 10)
    parts = Stratified(samples=sizes).deal(labels, 11, np.random.default_rng(0))
    assert [np.bincount(labels[part]).tolist() for part in parts] == [[200] * 10] + [[15] * 10] * 10
    assert len(np.unique(np.concatenate(parts))) == sum(sizes)
    odd = Stratified(samples=(13,)).deal(labels, 2, np.random.default_rng(0))
    assert [np.bincount(labels[part]).tolist() for part in odd] == [[2] * 3 + [1] * 7, [1] + [2] * 3 + [1] * 6]


@pytest.mark.parametrize(
    ("partition", "clients", "match"),
    [
        (Stratified(samples=(50, 50, 50)), 2, "got 3 samples, must be 1 for all or 1 for each of 2 clients"),
        (Stratified(samples=(90,)), 2, "class 0 has 10 samples, 18 are wanted; lower samples"),
        (Prominent(samples=90), 2, r"class 0 has 10 samples, 4\d are wanted"),
        (Prominent(prominent_classes=11), 2, "got 11 prominent_classes, must be <= 10 classes"),
    ],
    ids=str,
)
def test_what_the_classes_do_not_have_cannot_be_dealt(partition: Any, clients: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        partition.deal(np.repeat(np.arange(10), 10), clients, np.random.default_rng(0))
