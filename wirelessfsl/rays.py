"""Connecting to Ray, which runs work on a cluster, or on this machine alone."""

from __future__ import annotations

from logging import WARNING
from socket import create_connection
from typing import Any

_ANSWER_S = 10.0


def library(asked: str) -> Any:
    """Ray.

    asked: what the user asked for that needs it.

    Raises ValueError if it is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise ValueError(f"{asked} needs Ray: pip install 'wirelessfsl[ray]'") from error
    return ray


def connect(ray: Any, address: str | None, cpus: int | None) -> None:
    """Connect this process to a cluster, or without an address to a Ray of this machine alone that begins now.

    cpus: tasks at once of a Ray that begins now; by default as many as there are cores.

    Raises ValueError if the address does not answer.
    """
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    try:
        if port.isdecimal():  # Ray itself would wait for minutes
            create_connection((host, int(port)), timeout=_ANSWER_S).close()
        ray.init(
            address=address or "local",
            num_cpus=cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=WARNING,
        )
    except (OSError, ValueError) as error:
        remedy = "give HOST:PORT of a cluster's head, or leave it out"
        raise ValueError(f"--address: no Ray answers at {address}: {error}; {remedy}") from error
