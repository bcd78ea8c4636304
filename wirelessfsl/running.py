"""A run in its folder: played, with checkpoints, to its end, or on from where it was interrupted.

The manifest is written last, when all else is on the disk. So a run is over when it says so, and until then its folder
can be read and gone on with, whatever stopped it. Checkpoints are dropped with the end: what they were for is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from shlex import quote
from shutil import rmtree
from time import perf_counter
from typing import Any

from wirelessfsl.checkpoints import Checkpoints, newest
from wirelessfsl.continuing import Packed
from wirelessfsl.engine.journal import SimulationError
from wirelessfsl.executing import name_of
from wirelessfsl.files import NoSpace, is_full, settle
from wirelessfsl.learning.executors.contract import Executor, Lost
from wirelessfsl.learning.host import peak_rss_bytes
from wirelessfsl.profiling import Profile
from wirelessfsl.results.locks import locked
from wirelessfsl.results.store import Run, RunWriter, open_run, write_json
from wirelessfsl.scenario import Scenario
from wirelessfsl.simulation import Progress, Watch, play, unwatched
from wirelessfsl.trackers.following import Following


@dataclass
class Job:
    """A run to be played into its folder.

    manifest: what is known of it so far. why: it is this executor. following: its trackers. The others are arguments of
    :func:`wirelessfsl.api.simulate`.
    """

    folder: Path
    scenario: Scenario
    manifest: dict[str, Any]
    executor: Executor
    why: str
    report: Callable[[Progress], None]
    notice: Callable[[str], None]
    watch: Watch
    following: Following
    checkpoint_rounds: int | None
    profiled: bool = False

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Be the only one who writes to the folder; what stops the run is told with what can be done about it."""
        try:
            with locked(self.folder), self.following:
                yield
        except KeyboardInterrupt as error:
            error.add_note(f"to go on: {self._again}")
            raise
        except SimulationError as error:
            if isinstance(error.__cause__, Lost):
                raise SimulationError(f"{error}; to go on: {self._again}") from error
            raise
        except FileNotFoundError as error:
            if (self.folder / "events").is_dir():
                raise
            raise RuntimeError(
                f"{self.folder}: was deleted or moved while the run went on; run the scenario again and leave its"
                " folder until it ends"
            ) from error
        except (NoSpace, OSError) as error:
            if isinstance(error, OSError) and not is_full(error):
                raise
            raise NoSpace(f"{error}; free some, then: {self._again}") from error

    def play(self, log: RunWriter, start: Packed | None = None) -> Run:
        """Play it to its end, from the beginning or from a checkpoint."""
        begin, folder, manifest = perf_counter(), self.folder, self.manifest
        manifest["executor"], manifest["executor_because"] = name_of(self.executor), self.why
        write_json(folder / "manifest.json", manifest)
        widths = self.executor.widths.copy()
        every_rounds = self.checkpoint_rounds if self.watch is unwatched else 0
        followed = self.following.log(log, log.kept)
        profile = Profile(self.executor, followed) if self.profiled else None
        boundary = Checkpoints(folder, log, self.scenario.data.clients, every_rounds)
        try:
            outcome = play(
                self.scenario,
                profile.log if profile else followed,
                self.executor,
                self.report,
                notice=self.notice,
                watch=self.watch,
                timing_only="timing_only" in manifest,
                boundary=boundary,
                start=start,
            )
            if "timing_only" not in manifest:
                outcome.save(folder)
            log.close()
        except BaseException as error:
            manifest["status"] = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            manifest["error"] = f"{type(error).__name__}: {error}"
            with suppress(NoSpace, OSError):  # what stopped the run is told, and the folder can be read without
                log.close()
                self._account(begin)
                write_json(folder / "manifest.json", manifest)
            raise
        if profile is not None:
            write_json(folder / "profile.json", profile.of(outcome.piece))
        manifest["status"] = outcome.status
        if outcome.pretrained is not None:
            manifest["pretrained"] = outcome.pretrained
        if self.scenario.host.compile and "timing_only" not in manifest:
            manifest["compiled"] = self.executor.compiled._asdict()
        manifest["batch_widths"] = {
            str(width): times for width, times in sorted((self.executor.widths - widths).items())
        }
        self._account(begin)
        host = {
            "wall_s": outcome.wall_s,
            "peak_rss_bytes": manifest["peak_rss_bytes"],
            "workers_peak_rss_bytes": manifest["workers_peak_rss_bytes"],
            "client_steps": outcome.client_steps,
            "kernels": outcome.kernels,
            "overhead_fraction": outcome.overhead_fraction,
        }
        write_json(folder / "summary.json", Run(folder, manifest).summary | {"host": host})
        settle(folder)
        write_json(folder / "manifest.json", manifest)
        rmtree(folder / "checkpoints", ignore_errors=True)
        return open_run(folder)

    def go_on(self) -> Run:
        """Play it to its end from its newest checkpoint, or if there is none from the beginning."""
        run, folder = open_run(self.folder), self.folder
        if run.finished:  # by another process, a moment ago
            return run
        found, why = newest(folder, self.notice), "there is no checkpoint that can be used"
        if restless := getattr(self.scenario.algorithm, "restless", ""):
            why = f"{self.scenario.algorithm.kind} cannot be resumed: {restless}"
        self.notice(f"{folder}: {why}; it begins again" if found is None else f"{folder}: after round {found.round}")
        self._clear(found is None)
        self.manifest["status"] = "running"
        self.manifest.pop("error", None)
        self.manifest.setdefault("resumed", []).append(0 if found is None else found.round)
        log = RunWriter(folder, keep=None if found is None else found.log)
        write_json(folder / "manifest.json", self.manifest)
        return self.play(log, None if found is None else found.run)

    def _clear(self, all_facts: bool) -> None:
        """Delete what an interrupted run may have left and a resumed one makes again."""
        facts = ["events/part-*.parquet", "metrics.parquet"] if all_facts else []
        for pattern in ["**/.*.half", "summary.json", "model.safetensors", "models/*", *facts]:
            for file in self.folder.glob(pattern):
                file.unlink()

    @property
    def _again(self) -> str:
        """What to do after the run was stopped."""
        if self.watch is unwatched and (self.folder / "manifest.json").exists():
            return f"wirelessfsl run --resume {quote(str(self.folder))}"
        return "run the scenario again"

    def _account(self, begin: float) -> None:
        """Add what the host has spent to what it had before."""
        manifest = self.manifest
        manifest["host_s"] = manifest.get("host_s", 0.0) + perf_counter() - begin
        peaks = {"peak_rss_bytes": peak_rss_bytes(), "workers_peak_rss_bytes": sum(self.executor.peaks.values())}
        for name, size in peaks.items():
            manifest[name] = max(manifest.get(name, 0), size)


def differences(old: Any, new: Any, path: str = "") -> str:
    """What differs between two trees of plain data, by dotted path; the first three."""
    return "; ".join(islice(_differences(old, new, path), 3))


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in {**old, **new}:
            yield from _differences(old.get(name), new.get(name), f"{path}.{name}".lstrip("."))
    elif old != new:
        yield f"{path} was {old!r}, is {new!r}"
