"""What the host can give: what is free of it or of the control group, if that is less."""

from __future__ import annotations

from pathlib import Path

import pytest

from wirelessfsl.ram import VARIABLE, available_bytes, resident_bytes

PAGE_FILE = "4000 1000 500 1 0 1500 0\n"
MEMORY = "MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:   12000 kB\nHugePages_Total:       0\n"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with 12,000 KiB free, and a process of no size."""
    monkeypatch.delenv(VARIABLE, raising=False)
    put(tmp_path, {"proc/meminfo": MEMORY, "proc/self/statm": "0 0 0 0 0 0 0\n", "proc/self/cgroup": ""})
    return tmp_path


def put(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def group(root: Path, folder: str, version: int, limit: str, usage: int, inactive: int = 0) -> None:
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    stat = f"anon 5\n{'inactive_file' if version == 2 else 'total_inactive_file'} {inactive}\n"
    put(root, {f"{folder}/{name}": text for name, text in zip(names, (limit, str(usage)), strict=True)})
    put(root, {f"{folder}/memory.stat": stat})


def test_without_control_groups_it_is_what_the_host_has_free(host: Path) -> None:
    assert available_bytes(host) == 12000 * 1024


def test_what_the_process_has_already_is_its_own(host: Path) -> None:
    put(host, {"proc/self/statm": PAGE_FILE})
    assert resident_bytes(host) > 0
    assert available_bytes(host) == 12000 * 1024 + resident_bytes(host)


def test_the_tightest_group_from_ones_own_to_the_top_counts(host: Path) -> None:
    put(host, {"proc/self/cgroup": "0::/jobs/mine\n"})
    group(host, "sys/fs/cgroup/jobs/mine", 2, "max", 3000)
    group(host, "sys/fs/cgroup/jobs", 2, "9000000", 4000000, inactive=500000)
    assert available_bytes(host) == 9000000 - 4000000 + 500000


def test_groups_of_the_first_version(host: Path) -> None:
    put(host, {"proc/self/cgroup": "9:name=systemd:/\n4:memory:/job\n1:cpu:/\n0::/\n"})
    group(host, "sys/fs/cgroup/memory", 1, str(2**63 - 4096), 10**9)
    group(host, "sys/fs/cgroup/memory/job", 1, "7000000", 1000000)
    assert available_bytes(host) == 6000000


def test_a_group_that_is_full_leaves_nothing(host: Path) -> None:
    put(host, {"proc/self/cgroup": "0::/job\n"})
    group(host, "sys/fs/cgroup/job", 2, "1000", 4000)
    assert available_bytes(host) == 0


def test_the_environment_has_the_last_word(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "3e9")
    assert available_bytes(host) == 3 * 10**9
    for wrong in ("plenty", "0", "-4e9", "inf"):
        monkeypatch.setenv(VARIABLE, wrong)
        with pytest.raises(ValueError, match=f"WIRELESSFSL_MEMORY_BYTES: got '{wrong}', must be a number of bytes"):
            available_bytes(host)
