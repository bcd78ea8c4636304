"""Traces: values, changes and integrals of step functions by hand, both formats, and what is wrong with a file."""

from __future__ import annotations

from math import inf, nextafter
from pathlib import Path

import pytest

from wirelessfsl.network.traces import AtEnd, Steps, TraceEnded, read_latencies, read_rates

ROWS = "time_s,rate_bit_s\n1.5,10\n2.5,40\n4.5,0\n"
"""From 0 to 1 s 10 bit/s, to 3 s 40, to 5 s nothing: 90 bits in 5 s."""


def written(folder: Path, text: str, name: str = "trace.csv") -> str:
    file = folder / name
    file.write_text(text)
    return str(file)


def rates(folder: Path, text: str, at_end: AtEnd = "loop") -> Steps:
    (steps,) = read_rates([written(folder, text)], "uplink", "csv", 1.0, at_end).values()
    return steps


@pytest.mark.parametrize("rounds", [0, 1, 7, 1000])
def test_a_trace_that_loops_has_its_values_and_changes_in_every_round(rounds: int, tmp_path: Path) -> None:
    steps, begin_s = rates(tmp_path, ROWS), 5.0 * rounds
    for after_s, value, change_s in [(0.0, 10, 1.0), (0.9, 10, 1.0), (1.0, 40, 3.0), (3.0, 0, 5.0), (4.9, 0, 5.0)]:
        assert steps.value(begin_s + after_s) == value
        assert steps.next_change_s(begin_s + after_s) == begin_s + change_s
    assert steps.integral(0.0, begin_s + 2.0) == pytest.approx(90.0 * rounds + 50.0)
    assert steps.integral(begin_s + 0.5, begin_s + 6.0) == pytest.approx(5.0 + 80.0 + 10.0)
    assert steps.mean == 18.0


def test_changes_that_are_no_round_numbers_are_met_exactly() -> None:
    steps = Steps([0.1 * k for k in range(7)], [*range(7)], 0.7, "loop", "x")
    time_s, seen = 0.0, [0.0]
    for _ in range(700):
        change_s = steps.next_change_s(time_s)
        assert change_s > time_s
        assert steps.value(nextafter(change_s, 0.0)) == seen[-1]
        seen.append(steps.value(change_s))
        time_s = change_s
    assert seen == [k % 7 for k in range(701)]
    assert time_s == pytest.approx(70.0)


def test_a_trace_that_holds_keeps_its_last_value(tmp_path: Path) -> None:
    steps = rates(tmp_path, ROWS + "5,7\n", at_end="hold")
    assert [steps.value(time_s) for time_s in (2.9, 3.2, 3.5, 99.0)] == [40, 0, 7, 7]
    assert [steps.next_change_s(time_s) for time_s in (3.2, 3.5, 99.0)] == [3.5, inf, inf]
    assert steps.integral(2.0, 103.5) == pytest.approx(40.0 + 700.0)


def test_a_trace_that_stops_says_so_at_its_end(tmp_path: Path) -> None:
    steps = rates(tmp_path, ROWS, at_end="stop")
    assert (steps.value(4.9), steps.next_change_s(4.9), steps.integral(0.0, 5.0)) == (0, 5.0, 90.0)
    with pytest.raises(
        TraceEnded, match=r"trace.csv ends after 5 s: give a longer one, or set network.medium.at_end to"
    ):
        steps.value(5.0)


@pytest.mark.parametrize("at_end", ["loop", "hold", "stop"])
def test_a_single_row_is_constant(at_end: AtEnd, tmp_path: Path) -> None:
    steps = rates(tmp_path, "time_s,rate_bit_s\n100,8\n", at_end)
    assert (steps.value(1e9), steps.next_change_s(5.0), steps.integral(3.0, 5.0), steps.mean) == (8, inf, 16, 8)


def test_directions_and_devices_of_one_file_are_told_apart(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "time_s,direction,device,rate_bit_s\n0,uplink,a,1\n0,downlink,a,2\n0,,b,3\n1,uplink,a,4\n1,downlink,a,5\n",
    )
    up, down = (read_rates([file], way, "csv", 1.0, "loop") for way in ("uplink", "downlink"))  # type: ignore[arg-type]
    assert [[each.value(time_s) for each in (up["a"], down["a"], up["b"])] for time_s in (0.5, 1.5)] == [
        [1, 2, 3],
        [4, 5, 3],
    ]
    assert down["b"].value(0.0) == 3


