"""A server that forks worker processes which have torch loaded, so that a worker costs a fork and not an import."""

from __future__ import annotations

import signal
from multiprocessing import get_context, resource_tracker
from multiprocessing.context import ForkServerContext
from multiprocessing.forkserver import ensure_running

PRELOADED = (
    "wirelessfsl.studies.local",
    "wirelessfsl.learning.executors.worker",
    "pyarrow.compute",
    "safetensors.torch",
    "sklearn.datasets",
    "torch._dynamo",
    "torch.fx.experimental.proxy_tensor",
)
"""The workers' own modules, and what runs import, some of it only when they are under way."""


def fork_server() -> ForkServerContext:
    """Start the server, if there is none; it loads its modules while this process goes on, deaf to Ctrl-C."""
    context = get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED])
    resource_tracker.ensure_running()  # or the server starts it and lets Ctrl-C in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context
