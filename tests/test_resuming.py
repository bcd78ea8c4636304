"""An interrupted run goes on to the end that it would have had: file by file, whatever stopped it, and when."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from errno import EDQUOT, ENOSPC
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.worlds import tiny
from wirelessfsl import checkpoints, files, open_run, running, simulate
from wirelessfsl.algorithms.async_sl import AsyncSL
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.api import resume
from wirelessfsl.checkpoints import Checkpoints
from wirelessfsl.cli import main
from wirelessfsl.files import NoSpace
from wirelessfsl.results.locks import locked
from wirelessfsl.results.store import RunWriter
from wirelessfsl.scenario import Scenario
from wirelessfsl.simulation import Progress

ROUNDS = 4
SCENARIO = tiny(2, algorithm=SplitFedV1(rounds=ROUNDS, local_steps=1, batch_size=16))
SHORT = replace(SCENARIO, algorithm=replace(SCENARIO.algorithm, rounds=2))
EVERY = partial(simulate, checkpoint_rounds=1)


def facts(folder: Path) -> dict[str, Any]:
    """All of a run folder but what the host has to do with."""
    found: dict[str, Any] = {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix != ".json" and file.name != ".lock"
    }
    summary, manifest = (json.loads((folder / f"{name}.json").read_text()) for name in ("summary", "manifest"))
    del summary["host"]
    return found | {"summary": summary, "status": manifest["status"]}


def stop(after: int, how: BaseException) -> Callable[[Progress], None]:
    """Stop a run in the middle of what follows the last event of a round, before it is written down."""

    def report(at: Progress) -> None:
        if at.round == after:
            raise how

    return report


def interrupted(folder: Path, after: int = 3, scenario: Scenario = SCENARIO, **options: Any) -> Path:
    """The folder of a run that was interrupted by Ctrl-C."""
    with pytest.raises(KeyboardInterrupt):
        EVERY(scenario, folder, report=stop(after, KeyboardInterrupt()), **options)
    return folder


def beside_memory(told: list[str]) -> list[str]:
    """Lines behind the first two, of what the run takes and where it is computed."""
    assert told[0].startswith("memory: about ")
    assert told[1].startswith("executor: ")
    return told[2:]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The run that nothing stops."""
    return facts(EVERY(SCENARIO, tmp_path_factory.mktemp("whole") / "run").path)


@pytest.mark.parametrize("after", range(1, ROUNDS + 1))
def test_a_run_that_was_interrupted_in_any_round_ends_as_one_that_was_not(
    tmp_path: Path, whole: dict[str, Any], after: int
) -> None:
    folder = interrupted(tmp_path / "run", after)
    assert open_run(folder).summary["status"] == "interrupted"
    told: list[str] = []
    run = resume(folder, notice=told.append)
    assert facts(folder) == whole
    assert run.manifest["resumed"] == [after - 1]
    where = f"after round {after - 1}" if after > 1 else "there is no checkpoint that can be used; it begins again"
    assert beside_memory(told) == [f"{folder}: {where}"]


def test_a_run_may_be_interrupted_again_and_again(tmp_path: Path, whole: dict[str, Any]) -> None:
    folder = interrupted(tmp_path / "run", 2)
    with pytest.raises(KeyboardInterrupt):
        resume(folder, report=stop(3, KeyboardInterrupt()), checkpoint_rounds=1)
    before = open_run(folder).manifest["host_s"]
    run = resume(folder)
    assert (facts(folder), run.manifest["resumed"]) == (whole, [1, 2])
    assert run.manifest["host_s"] > before
    assert run.summary["host"]["client_steps"] == 2 * ROUNDS


def test_times_without_values_are_resumed_too(tmp_path: Path) -> None:
    whole = facts(EVERY(SCENARIO, tmp_path / "whole", timing_only=True).path)
    folder = interrupted(tmp_path / "run", timing_only=True)
    assert resume(folder).timing_only
    assert facts(folder) == whole


def test_a_scheme_that_is_never_at_rest_says_so_and_begins_again(tmp_path: Path) -> None:
    scenario = replace(SCENARIO, algorithm=AsyncSL(rounds=ROUNDS, local_steps=1, batch_size=16))
    whole = facts(EVERY(scenario, tmp_path / "whole").path)
    folder, told = interrupted(tmp_path / "run", scenario=scenario), list[str]()
    resume(folder, notice=told.append)
    assert facts(folder) == whole
    assert beside_memory(told) == [
        f"{folder}: async_sl cannot be resumed: nobody waits for the end of a round, so that at no instant all is"
        " quiet; it begins again"
    ]


