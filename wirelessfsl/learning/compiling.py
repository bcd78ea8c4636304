"""Traced passes compiled by torch.compile for the processor that they run on.

The compiler fuses element-wise operations into loops in C++; convolutions and matrix products stay with torch's
library. A pass is compiled when it first runs, for the strides and the number of threads that it meets. What was
compiled is kept in $XDG_CACHE_HOME/wirelessfsl/compiled, without that variable in ~/.cache/wirelessfsl/compiled, for
later runs and other processes; $TORCHINDUCTOR_CACHE_DIR names another place. Left out: passes that draw random numbers,
for the compiler takes no generators, and evaluation.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from shutil import which
from threading import RLock
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from wirelessfsl.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor, fx


class Compiled(NamedTuple):
    """What was compiled.

    passes: how often a pass was. cached: how many of them an earlier run or another process had compiled. seconds: of
    the host that both took. left: passes that stay as they are, for they draw random numbers.
    """

    passes: int = 0
    cached: int = 0
    seconds: float = 0.0
    left: int = 0

    def and_also(self, more: Compiled) -> Compiled:
        """Both together."""
        passes, cached, seconds, left = more
        return Compiled(self.passes + passes, self.cached + cached, self.seconds + seconds, self.left + left)


_untold: Compiled | None = None


def told() -> Compiled | None:
    """What this process has compiled since it was last asked; None if nothing."""
    global _untold
    untold, _untold = _untold, None
    return untold


def tell(more: Compiled) -> None:
    """Let it be told, too."""
    global _untold
    _untold = more if _untold is None else _untold.and_also(more)


def compiled(graph: fx.GraphModule) -> Callable[..., tuple[Tensor, ...]]:
    """The function of a graph, compiled when it is called."""
    from torch._dynamo.utils import counters
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir
    from torch.hub import tqdm  # type: ignore[attr-defined]

    theirs = default_cache_dir()  # where the variable points to once torch has looked, for temporary files
    if os.environ.get("TORCHINDUCTOR_CACHE_DIR", theirs) == theirs:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(_cache())
    if hasattr(tqdm, "set_lock"):  # its own would be one between processes, which a worker that is killed leaves behind
        tqdm.set_lock(RLock())
    function = torch.compile(graph, dynamic=False, fullgraph=True)
    graphs, cache = counters["stats"], counters["inductor"]

    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        passes, cached, begin = graphs["unique_graphs"], cache["fxgraph_cache_hit"], perf_counter()
        results: tuple[Tensor, ...] = function(*tensors)
        if passes < graphs["unique_graphs"]:
            seconds = perf_counter() - begin
            tell(Compiled(graphs["unique_graphs"] - passes, cache["fxgraph_cache_hit"] - cached, seconds))
        return results

    return run


def check_compiler() -> None:
    """Raises ValueError if this machine lacks what it takes to compile; the message says what to install."""
    name = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    if which(name) is None:
        raise ValueError(
            f"host.compile: there is no compiler {name}; install it (apt install g++, xcode-select --install), name"
            " another in the variable CXX, or leave host.compile out"
        )
    if not Path(folder := sysconfig.get_path("include"), "Python.h").exists():
        raise ValueError(
            f"host.compile: there is no Python.h in {folder}; install Python's headers (apt install python3-dev), or"
            " leave host.compile out"
        )


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wirelessfsl" / "compiled"
