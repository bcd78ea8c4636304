"""Whatever writes a file leaves all of it or nothing, also where there is no room for all of it."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from tests.results import scripted
from wirelessfsl.files import NoSpace, whole, write
from wirelessfsl.results import trace
from wirelessfsl.results.plots import sheets
from wirelessfsl.results.store import open_run


@pytest.fixture
def no_room() -> Iterator[Callable[[], None]]:
    """From when it is called on a file can have 1,000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def drawn(path: Path) -> None:
    figure = Figure()
    figure.add_subplot().plot(range(100))
    sheets.save(figure, path.with_suffix(""), [path.suffix[1:]])


def traced(path: Path) -> None:
    trace.write(open_run(path.parent.parent / "run"), path)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda path: write(path, bytes(5000)), "file"),
        (lambda path: write(path, bytes(5000), durable=True), "file"),
        *((drawn, f"figure.{suffix}") for suffix in ("pdf", "png", "svg")),
        (traced, "trace.json"),
        (traced, "trace.json.gz"),
    ],
    ids=["bytes", "on the disk", "pdf", "png", "svg", "trace", "packed trace"],
)
def test_without_room_the_file_of_before_stays_and_nothing_else(
    tmp_path: Path, no_room: Any, make: Callable[[Path], None], name: str
) -> None:
    scripted.write_run(tmp_path / "run")
    path = tmp_path / "out" / name
    path.parent.mkdir()
    path.write_text("before")
    make(path)
    assert path.stat().st_size > 1000
    path.write_text("before")
    no_room()
    with pytest.raises(NoSpace, match=f"{name}: no space left"):
        make(path)
    assert {file.name: file.read_text() for file in path.parent.iterdir()} == {name: "before"}


def test_a_file_is_there_when_its_block_has_ended_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with whole(path) as file:
        file.write(b"all")
        assert not path.exists()
    assert path.read_bytes() == b"all"
    with pytest.raises(ValueError, match="in it"), whole(path):
        raise ValueError("in it")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"all"]
