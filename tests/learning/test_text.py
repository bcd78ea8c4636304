"""Text: windows and their next characters, and test samples that share no character with training."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.worlds import run
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.learning.data import Dataset, load
from wirelessfsl.learning.evaluate import evaluate
from wirelessfsl.learning.optim import Adam
from wirelessfsl.learning.partition import BySpeaker, Contiguous, Iid
from wirelessfsl.learning.pruning import OneShot, WeightPruning
from wirelessfsl.learning.stage import split
from wirelessfsl.learning.text import Windows, speeches
from wirelessfsl.scenario import Data, Model, Scenario, dataset_of, deal, model_of

LETTERS = "".join(chr(ord("a") + i * i % 26) for i in range(1000))
NAMES = ("ANN", "BO", "CY")
PLAY = "\n\n".join(f"{name}:\n{name * 3} says line {i} of many, many." for i in range(60) for name in NAMES)


def write(folder: Path, text: str, name: str = "a.txt") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def of(path: str, windows: Windows = Windows(), fraction: float | None = None) -> Dataset:  # noqa: B008
    return load("text", path, fraction, seed=1, windows=windows)


def spelt(data: Dataset, text: str, half: str = "") -> Iterator[tuple[str, str]]:
    """Windows and their next characters as text again."""
    vocabulary = np.array(sorted(set(text)))
    inputs, labels = getattr(data, f"{half}inputs"), getattr(data, f"{half}labels")
    for window, label in zip(inputs, labels, strict=True):
        yield "".join(vocabulary[window]), vocabulary[label]


@pytest.mark.parametrize("stride", [1, 7, 20])
def test_a_sample_is_a_window_and_its_label_the_next_character(tmp_path: Path, stride: int) -> None:
    data = of(write(tmp_path, LETTERS), Windows(length=20, stride=stride))
    assert data.shape == (20,)
    assert data.classes == len(set(LETTERS))
    starts = range(0, 800 - 20, stride)
    assert list(spelt(data, LETTERS)) == [(LETTERS[i : i + 20], LETTERS[i + 20]) for i in starts]
    starts = range(800, 1000 - 20, stride)
    assert list(spelt(data, LETTERS, "test_")) == [(LETTERS[i : i + 20], LETTERS[i + 20]) for i in starts]


@pytest.mark.parametrize("windows", [Windows(5, 1), Windows(5, 1, parts=7), Windows(5, 1, parts=None)], ids=str)
def test_no_test_window_shares_a_character_with_a_training_window(tmp_path: Path, windows: Windows) -> None:
    # Every character is another one, so that it says where it was.
    text = "".join(chr(0x4E00 + i) for i in range(2000))
    if windows.parts is None:
        text = "\n\n".join(f"S{i}:\n{text[100 * i : 100 * i + 100]}" for i in range(20))
    data = of(write(tmp_path, text), windows, fraction=0.3)
    trained, tested = ({c for x, y in spelt(data, text, half) for c in x + y} - {"\n"} for half in ("", "test_"))
    assert not trained & tested
    assert len(trained) + len(tested) == pytest.approx(2000, abs=2)


def test_characters_are_numbered_by_code_point_over_the_whole_text(tmp_path: Path) -> None:
    text = "zaé\n\U0001f600" * 50
    data = of(write(tmp_path, text), Windows(length=5, stride=5))
    assert data.inputs[0].tolist() == [2, 1, 3, 0, 4]


def test_a_folder_is_all_its_texts_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path, "b" * 200, "2.txt")
    write(tmp_path, "a" * 200, "1.txt")
    write(tmp_path, "c" * 200, "notes.md")
    data = of(str(tmp_path), Windows(length=10, stride=10))
    assert data.classes == 3  # and the blank line between
    assert [x[0] for x, _ in spelt(data, "ab\n")] == ["a"] * 20 + ["\n"] + ["b"] * 11


def test_a_speech_goes_on_over_blank_lines_up_to_the_next_name() -> None:
    said = speeches("ANN:\nOne.\n\nTwo: three.\n\nBO:\nFour.\n\nANN:\nFive.\n", Path("x"))
    assert said == {"ANN": "One.\nTwo: three.\nFive.\n", "BO": "Four.\n"}


def test_speakers_are_parts_and_one_who_says_too_little_is_left_out(tmp_path: Path) -> None:
    text = PLAY + "\n\nDI:\nOh."
    data = of(write(tmp_path, text), Windows(length=40, stride=40, parts=None))
    assert data.parts is not None
    assert set(data.parts.tolist()) == {0, 1, 2}
    for (window, _), part in zip(spelt(data, text), data.parts.tolist(), strict=True):
        assert not [name for name in NAMES if name in window and name != NAMES[part]]


@pytest.mark.parametrize(
    ("text", "windows", "message"),
    [
        ("short", Windows(), "5 characters are too few for samples of 80 and one more .* lower data.sequence_length"),
        ("x" * 100, Windows(length=80), "100 characters are too few"),
        (LETTERS, Windows(parts=None), "has no speakers, whose name and a colon stand on a line after a blank one"),
        ("", Windows(), "no text in it; set data.root"),
    ],
    ids=["short", "no test window", "no speakers", "empty"],
)
def test_a_text_that_gives_no_samples_says_why(tmp_path: Path, text: str, windows: Windows, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        of(write(tmp_path, text), windows)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"caf\xe9" * 100)
    with pytest.raises(ValueError, match=r"x\.txt: cannot be read: not UTF-8"):
        of(str(tmp_path / "x.txt"))
    with pytest.raises(ValueError, match=r"cannot be read: No such file or directory; set data\.root"):
        of(str(tmp_path / "y.txt"))


def of_clients(root: str, clients: int, partition: Contiguous | BySpeaker | Iid, **changes: object) -> Scenario:
    data = Data(name="text", root=root, clients=clients, partition=partition, sequence_length=20, stride=3)
    settings = {"data": data, "model": Model(name="char_transformer"), "algorithm": FedAvg(rounds=1, local_steps=1)}
    return Scenario(**(settings | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("characters", [2000, 2003, 2047, 2111])
@pytest.mark.parametrize("clients", [1, 3, 7, 11])
def test_a_contiguous_shard_is_one_part_of_the_text(tmp_path: Path, characters: int, clients: int) -> None:
    scenario = of_clients(write(tmp_path, (LETTERS * 3)[:characters]), clients, Contiguous())
    data = dataset_of(scenario)
    dealt = deal(scenario, data)
    if data.parts is None:
        assert clients == 1
    else:
        assert [set(data.parts[part].tolist()) for part in dealt] == [{k} for k in range(clients)]


@pytest.mark.parametrize("partition", [Contiguous(), BySpeaker()], ids=lambda each: each.kind)
def test_a_client_is_tested_on_its_own_part(tmp_path: Path, partition: Contiguous | BySpeaker) -> None:
    scenario = of_clients(write(tmp_path, PLAY), 3, partition)
    log, outcome = run(scenario)
    data = dataset_of(scenario)
    assert data.parts is not None
    assert data.test_parts is not None
    rows = {m.client: m for m in log.metrics if m.split == "test"}
    for k, part in enumerate(deal(scenario, data)):
        own = torch.isin(data.test_parts, data.parts[part])
        assert 0 < int(own.sum()) < len(own)
        stages = split(model_of(scenario, data), ())
        result = evaluate(stages, outcome.parts, data.test_inputs[own], data.test_labels[own])
        assert rows[f"client-{k}"].loss == pytest.approx(result.mean()[0], rel=1e-5)


@pytest.mark.parametrize(
    "cut", ["embedding", *(pytest.param(cut, marks=pytest.mark.slow) for cut in ("block1", "block2"))]
)
def test_a_text_is_learnt_by_split_learning(tmp_path: Path, cut: str) -> None:
    text = write(tmp_path, "to be or not to be, that is the question. " * 100)
    scheme = SplitFedV1(rounds=4, local_steps=8, batch_size=32, optimizer=Adam(lr=0.01))
    model = Model(name="char_transformer", cuts=(cut,))
    log, _ = run(of_clients(text, 2, Iid(), algorithm=scheme, model=model))
    accuracy = [m.accuracy for m in log.metrics if m.client is None and m.split == "test"]
    assert accuracy[-1] is not None
    assert accuracy[-1] > 0.9


def test_a_part_that_only_looks_up_can_be_pruned_by_weights(tmp_path: Path) -> None:
    pruning = WeightPruning(sparsity=0.5, schedule=OneShot(round=2))
    scheme = FedSL(rounds=2, local_steps=1, interval=1, pruning=pruning)
    model = Model(name="char_transformer", cuts=("embedding",))
    log, _ = run(of_clients(write(tmp_path, PLAY), 2, Iid(), algorithm=scheme, model=model))
    first, second = (sum(e.bytes for e in log.rows(phase="model_upload", round=t)) for t in (1, 2))
    assert second < 0.6 * first


def shakespeare() -> Path:
    for folder in (Path(os.environ.get("WIRELESSFSL_DATA", "data")), Path(__file__).parents[3] / "shared" / "data"):
        if (folder / "text" / "tinyshakespeare.txt").is_file():
            return folder / "text" / "tinyshakespeare.txt"
    pytest.skip("no text/tinyshakespeare.txt below $WIRELESSFSL_DATA")


def test_shakespeare_has_65_characters_and_its_speakers() -> None:
    path = shakespeare()
    data = of(str(path), Windows(parts=None))
    assert data.classes == 65
    said = speeches(path.read_text(), path)
    assert max(said, key=lambda name: len(said[name])) == "GLOUCESTER"
    assert data.parts is not None
    assert len(set(data.parts.tolist())) > 200
