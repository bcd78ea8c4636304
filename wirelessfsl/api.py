"""Running scenarios from Python, where the two wings meet: the simulator writes a run folder, the reader opens it.

>>> from wirelessfsl import load_scenario, simulate, open_run   # doctest: +SKIP
>>> run = simulate(load_scenario("scenarios/quickstart.yaml"), out="runs/x")   # doctest: +SKIP
>>> run.summary["final"]["accuracy"]   # doctest: +SKIP
0.96
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from json import dumps, loads
from pathlib import Path
from shutil import rmtree
from typing import Any

from wirelessfsl.economy import planned
from wirelessfsl.executing import Wish, at_work, name_of, needs, settled
from wirelessfsl.files import write
from wirelessfsl.learning.executors.contract import Executor
from wirelessfsl.provenance import provenance, versions
from wirelessfsl.ram import available_bytes
from wirelessfsl.results.store import Run, RunWriter, open_run, write_json
from wirelessfsl.running import Job, differences
from wirelessfsl.scenario import Scenario, digest, load_scenario, pinned, resolve, to_yaml
from wirelessfsl.simulation import Progress, Watch, unwatched
from wirelessfsl.trackers.following import Following, Tracker


def simulate(
    scenario: Scenario,
    out: str | Path | None = None,
    executor: Executor | Wish | None = None,
    report: Callable[[Progress], None] = lambda _: None,
    notice: Callable[[str], None] = lambda _: None,
    watch: Watch = unwatched,
    timing_only: bool = False,
    trackers: Sequence[Tracker] = (),
    checkpoint_rounds: int | None = None,
    profile: bool = False,
) -> Run:
    """Run a scenario into a run folder and open it.

    scenario: what to run.
    out: the run folder; by default runs/<name>/<time>-<digest>.
    executor: where kernels run on the host, by name or in person (it is left open then); one after another in this
        thread by default.
    report: called after every round.
    notice: told in lines what is done before the run begins: the memory that it will take, where pretrained weights
        come from.
    watch: looks at the model before the first round and with every evaluation, outside of simulated time. What it has
        seen is in no checkpoint, so that such a run cannot be resumed.
    timing_only: whether tensors have shapes and no values: nothing is learnt, and times, bytes and energies are those
        of the training run, but for what depends on values, which is estimated.
    trackers: are told the scenario, the evaluations as they come and the end: see wirelessfsl.trackers.following.
    checkpoint_rounds: after how many rounds a checkpoint is written, 0 for never; by default as often as a twentieth
        of the host's time allows.
    profile: whether profile.json in the run folder says where the host's time went.

    Raises TypeError if ``scenario`` is none or ``executor`` a bare name, ValueError if ``out`` already holds something
    or cannot be made, if there is no such executor here, if a tracker cannot begin, or if the host has not the memory
    that it takes, SimulationError if the run fails, NoSpace if the disk is full, RuntimeError if its folder is taken
    away meanwhile. A run that fails or is interrupted leaves a folder that can be read, and its manifest says so;
    :func:`resume` goes on with it.
    """
    if not isinstance(scenario, Scenario):
        raise TypeError(f"got {type(scenario).__name__}, give a Scenario; see wirelessfsl.load_scenario")
    scenario = pinned(planned(scenario)[0], timing_only)
    resolved = resolve(scenario)
    folder = Path(out) if out is not None else _new_folder(scenario.name, digest(resolved))
    if folder.exists() and (not folder.is_dir() or _holds_something(folder)):
        raise ValueError(f"{folder}: already there and not empty; give another folder with --out")
    following = Following(trackers, folder, resolved)
    executor, memory, told = fitting(executor, scenario, timing_only)
    manifest: dict[str, Any] = {"status": "running", "scenario": resolved, "memory": memory, **provenance()}
    if timing_only:
        manifest["timing_only"] = True
    if watch is not unwatched:
        manifest["watched"] = True
    with at_work(executor, scenario, timing_only) as (at, why):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"{folder}: cannot be made: {error.strerror}; give another folder with --out") from error
        notice(told)
        notice(f"executor: {name_of(at)} ({why})")
        job = Job(folder, scenario, manifest, at, why, report, notice, watch, following, checkpoint_rounds, profile)
        with job.under_way():
            log = RunWriter(folder)
            write_json(folder / "manifest.json", manifest)
            write(folder / "scenario.yaml", to_yaml(resolved).encode(), durable=True)
            return job.play(log)


def resume(
    folder: str | Path,
    executor: Executor | Wish | None = None,
    report: Callable[[Progress], None] = lambda _: None,
    notice: Callable[[str], None] = lambda _: None,
    allow_code: bool = False,
    trackers: Sequence[Tracker] = (),
    checkpoint_rounds: int | None = None,
    profile: bool = False,
) -> Run:
    """Go on with a run that was interrupted, to its end; it is then, bit by bit, the run without interruption.

    It goes on after the round of the newest checkpoint that is whole, with parts of the log that are whole. If there is
    none it begins again, as do schemes that are never at rest (async_sl). A run that came to its end is left as it is.

    folder: the run folder.
    executor, report, trackers, checkpoint_rounds: as for :func:`simulate`; the executor may be another one, and
        trackers are told of the evaluations before.
    notice: told in lines from where the run goes on, and what is damaged.
    allow_code: whether the scenario may import code of the user's own.
    profile: whether profile.json says where the host's time went from there on.

    Raises ValueError where the folder is not a run, is written to by another process, has had its scenario changed, was
    made with other versions of packages, or was watched; else as :func:`simulate`.
    """
    run = open_run(folder)
    manifest, folder = run.manifest, run.path
    if run.finished:
        rmtree(folder / "checkpoints", ignore_errors=True)  # it may have been stopped before it did so itself
        notice(f"{folder}: came to its end before; nothing is left to do")
        return run
    if manifest.get("watched"):
        raise ValueError(f"{folder}: what watched this run is in no checkpoint; run the scenario again")
    if changed := differences(manifest.get("versions", {}), versions()):
        raise ValueError(
            f"{folder}: made with other versions, so that its numbers may differ: {changed}; install those, or run"
            f" {folder / 'scenario.yaml'} again"
        )
    scenario = _scenario_of(run, allow_code)
    following = Following(trackers, folder, run.scenario)
    executor, manifest["memory"], told = fitting(executor, scenario, run.timing_only)
    with at_work(executor, scenario, run.timing_only) as (at, why):
        notice(told)
        notice(f"executor: {name_of(at)} ({why})")
        job = Job(folder, scenario, manifest, at, why, report, notice, unwatched, following, checkpoint_rounds, profile)
        with job.under_way():
            return job.go_on()


def fitting(
    executor: Executor | Wish | None, scenario: Scenario, timing_only: bool
) -> tuple[Executor | Wish | None, dict[str, int | None], str]:
    """The executor of a run, what the run takes of the host's memory, and that in a line.

    Raises ValueError if the host can give less.
    """
    available = available_bytes()
    if isinstance(executor, Wish) and not timing_only:
        executor = settled(executor, scenario, available)
    needed = needs(executor, scenario, timing_only)
    needed.check(available, scenario.name)
    parts = {f"{part}_bytes": round(size) for part, size in needed._asdict().items()}
    memory = {"peak_bytes": round(needed.total), **parts, "available_bytes": available}
    return executor, memory, needed.told(available)


def _scenario_of(run: Run, allow_code: bool) -> Scenario:
    """The scenario in a run's folder. Raises ValueError if it is not the one that the run began with."""
    path = run.path / "scenario.yaml"
    if not path.exists():  # the run was stopped before it came to write it
        write(path, to_yaml(run.scenario).encode(), durable=True)
    loaded = load_scenario(path, allow_code=allow_code, timing_only=run.timing_only)
    scenario = pinned(planned(loaded)[0], run.timing_only)
    if changed := differences(run.scenario, loads(dumps(resolve(scenario)))):
        raise ValueError(
            f"{path}: is not what the run began with: {changed}; put that back, or delete the file, which is then"
            " written again, or run it as another with --out"
        )
    return scenario


def _holds_something(folder: Path) -> bool:
    """Whether there is more in a folder than what a run leaves that was stopped before it had written anything."""
    return any(not (each.is_dir() or each.name.startswith(".")) for each in folder.rglob("*"))


def _new_folder(name: str, short: str) -> Path:
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    folder = Path("runs") / name / f"{stamp}-{short}"
    for again in range(2, 1000):
        if not folder.exists():
            break
        folder = folder.with_name(f"{stamp}-{short}-{again}")
    return folder
