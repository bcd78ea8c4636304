"""Which executor a run gets, and that a mistake in what is wished for leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from pathlib import Path

import pytest

from wirelessfsl import load_scenario, simulate
from wirelessfsl.cli import main
from wirelessfsl.executing import Wish, at_work, chosen, needs, settled, training_flops
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.ram import VARIABLE

SCENARIOS = Path(__file__).parent.parent / "scenarios"


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Wish("threads"), "executor: got 'threads', allowed: auto, sequential, processes, stacked, ray"),
        (Wish("processes", 0), "executor: got 0 workers, must be at least 1"),
        (Wish("sequential", 2), "executor: sequential has no workers; leave their number out"),
        (
            Wish("processes", address="head:6379"),
            "executor: processes runs on this machine; take ray, or leave the address out",
        ),
    ],
    ids=lambda each: each.name if isinstance(each, Wish) else "",
)
def test_a_wrong_wish_is_told_in_one_line_before_anything_is_written(wish: Wish, message: str, tmp_path: Path) -> None:
    told: list[str] = []
    with pytest.raises(ValueError, match=f"^{message}$"):
        simulate(load_scenario(SCENARIOS / "quickstart.yaml"), tmp_path / "run", wish, notice=told.append)
    assert (told, [*tmp_path.iterdir()]) == ([], [])


def test_a_wrong_name_on_the_command_line_is_told_in_one_line_with_the_right_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["run", str(SCENARIOS / "quickstart.yaml"), "--executor", "Processes", "--out", str(out)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "executor: got 'Processes' (did you mean processes?), allowed: auto, sequential, processes, stacked, ray"
    ]
    assert not out.exists()


def test_a_name_without_a_wish_is_a_mistake_of_type(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"^executor: got 'processes', give wirelessfsl.executing.Wish\('processes'\)$"):
        simulate(load_scenario(SCENARIOS / "quickstart.yaml"), tmp_path / "run", "processes")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "rounds", "workers", "executor"),
    [
        ("quickstart", 40, 4, "sequential"),
        ("quickstart", 40_000, 4, "processes"),
        ("quickstart", 40_000, 1, "sequential"),
        ("split_learning", 40_000, 4, "sequential"),
    ],
)
def test_auto_takes_processes_for_much_training_side_by_side_on_several_cores(
    name: str, rounds: int, workers: int, executor: str
) -> None:
    scenario = load_scenario(SCENARIOS / f"{name}.yaml", sets=[f"algorithm.rounds={rounds}"])
    assert chosen(scenario, workers)[0] == executor


def test_an_executor_where_no_kernel_runs_is_refused(tmp_path: Path) -> None:
    scenario = load_scenario(SCENARIOS / "quickstart.yaml", timing_only=True)
    for wish in (Wish("processes", 2), Sequential()):
        with pytest.raises(ValueError, match=r"^executor: no kernel runs where only times are played; leave it out$"):
            simulate(scenario, tmp_path / "run", wish, timing_only=True)
    assert not [*tmp_path.iterdir()]


def test_compiled_passes_that_would_be_stacked_are_refused() -> None:
    scenario = load_scenario(SCENARIOS / "quickstart.yaml")
    compiled = replace(scenario, host=replace(scenario.host, compile=True))
    with (
        pytest.raises(ValueError, match=r"^host\.compile: has no effect on kernels that are stacked"),
        at_work(Wish("stacked"), compiled, timing_only=False),
    ):
        pass


def test_nobody_asked_for_the_default() -> None:
    scenario = load_scenario(SCENARIOS / "quickstart.yaml")
    for wish, told in ((None, "the default"), (Wish("sequential"), "asked for")):
        with at_work(wish, scenario, timing_only=False) as (executor, why):
            assert (type(executor), why) == (Sequential, told)


def test_auto_takes_as_many_workers_as_there_is_memory_for_and_says_so() -> None:
    scenario = load_scenario(SCENARIOS / "quickstart.yaml", sets=["algorithm.rounds=40000"])
    sizes = [needs(Wish("processes", count), scenario).total for count in (1, 2, 3, 4)]
    told = "1.6e+13 FLOPs of training, 4 workers"
    for available, wish in [
        (None, Wish("processes", 4, because=told)),
        (sizes[3], Wish("processes", 4, because=told)),
        (sizes[3] - 1, Wish("processes", 3, because=f"{told}, memory for 3 workers")),
        (sizes[1], Wish("processes", 2, because=f"{told}, memory for 2 workers")),
        (sizes[1] - 1, Wish("sequential", because=f"{told}, but no memory for 2 workers")),
        (1.0, Wish("sequential", because=f"{told}, but no memory for 2 workers")),
    ]:
        assert settled(Wish(workers=4), scenario, available and ceil(available)) == wish
        assert settled(wish, scenario, 1) == wish


def test_a_run_by_auto_goes_where_it_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = load_scenario(SCENARIOS / "quickstart.yaml", sets=["algorithm.rounds=1"])
    monkeypatch.setattr("wirelessfsl.executing.ENOUGH_FLOPS", 1.0)
    monkeypatch.setenv(VARIABLE, "6e8")
    run = simulate(scenario, tmp_path / "run", Wish(workers=4))
    assert run.manifest["executor"] == "sequential"
    assert run.manifest["executor_because"].endswith("but no memory for 2 workers")
    assert run.manifest["memory"]["workers_bytes"] == 0


def test_workers_that_were_asked_for_are_not_told_as_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = load_scenario(SCENARIOS / "quickstart.yaml", sets=["algorithm.rounds=1"])
    monkeypatch.setattr("wirelessfsl.executing.cores", lambda: 8)
    whys = [chosen(scenario, workers)[1] for workers in (None, 3, 1)]
    assert whys == [
        "only 3.9e+08 FLOPs of training, 8 cores",
        "only 3.9e+08 FLOPs of training, 3 workers",
        "1 worker, 10 clients",
    ]


def test_who_asks_for_sequential_on_a_gpu_is_told_why_the_manifest_says_stacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = load_scenario(SCENARIOS / "quickstart.yaml", sets=["host.device=cuda"])
    monkeypatch.setattr("wirelessfsl.executing.Stacked", lambda device, width: Sequential())  # there is no GPU
    for wish, asked in ((None, "the default"), (Wish("sequential"), "asked for")):
        with at_work(wish, scenario, timing_only=False) as (_, why):
            assert why == f"{asked}: sequential, which on cuda is stacks of one kernel"


def test_clients_that_take_no_part_are_not_counted_as_work() -> None:
    whole, third = (
        load_scenario(SCENARIOS / "quickstart.yaml", sets=[f"participation.choice={{kind: random, fraction: {share}}}"])
        for share in (1.0, 0.3)
    )
    assert training_flops(third) == pytest.approx(0.3 * training_flops(whole))
