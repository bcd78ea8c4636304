"""What a sweep shows of itself: a live block on a terminal, else a line for each point that ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from time import perf_counter

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from wirelessfsl.simulation import Progress
from wirelessfsl.studies.points import Point
from wirelessfsl.studies.table import Row


class Lines:
    """A line for each point that ends: how many of how many, its name and status, accuracy, the expected end."""

    def __init__(self) -> None:
        self.points = self.done = self.failed = self.run = 0
        self.running: dict[str, Progress] = {}
        self.start = perf_counter()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def begin(self, points: int, finished: int) -> None:
        """The sweep begins."""
        self.points, self.done, self.start = points, finished, perf_counter()
        self.say(f"{points} point{'s' * (points > 1)}, {finished} of them finished before")

    def progress(self, point: Point, at: Progress) -> None:
        """A running point closed a round."""
        self.running[point.name] = at

    def ended(self, point: Point, row: Row, error: str) -> None:
        """A point ended."""
        self.running.pop(point.name, None)
        self.run += 1
        self.done += not error
        self.failed += bool(error)
        accuracy = row.get("accuracy")
        told = error or (f"accuracy {accuracy:.3f}" if isinstance(accuracy, float) else "")
        self.say(f"{self.done + self.failed}/{self.points}  {point.name}  {row['status']}  {told}  {self.end}".rstrip())

    def say(self, line: str) -> None:
        """Show a line."""
        print(line, file=sys.stderr, flush=True)

    @property
    def end(self) -> str:
        """When all points should have ended, from the rounds done so far."""
        left = self.points - self.done - self.failed
        did = self.run + sum(at.round / at.rounds for at in self.running.values())
        if not left or not did:
            return ""
        left_s = (perf_counter() - self.start) / did * (self.run + left - did)
        return f"expected end {datetime.now() + timedelta(seconds=left_s):%H:%M:%S}"


class Block(Lines):
    """The same on a terminal, with what runs in a live block below."""

    def __init__(self) -> None:
        super().__init__()
        self.live = Live(
            console=Console(stderr=True), refresh_per_second=4, get_renderable=lambda: Group(*self.block())
        )

    def begin(self, points: int, finished: int) -> None:
        """The sweep begins."""
        super().begin(points, finished)
        self.live.start()

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def say(self, line: str) -> None:
        """Show a line above the block."""
        self.live.console.print(Text(line))

    def block(self) -> Iterator[Text]:
        """Counts and expected end, and a line for each running point."""
        counts = f"{self.done}/{self.points} done, {self.failed} failed, {len(self.running)} running  {self.end}"
        yield Text(counts, style="bold")
        for name, at in self.running.items():
            yield Text(f"  {name}  round {at.round}/{at.rounds}")