def test_what_a_run_leaves_is_on_the_disk_before_it_says_that_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled, fsync = set[int](), os.fsync

    def sync(opened: int) -> None:
        settled.add(os.fstat(opened).st_ino)
        fsync(opened)

    def ended(checkpoints: Path, **_: Any) -> None:
        left = {file.name for file in checkpoints.parent.rglob("*") if file.stat().st_ino not in settled}
        assert not left

    monkeypatch.setattr(files.os, "fsync", sync)
    monkeypatch.setattr(running, "rmtree", ended)
    folder = EVERY(SHORT, tmp_path / "run").path
    assert (folder / "checkpoints").exists()  # as if it had been stopped just now
    resume(folder)
    assert not (folder / "checkpoints").exists()


def test_a_finished_run_keeps_no_checkpoints_and_is_left_as_it_is(tmp_path: Path) -> None:
    folder, told = EVERY(SCENARIO, tmp_path / "run").path, list[str]()
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    assert not (folder / "checkpoints").exists()
    assert resume(folder, notice=told.append).finished
    assert before == {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    assert told == [f"{folder}: came to its end before; nothing is left to do"]


# What is damaged


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def turn_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, turn_a_bit, partial(Path.write_bytes, data=b"")])
def test_a_damaged_checkpoint_is_recognised_and_the_one_before_is_used(
    tmp_path: Path, whole: dict[str, Any], damage: Callable[[Path], Any]
) -> None:
    folder, told = interrupted(tmp_path / "run", 4), list[str]()
    _, last = sorted((folder / "checkpoints").iterdir())
    damage(last)
    assert resume(folder, notice=told.append).manifest["resumed"] == [2]
    assert facts(folder) == whole
    assert beside_memory(told) == [f"{last}: damaged; going back to the one before", f"{folder}: after round 2"]


def test_a_run_whose_checkpoints_are_all_damaged_begins_again(tmp_path: Path, whole: dict[str, Any]) -> None:
    folder = interrupted(tmp_path / "run", 4)
    for path in (folder / "checkpoints").iterdir():
        cut(path)
    assert resume(folder).manifest["resumed"] == [0]
    assert facts(folder) == whole


@pytest.mark.parametrize(("part", "back_to"), [(2, 2), (0, 0)])
def test_with_a_damaged_part_a_run_goes_back_to_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int, back_to: int
) -> None:
    for module in ("api", "running"):
        monkeypatch.setattr(f"wirelessfsl.{module}.RunWriter", partial(RunWriter, part_rows=1))
    whole = facts(EVERY(SCENARIO, tmp_path / "whole").path)
    folder, told = interrupted(tmp_path / "run", 4), list[str]()
    damaged = folder / "events" / f"part-0000{part}.parquet"
    turn_a_bit(damaged)
    assert resume(folder, notice=told.append).manifest["resumed"] == [back_to]
    assert beside_memory(told)[0] == f"{damaged}: missing or damaged; going back to a checkpoint before it"
    assert facts(folder) == whole


# What is refused


def test_two_do_not_go_on_with_one_run(tmp_path: Path) -> None:
    folder = interrupted(tmp_path / "run")
    with locked(folder), pytest.raises(ValueError, match="run: another process is writing to it; wait until it ends"):
        resume(folder)
    assert resume(folder).finished


def test_a_changed_scenario_is_refused_with_what_changed(tmp_path: Path) -> None:
    folder = interrupted(tmp_path / "run")
    file = folder / "scenario.yaml"
    file.write_text(file.read_text().replace("rounds: 4", "rounds: 5"))
    with pytest.raises(
        ValueError, match=r"is not what the run began with: algorithm.rounds was 4, is 5; put that back"
    ):
        resume(folder)
    file.unlink()
    assert resume(folder).finished


def test_other_versions_are_refused_with_which(tmp_path: Path) -> None:
    folder = interrupted(tmp_path / "run")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["versions"]["torch"] = "1.0"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r"its numbers may differ: torch was '1.0', is '.*'; install those, or run"):
        resume(folder)