def test_latencies_may_be_zero_for_ever(tmp_path: Path) -> None:
    file = written(tmp_path, "time_s,latency_s\n0,0.5\n1,0\n")
    (steps,) = read_latencies([file], "downlink", "hold").values()
    assert (steps.value(0.0), steps.value(50.0)) == (0.5, 0.0)


PACKETS = "0\n3\n10\n10\n11\n25\n"
"""Packets that can leave in ms: four up to 10 ms, one up to 20 ms, one in the last 5 ms."""


def test_packets_of_1500_bytes_become_rates_of_bins_and_none_is_lost(tmp_path: Path) -> None:
    file = written(tmp_path, PACKETS, "trace.up")
    (steps,) = read_rates([file], "uplink", "mahimahi", 0.01, "loop").values()
    assert [steps.value(time_s) for time_s in (0.0, 0.01, 0.02, 0.025)] == pytest.approx([4.8e6, 1.2e6, 2.4e6, 4.8e6])
    assert [steps.next_change_s(time_s) for time_s in (0.0, 0.02)] == [0.01, 0.025]
    for end_s, packets in (0.01, 4), (0.02, 5), (0.025, 6), (0.05, 12), (2.5, 600):
        assert steps.integral(0.0, end_s) == pytest.approx(12_000 * packets)
    assert steps.mean == pytest.approx(6 * 12_000 / 0.025)


@pytest.mark.parametrize("bin_s", [0.001, 0.004, 0.05, 1.0])
def test_bins_do_not_change_how_much_can_leave(bin_s: float, tmp_path: Path) -> None:
    file = written(tmp_path, PACKETS, "trace.up")
    (steps,) = read_rates([file], "uplink", "mahimahi", bin_s, "loop").values()
    assert steps.integral(0.0, 0.025) == pytest.approx(6 * 12_000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time_s,rate_bit_s\n0,1\n1,-2\n", "trace.csv:3: rate_bit_s: got -2, must be >= 0"),
        ("time_s,rate_bit_s\n0,1\n1,fast\n", "trace.csv:3: rate_bit_s: got 'fast', must be a number"),
        ("time_s,rate_bit_s\n3,1\n# later\n3,2\n", "trace.csv:4: time_s: got 3, must be > 3, the time before"),
        ("time_s,direction,rate_bit_s\n0,up,1\n", "trace.csv:2: direction: got 'up', allowed: uplink, downlink"),
        ("time_s,direction,rate_bit_s\n0,downlink,1\n", "trace.csv: has no rows of direction uplink"),
        ("time_s,rate_bit_s\n0,5\n1,0\n", "trace.csv: ends with a rate of 0 for ever, must have one > 0"),
        (
            "time_s,rate\n0,5\n",
            "trace.csv:1: got the headings time_s,rate, must have time_s,rate_bit_s (missing: rate_b",
        ),
    ],
)
def test_a_csv_file_with_a_mistake_is_refused_with_file_and_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="csv") as caught:
        rates(tmp_path, text, at_end="hold")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": must have a line after the instant 0"),
        ("0\n0\n", ": must have a line after the instant 0"),
        ("1\n5\n3\n", ":3: got '3', must be whole milliseconds, at least 5"),
        ("1\n\n2\n", ":2: got '', must be whole milliseconds, at least 1"),
        ("0.5\n", ":1: got '0.5', must be whole milliseconds, at least 0"),
    ],
)
def test_a_packet_trace_with_a_mistake_is_refused_with_file_and_line(text: str, message: str, tmp_path: Path) -> None:
    file = written(tmp_path, text, "trace.up")
    with pytest.raises(ValueError, match=r"trace\.up") as caught:
        read_rates([file], "uplink", "mahimahi", 0.05, "loop")
    assert str(caught.value) == file + message


def test_a_device_in_two_files_is_refused(tmp_path: Path) -> None:
    files = [written(tmp_path, "time_s,device,rate_bit_s\n0,a,1\n", name) for name in ("x.csv", "y.csv")]
    with pytest.raises(ValueError, match=r"^a: is in more than one file, must be in one$"):
        read_rates(files, "uplink", "csv", 1.0, "loop")
