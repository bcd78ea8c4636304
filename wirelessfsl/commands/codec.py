"""Measure codecs on tensors."""

from __future__ import annotations

import argparse
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from wirelessfsl.commands.parsing import Commands, load, scenario_options, shape
from wirelessfsl.records import ACTIVATIONS, LABELS

if TYPE_CHECKING:
    from wirelessfsl.scenario import Scenario


def add(commands: Commands) -> None:
    codec = commands.add("codec", _codec, "measure codecs on a tensor: bytes, error, time; without a network")
    codec.add_argument(
        "what", metavar="SCENARIO|CODECS", help="a scenario's codecs, or a kind, or a list such as '[{kind: sign}]'"
    )
    codec.add_argument("--shape", metavar="N,N,...", type=shape, help="of standard normal numbers (default 20,9216)")
    codec.add_argument("--dtype", choices=("float16", "float32", "float64"), help="of these numbers (default float32)")
    codec.add_argument("--file", metavar="X", help="measure the array of a .npy or the arrays of a .safetensors file")
    scenario_options(codec)


def _codec(args: argparse.Namespace) -> int:
    from wirelessfsl.build import messages
    from wirelessfsl.codecs.chain import chain
    from wirelessfsl.codecs.measure import measure, read, sample
    from wirelessfsl.cutting import chosen
    from wirelessfsl.results.exports import aligned
    from wirelessfsl.scenario import dataset_of

    if args.file is not None and (args.shape or args.dtype):
        raise ValueError("codec: give --file, or --shape and --dtype, not both")
    of_scenario = args.what.endswith((".yaml", ".yml"))
    if of_scenario and args.dtype and not args.shape:
        raise ValueError("codec: --dtype is for normal numbers of a --shape, a scenario's messages have their own")
    scenario = load(Path(args.what), args) if of_scenario else _of_codecs(args)
    kinds = scenario.algorithm.messages if of_scenario else (ACTIVATIONS,)
    if not kinds:
        raise ValueError(f"{args.what}: {scenario.algorithm.kind} sends no messages: there is nothing to measure")
    if of_scenario and not (args.file or args.shape or args.dtype):
        held = messages(chosen(scenario)[0], dataset_of(scenario))
    else:
        shape, dtype = args.shape or (20, 9216), args.dtype or "float32"
        given = read(args.file) if args.file is not None else (sample(shape, dtype, scenario.seed),)
        held = {kind: given for kind in kinds if kind != LABELS}
    rows = [("", "numbers", "bytes", "ratio", "error", "encode ms", "decode ms", "FLOPs")]
    for kind, tensors in held.items():
        codecs = getattr(scenario.codecs, kind)
        found = measure(chain(codecs), tensors, scenario.seed)
        body = found.size_bytes - found.header_bytes
        rows.append((
            kind if of_scenario else " ".join(codec.kind for codec in codecs),
            str(sum(x.numel() for x in tensors)), str(found.size_bytes), f"{found.raw_bytes / max(body, 1):.5g}",
            f"{found.relative_error:.2e}", f"{found.encode_s * 1e3:.3f}", f"{found.decode_s * 1e3:.3f}",
            f"{found.encode_flops:.3g} + {found.decode_flops:.3g}",
        ))  # fmt: skip
    print(aligned(rows), end="")
    print("bytes are the whole payload; the ratio is that of the tensors' own bytes to it without its frame;"
          " error is |x - x'| / |x|; ms are this machine's, FLOPs the simulated nodes'")  # fmt: skip
    return 0


def _of_codecs(args: argparse.Namespace) -> Scenario:
    """A scenario with the given codecs for activations: a kind, or a list."""
    from wirelessfsl.scenario import ScenarioError, load_scenario

    given = args.what if args.what.startswith(("[", "{")) else f"[{{kind: {args.what}}}]"
    with as_file(files("wirelessfsl") / "templates" / "minimal.yaml") as path:
        try:
            return load_scenario(path, [f"codecs.activations={given}", *args.set], args.seed, args.allow_code)
        except ScenarioError as error:
            own = f"--set codecs.activations={given} codecs.activations"
            raise ValueError(
                "\n".join(each.replace(own, f"{args.what}: codec", 1) for each in error.problems)
            ) from error
