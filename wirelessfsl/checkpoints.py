"""Checkpoints of a run as files in its folder: ``checkpoints/round-00012-<digest>.safetensors``.

A checkpoint is one file with all that it takes to go on after a round: of the simulation, and of the log the digests
of the parts that are written, the rows that are in none, and the evaluations. It appears whole, is on the disk before
the run goes on, and has the digest of its content in its name: one that is damaged is recognised, and the one before it
is used. No code is ever run to read one.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from wirelessfsl.continuing import Packed
from wirelessfsl.files import write
from wirelessfsl.learning.keeping import from_bytes, to_bytes
from wirelessfsl.results.store import Held, RunWriter, check_parts

KEEP = 2
"""The newest so many stay in the folder."""
SHARE = 0.05
"""Of the host's time goes into checkpoints at most."""
FIRST_COST_S, CLIENT_COST_S = 0.05, 5e-4
"""What the first one is taken to cost, and more for every client: none is written in the first second of a run."""


class Checkpoint(NamedTuple):
    """What a run goes on from, after ``round``."""

    round: int
    log: Held
    run: Packed


class Checkpoints:
    """Writes checkpoints of a run whenever that is worth its time; called after every round.

    folder, log, clients: of the run. every_rounds: how often instead; 0 is never.
    """

    def __init__(self, folder: Path, log: RunWriter, clients: int, every_rounds: int | None = None) -> None:
        self._folder, self._log, self._every_rounds = folder / "checkpoints", log, every_rounds
        self._written_s, self._cost_s = perf_counter(), FIRST_COST_S + CLIENT_COST_S * clients

    def __call__(self, number: int, packed: Callable[[], Packed]) -> None:
        """Write down what it takes to go on after this round, if it is time to."""
        begin = perf_counter()
        if self._every_rounds is None:
            due = self._cost_s <= SHARE * (begin - self._written_s)
        else:
            due = self._every_rounds > 0 and number % self._every_rounds == 0
        if not due:
            return
        self._folder.mkdir(exist_ok=True)
        (run, tensors), log = packed(), self._log.held()
        tree = {"round": number, "parts": log.parts, "run": run}
        content = to_bytes(tree, tensors, {"events": log.events, "metrics": log.metrics})
        write(self._folder / f"round-{number:05d}-{_digest(content)}.safetensors", content, durable=True)
        for old in _files(self._folder)[KEEP:]:
            old.unlink()
        self._written_s = perf_counter()
        self._cost_s = self._written_s - begin


def newest(folder: Path, notice: Callable[[str], None]) -> Checkpoint | None:
    """The newest checkpoint of a run that is whole, as are the parts of the log before it; None if there is none.

    notice: told in a line of each that is not.
    """
    for path in _files(folder / "checkpoints"):
        content = path.read_bytes()
        if _digest(content) != path.stem.rpartition("-")[2]:
            notice(f"{path}: damaged; going back to the one before")
            continue
        tree, tensors, tables = from_bytes(content, ("events", "metrics"))
        log = Held(tuple(tree["parts"]), **tables)
        try:
            check_parts(folder, log.parts)
        except ValueError as error:
            notice(f"{error}; going back to a checkpoint before it")
            continue
        return Checkpoint(tree["round"], log, (tree["run"], tensors))
    return None


def _files(folder: Path) -> list[Path]:
    """The newest first."""
    return sorted(folder.glob("round-*.safetensors"), key=lambda path: int(path.name.split("-")[1]), reverse=True)


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
