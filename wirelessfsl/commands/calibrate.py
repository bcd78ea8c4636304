"""Time a model on this machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wirelessfsl.commands.parsing import Commands, count, shape


def add(commands: Commands) -> None:
    parser = commands.add("calibrate", _calibrate, "time a model's pieces on this machine and write a device profile")
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument(
        "--cuts", metavar="CUT", nargs="+", help="cuts whose client pieces the speed is of (default the whole model)"
    )
    parser.add_argument("--batch-size", metavar="N", type=count, default=16, help="samples a batch (default 16)")
    parser.add_argument("--shape", metavar="N,N,...", type=shape, help="of a sample (default 3,32,32; of text 80)")
    parser.add_argument("--classes", metavar="N", type=count, help="classes (default 10; of text 80 characters)")
    parser.add_argument("--repeats", metavar="N", type=count, default=20, help="runs of each pass (default 20)")
    parser.add_argument("--threads", metavar="N", type=count, help="torch threads (default what torch takes)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="profile (default MODEL-profile.yaml)")


def _calibrate(args: argparse.Namespace) -> int:
    from wirelessfsl.calibration import calibrate, cells, document, doubt, spec, threads_of_torch
    from wirelessfsl.results.exports import aligned
    from wirelessfsl.results.store import write_text

    out = args.out or Path(f"{args.model}-profile.yaml")
    if out.suffix not in (".yaml", ".yml"):
        raise ValueError(f"calibrate: --out: got {out}, must end in .yaml")
    if out.exists():
        raise ValueError(f"calibrate: {out} is there already; give another file with --out")
    model = spec(args.model, args.shape, args.classes)
    threads = args.threads or threads_of_torch()
    profile, times = calibrate(model, args.cuts, args.batch_size, max(args.repeats, 2), threads)
    try:
        write_text(out, document(profile, str(out)))
    except OSError as error:
        raise ValueError(f"calibrate: {out}: cannot be written: {error.strerror}") from error
    print(aligned(cells(times)), end="")
    print(f"{profile['measured']['cpu']}, {threads} torch threads: {profile['processor']['flops_per_s']:.4g} FLOP/s;"
          " joules are not measured")  # fmt: skip
    if (spread := max(each.spread_s / each.seconds for each in times)) > 0.2:
        print(f"times spread by up to {spread:.0%}: calibrate again when nothing else runs here", file=sys.stderr)
    if strange := doubt(times):
        cure = "threads may wait for each other: try --threads 1" if threads > 1 else "one speed does not fit both"
        print(f"{strange}; {cure}", file=sys.stderr)
    print(f"profile: {out}")
    return 0