def test_a_watched_run_is_refused(tmp_path: Path) -> None:
    folder = interrupted(tmp_path / "run", watch=lambda world, parts: None)
    assert not (folder / "checkpoints").exists()
    with pytest.raises(ValueError, match="what watched this run is in no checkpoint; run the scenario again"):
        resume(folder)


# A full disk


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], list[int]]:
    """Lets the disk be full from the n-th file on that is to be written."""
    real = os.replace

    def set_up(first: int, code: int) -> list[int]:
        count = [0]

        def put(half: Path, path: Path) -> None:
            count[0] += 1
            if count[0] > first:
                raise OSError(code, os.strerror(code))
            real(half, path)

        monkeypatch.setattr(files.os, "replace", put)
        return count

    return set_up


def test_on_a_full_disk_a_run_stops_with_one_line_and_goes_on_when_there_is_room(
    tmp_path: Path, full: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = full(10**6, ENOSPC)
    whole = facts(EVERY(SHORT, tmp_path / "counted").path)
    writes = count[0]
    assert writes > 2 * 2
    for first in range(writes):
        folder = tmp_path / f"run {first}"
        full(first, (ENOSPC, EDQUOT)[first % 2])
        with pytest.raises(NoSpace) as told:
            EVERY(SHORT, folder)
        monkeypatch.setattr(files.os, "replace", os.rename)
        assert not list(folder.rglob(".*.half"))
        then = f"wirelessfsl run --resume '{folder}'" if first else "run the scenario again"
        assert str(told.value).endswith(f"; free some, then: {then}")
        if first:
            assert open_run(folder).manifest["status"] in ("running", "failed")
            assert open_run(folder).summary["rounds"] <= 2
            (folder / ".metrics.parquet.1.half").touch()  # as if it had been killed
            resume(folder)
        else:
            EVERY(SHORT, folder)
        assert facts(folder) == whole, first


def test_a_disk_that_fills_up_while_a_part_is_written_stops_the_run_likewise(
    tmp_path: Path, full: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("api", "running"):
        monkeypatch.setattr(f"wirelessfsl.{module}.RunWriter", partial(RunWriter, most_rows=20))
    quiet = partial(simulate, SHORT, checkpoint_rounds=2)
    whole = facts(quiet(tmp_path / "whole").path)
    parts = [name for name in whole if name.startswith("events")]
    assert len(parts) > 3
    for first in range(2, 2 + len(parts)):  # after the manifest and the scenario
        folder = tmp_path / f"run {first}"
        full(first, ENOSPC)
        with pytest.raises(NoSpace, match=r"no space left .*; free some, then: wirelessfsl run --resume"):
            quiet(folder)
        monkeypatch.setattr(files.os, "replace", os.rename)
        assert not list(folder.rglob(".*.half"))
        resume(folder)
        assert facts(folder) == whole, first


def test_a_real_full_disk(tmp_path: Path, whole: dict[str, Any]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("may not mount a disk")
    except OSError:
        pytest.skip("no mount here")
    try:
        (disk / "else").write_bytes(b"x" * 910_000)
        with pytest.raises(NoSpace, match="no space left"):
            EVERY(SCENARIO, disk / "run")
        assert open_run(disk / "run").summary["rounds"] < ROUNDS
        (disk / "else").unlink()
        resume(disk / "run")
        assert facts(disk / "run") == whole
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# On the command line, and killed

LONG = """
name: long
data: {name: blobs, clients: 2}
model: {name: mlp, cuts: [fc1]}
algorithm: {kind: splitfed_v1, rounds: 60, local_steps: 2, batch_size: 16}
network: {medium: {kind: constant}}
"""
CHILDREN = """
import os, random, signal, sys, time
from pathlib import Path
from wirelessfsl import api, cli, running, simulation
from wirelessfsl.checkpoints import Checkpoints

Checkpoints.__init__.__defaults__ = (1,)  # write every one
folder, kills = Path(sys.argv[1]), int(sys.argv[2])

def begun(run):
    if (run / "manifest.json").exists():
        return ["run", "--resume", str(run)]
    return ["run", str(folder / "long.yaml"), "--out", str(run)]

def child(run, before=lambda: None):
    args = begun(run)
    if (process := os.fork()) == 0:
        before()
        with open(os.devnull, "w") as sys.stderr, open(os.devnull, "w") as sys.stdout:
            os._exit(cli.main(args))
    return process

assert cli.main(begun(folder / "warm")) == 0
begin = time.perf_counter()
assert cli.main(begun(folder / "whole")) == 0
longest_s = (time.perf_counter() - begin) / 2
"""
AT_ALL_INSTANTS = """
real, written = os.replace, 0

def killed_at(number, once_there):
    def put(half, path):
        global written
        written += 1
        if written == number:
            if not once_there:
                Path(half).write_bytes(Path(half).read_bytes()[:100])
                os.kill(os.getpid(), signal.SIGKILL)
            real(half, path)
            os.kill(os.getpid(), signal.SIGKILL)
        real(half, path)
    os.replace = put

number, status = 0, signal.SIGKILL
while status:
    number += 1
    run = folder / f"run-{number}"
    status = os.waitpid(child(run, lambda: killed_at(number, number % 2)), 0)[1]
    assert status in (0, signal.SIGKILL), (status, number)
    assert os.waitpid(child(run), 0)[1] == 0, number
"""
"""Kills runs at each of their writes, when half of it or all of it is there; they go on."""
AT_RANDOM = """
rng, done, number = random.Random(kills), 0, 0
while done < kills:
    run, status = folder / f"run-{number}", 1
    while status:
        process = child(run)
        if done < kills:
            time.sleep(rng.uniform(0.0, longest_s))
            os.kill(process, signal.SIGKILL)
        status = os.waitpid(process, 0)[1]
        assert status in (0, signal.SIGKILL), status
        done += status == signal.SIGKILL
    number += 1
"""
"""Kills runs at random instants, each of which goes on until it ends."""


def test_the_command_line_goes_on_with_a_run_and_takes_nothing_that_would_change_it(
    tmp_path: Path, whole: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = interrupted(tmp_path / "run")
    for wrong in (["other.yaml"], ["--set", "seed=2"], ["--seed", "2"], ["--out", "x"], ["--timing-only"]):
        assert main(["run", "--resume", str(folder), *wrong]) == 2
        assert "a run goes on as it began; leave that out" in capsys.readouterr().err
    assert main(["run"]) == 2
    assert "give a SCENARIO, or --resume DIR" in capsys.readouterr().err
    assert main(["run", "--resume", str(folder)]) == 0
    told = capsys.readouterr()
    assert f"{folder}: after round 2\nround 3/4 " in told.err
    assert "tiny: completed after 4 rounds" in told.out
    assert facts(folder) == whole


def test_ctrl_c_tells_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    (tmp_path / "long.yaml").write_text(LONG)
    monkeypatch.setattr("wirelessfsl.progress.ProgressLine.__call__", lambda line, at: stop(2, KeyboardInterrupt())(at))
    assert main(["run", str(tmp_path / "long.yaml"), "--out", str(tmp_path / "run")]) == 130
    told = beside_memory(capsys.readouterr().err.splitlines())
    assert told == ["interrupted", f"to go on: wirelessfsl run --resume {tmp_path / 'run'}"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("when", "kills", "rounds"),
    [(AT_ALL_INSTANTS, 10, 2), (AT_RANDOM, 50, 60)],
    ids=["at every write", "at random"],
)
def test_runs_that_are_killed_end_as_one_that_is_not(tmp_path: Path, when: str, kills: int, rounds: int) -> None:
    (tmp_path / "long.yaml").write_text(LONG.replace("60", str(rounds)))
    subprocess.run([sys.executable, "-c", CHILDREN + when, str(tmp_path), str(kills)], capture_output=True, check=True)
    whole, resumed = facts(tmp_path / "whole"), 0
    for run in tmp_path.glob("run-*"):
        assert facts(run) == whole
        resumed += len(open_run(run).manifest.get("resumed", []))
    assert kills / 2 < resumed <= kills


# How often


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_checkpoints_take_a_twentieth_of_the_time_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(checkpoints, "perf_counter", clock)
    write, written = Checkpoints(tmp_path, RunWriter(tmp_path), clients=0), list[int]()

    def packed() -> Any:
        clock.now += 2.0  # what one costs
        return None, {}

    for number in range(1, 401):
        clock.now += 0.5
        before = clock.now
        write(number, packed)
        if clock.now > before:
            written.append(number)
    assert written[0] == 2  # after a second
    assert 2.0 * len(written) <= clock.now / 20 + 2.0
    assert len(written) == 1 + 398 // 80
