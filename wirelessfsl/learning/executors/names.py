"""Names of the executors, for who asks for one."""

from __future__ import annotations

EXECUTORS = ("auto", "sequential", "processes", "stacked", "ray")
