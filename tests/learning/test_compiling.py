"""Compiled passes: which are, what is told of it, and that they compute what the others do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from wirelessfsl import lazy
from wirelessfsl.learning.compiling import Compiled, check_compiler, compiled, tell, told
from wirelessfsl.learning.kernels import backward, forward, serve
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.stage import initial_parts, split

MLP = ModelSpec("mlp", (1, 4, 4), 3)
DROPPING = ModelSpec("femnist_cnn", (1, 12, 12), 3)
IMPORTS = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


def step(model: ModelSpec, cut: str, compiled: bool) -> tuple[torch.Tensor, ...]:
    """Parameters of both halves after one step from the same begin, on the same four samples."""
    stages, rule = split(model, (cut,), compiled), SGD(lr=0.1)
    client, server = (part.begin(rule, 0) for part in initial_parts(stages, 1))
    random = torch.Generator().manual_seed(2)
    x, y = torch.randn(4, *model.shape, generator=random), torch.tensor([0, 1, 2, 1])
    with torch.inference_mode():
        client, smashed, tape = forward(stages[0], client, x)
        server, gradient, _ = serve(stages[1], rule, server, smashed, y)
        return (*backward(stages[0], rule, client, tape, x, gradient).params, *server.params)


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Graphs that were given to the compiler, which does nothing."""
    graphs: list[Any] = []

    def compile(graph: Any, **_: Any) -> Callable[..., Any]:
        graphs.append(graph)
        return graph.forward  # type: ignore[no-any-return]

    monkeypatch.setattr(lazy.torch, "compile", compile)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "unused")
    return graphs


@IMPORTS
def test_passes_are_compiled_where_they_should_be_and_nowhere_else(handed_over: list[Any]) -> None:
    plain = step(MLP, "fc1", compiled=False)
    assert not handed_over
    assert all(map(torch.equal, step(MLP, "fc1", compiled=True), plain))
    assert len(handed_over) == 3  # forward, backward and the server's pass
    step(MLP, "fc1", compiled=True)
    step(MLP, "fc1", compiled=False)
    assert len(handed_over) == 3


@IMPORTS
def test_passes_with_random_numbers_stay_as_they_are_and_are_told(handed_over: list[Any]) -> None:
    told()
    plain = step(DROPPING, "dense", compiled=False)
    assert told() is None
    assert all(map(torch.equal, step(DROPPING, "dense", compiled=True), plain))
    assert told() == Compiled(left=2)  # there is dropout on both sides of the cut
    assert len(handed_over) == 1  # the backward pass draws nothing


@IMPORTS
def test_what_is_compiled_is_kept_with_the_users_other_caches(
    handed_over: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", default_cache_dir())  # as torch itself sets it when it is imported
    graph = torch.fx.symbolic_trace(torch.nn.Identity())
    for folder in (tmp_path / "wirelessfsl" / "compiled", tmp_path / "elsewhere"):
        compiled(graph)
        assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(folder)
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "elsewhere"))


def test_what_was_compiled_is_told_once() -> None:
    told()
    tell(Compiled(passes=2, cached=1, seconds=0.5))
    tell(Compiled(passes=1, cached=1, seconds=0.25, left=1))
    assert told() == Compiled(passes=3, cached=2, seconds=0.75, left=1)
    assert told() is None


def test_a_machine_without_compiler_or_headers_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    check = "wirelessfsl.learning.compiling"
    monkeypatch.setenv("CXX", "nowhere++")
    with pytest.raises(ValueError, match=r"^host.compile: there is no compiler nowhere\+\+; install it \(apt"):
        check_compiler()
    monkeypatch.setattr(f"{check}.which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(f"{check}.sysconfig.get_path", lambda name: "/nowhere")
    with pytest.raises(ValueError, match=r"^host.compile: there is no Python.h in /nowhere; install Python's headers"):
        check_compiler()


RUN = """
import json, sys
from pathlib import Path
from wirelessfsl import load_scenario, simulate
from wirelessfsl.executing import Wish
from wirelessfsl.results.closing import closing

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    runs = {}
    wishes = {"plain": Wish("sequential"), "one": Wish("sequential"), "two": Wish("processes", 2)}
    for name in sys.argv[3:]:
        compiled = name != "plain"
        scenario = load_scenario(folder / "s.yaml", [f"host.compile={str(compiled).lower()}"])
        run = simulate(scenario, folder / sys.argv[2] / name, wishes[name])
        runs[name] = run.manifest.get("compiled")
        assert ("passes in" in closing(run)) == compiled
    print(json.dumps(runs))
"""
SCENARIO = """
data: {name: digits, clients: 3}
model: {name: small_cnn, cuts: [block1]}
algorithm: {kind: splitfed_v1, rounds: 2, local_steps: 3, batch_size: 8}
"""


@pytest.mark.slow
def test_compiled_runs_have_the_same_events_nearly_the_same_weights_and_are_the_same_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file

    from wirelessfsl import open_run

    (tmp_path / "s.yaml").write_text(SCENARIO)
    (tmp_path / "run.py").write_text(RUN)

    def played(name: str, *runs: str) -> dict[str, dict[str, float]]:
        command = [sys.executable, tmp_path / "run.py", tmp_path, name, *runs]
        done = subprocess.run(command, capture_output=True, check=True)
        assert b"leaked" not in done.stderr
        found: dict[str, dict[str, float]] = json.loads(done.stdout)
        return found

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    cold, warm = played("cold", "plain", "one", "two"), played("warm", "one", "two")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "other"))
    played("other", "one")
    assert cold["plain"] is None
    assert cold["one"]["passes"] > cold["one"]["cached"]
    assert warm["one"]["passes"] == warm["one"]["cached"] >= 3
    assert warm["two"]["passes"] == warm["two"]["cached"] >= 6  # each of two workers its own

    def weights(name: str) -> dict[str, torch.Tensor]:
        held: dict[str, torch.Tensor] = load_file(tmp_path / name / "model.safetensors")
        return held

    plain = weights("cold/plain")
    for name in "cold/one", "cold/two", "warm/one", "warm/two", "other/one":
        assert open_run(tmp_path / name).events.equals(open_run(tmp_path / "cold/plain").events)
        for key, tensor in weights(name).items():
            torch.testing.assert_close(tensor, plain[key], rtol=1e-5, atol=1e-6)
            assert torch.equal(tensor, weights("cold/one")[key])
