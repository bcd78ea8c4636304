"""What a run was made with: versions of packages, commit, host."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("wirelessfsl", "torch", "numpy", "scipy", "scikit-learn", "simpy", "pyarrow", "pydantic")


def provenance() -> dict[str, Any]:
    """What the run was made with: versions, commit, host."""
    return {
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": versions(),
        "git_commit": _git_commit(),
        "host": {"system": platform.platform(), "machine": platform.machine(), "cores": os.cpu_count()},
    }


def versions() -> dict[str, str]:
    """Versions of the packages that a run's numbers depend on."""
    return {name: found for name in _PACKAGES if (found := _version(name))}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Commit of the checkout that this package is run from, if it is one."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
