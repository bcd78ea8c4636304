"""The command line. Exit status: 0 done, 1 the run failed, 2 the input is wrong, 130 interrupted.

Imports wait until a command needs them: ``--help``, ``list`` and ``schema`` answer at once.
"""

from __future__ import annotations

import argparse
import math
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wirelessfsl.records import ACTIVATIONS, LABELS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from wirelessfsl.results.store import Run
    from wirelessfsl.scenario import Scenario

PLOTS = ("latency", "energy", "convergence", "timeline")
"""Of the log of runs."""
NETWORK_PLOTS = ("channel", "topology")
"""Of the network of a scenario, run or not."""
FORMATS = ("pdf", "png", "svg")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        status: int = args.command(args)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except ValueError as error:
        if args.debug:
            traceback.print_exc()
        else:
            print(error, file=sys.stderr)
        return 2
    except Exception as error:
        if args.debug:
            traceback.print_exc()
        else:
            print(f"the {'run' if args.command is _run else 'command'} failed: {error}", file=sys.stderr)
            print("--debug shows where in the code", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wirelessfsl", description="Split and federated learning over a simulated wireless network."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Any, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=function)
        sub.add_argument("--debug", action="store_true", help="show the traceback of a failure")
        return sub

    run = command("run", _run, "run a scenario and write a run folder")
    bound = command("bound", _bound, "run fedsl or splitfed_v1 with its convergence bound, from measured constants")
    for sub in run, bound:
        sub.add_argument("scenario", metavar="SCENARIO", type=Path)
        _scenario_options(sub)
        sub.add_argument("--out", metavar="DIR", type=Path, help="run folder (default runs/<name>/<time>-<digest>)")

    run.add_argument(
        "--timing-only",
        action="store_true",
        help="play it with shapes instead of values: times, bytes and energies, for up to 100,000 devices; no accuracy",
    )

    check = command("check", _check, "tell every problem of scenarios, run nothing")
    check.add_argument("scenarios", metavar="SCENARIO", type=Path, nargs="+")
    _scenario_options(check)

    plot = command("plot", _plot, "draw figures of runs, or of a scenario's network")
    plot.add_argument("runs", metavar="RUN|SCENARIO", type=Path, nargs="+")
    plot.add_argument(
        "--kind",
        choices=PLOTS + NETWORK_PLOTS,
        action="append",
        help=f"which figure (repeatable; default of runs {', '.join(PLOTS)}, of scenarios {', '.join(NETWORK_PLOTS)})",
    )
    plot.add_argument("--format", choices=FORMATS, action="append", help="file format (repeatable; default all)")
    plot.add_argument("--out", metavar="DIR", type=Path, help="folder (default <RUN>/plots, or ./plots for several)")
    plot.add_argument("--round", metavar="N", type=_whole, help="round that timeline shows (default the first)")
    plot.add_argument(
        "--seconds", metavar="S", type=_time, help="time that channel and topology show (default the run's, or 10)"
    )
    _scenario_options(plot)

    compare = command("compare", _compare, "table of runs: accuracy, and time, energy and bytes to a target")
    compare.add_argument("runs", metavar="RUN", type=Path, nargs="+")
    compare.add_argument("--target-accuracy", metavar="A", type=_share, help="in [0, 1]; default: the whole run")

    lister = command("list", _list, "list algorithms, codecs, devices, models and other choices")
    lister.add_argument("what", metavar="WHAT", nargs="?", help="one group only, such as algorithms")

    download = command("download", _download, "fetch mnist, fashion_mnist or cifar10, checked against its checksum")
    download.add_argument("name", metavar="NAME")
    download.add_argument("--to", metavar="DIR", type=Path, help="folder (default $WIRELESSFSL_DATA/NAME or data/NAME)")

    describe = command("describe", _describe, "fields, units and references of anything that list names")
    describe.add_argument("name", metavar="NAME")

    codec = command("codec", _codec, "measure codecs on a tensor: bytes, error, time; without a network")
    codec.add_argument(
        "what", metavar="SCENARIO|CODECS", help="a scenario's codecs, or a kind, or a list such as '[{kind: sign}]'"
    )
    codec.add_argument("--shape", metavar="N,N,...", type=_shape, help="of standard normal numbers (default 20,9216)")
    codec.add_argument("--dtype", choices=("float16", "float32", "float64"), help="of these numbers (default float32)")
    codec.add_argument("--file", metavar="X", help="measure the array of a .npy or the arrays of a .safetensors file")
    _scenario_options(codec)

    cuts = command("cuts", _cuts, "every possible cut: FLOPs of each side, bytes, predicted seconds and joules")
    cuts.add_argument("scenario", metavar="SCENARIO", type=Path)
    _scenario_options(cuts)

    calibrate = command("calibrate", _calibrate, "time a model's pieces on this machine and write a device profile")
    calibrate.add_argument("model", metavar="MODEL")
    calibrate.add_argument(
        "--cuts", metavar="CUT", nargs="+", help="cuts whose client pieces the speed is of (default the whole model)"
    )
    calibrate.add_argument("--batch-size", metavar="N", type=_count, default=16, help="samples a batch (default 16)")
    calibrate.add_argument("--shape", metavar="N,N,...", type=_shape, help="of a sample (default 3,32,32; of text 80)")
    calibrate.add_argument("--classes", metavar="N", type=_count, help="classes (default 10; of text 80 characters)")
    calibrate.add_argument("--repeats", metavar="N", type=_count, default=20, help="runs of each pass (default 20)")
    calibrate.add_argument("--threads", metavar="N", type=_count, help="torch threads (default what torch takes)")
    calibrate.add_argument("--out", metavar="FILE", type=Path, help="profile (default MODEL-profile.yaml)")

    cite = command("cite", _cite, "references (BibTeX) of everything that a scenario uses")
    cite.add_argument("what", metavar="SCENARIO|RUN", type=Path)
    _scenario_options(cite)

    command("schema", _schema, "JSON Schema of a scenario")

    new = command("new", _new, "print a commented scenario to start from")
    new.add_argument("template", metavar="TEMPLATE", nargs="?", default="full", help="full (default) or minimal")
    return parser


class _Version(argparse.Action):
    def __call__(self, *_: Any) -> None:
        from importlib.metadata import version

        print(f"wirelessfsl {version('wirelessfsl')}")
        sys.exit(0)


def _scenario_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set", metavar="PATH=VALUE", action="append", default=[], help="change a value (repeatable)")
    parser.add_argument("--seed", metavar="N", type=_whole, help="another seed than the scenario's")
    parser.add_argument(
        "--allow-code", action="store_true", help="let the scenario import code (kind: my_pkg.mod:Name)"
    )


def _shape(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(size) for size in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, must be numbers with commas, such as 20,9216") from None
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, every size must be at least 1")
    return sizes


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, must be a number from 0 to 1")
    return value


def _count(text: str) -> int:
    if (value := _whole(text)) < 1:
        raise argparse.ArgumentTypeError(f"got {text}, must be at least 1")
    return value


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, must be a whole number") from None


def _time(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"got {text!r}, must be a number > 0")
    return value


def _load(path: Path, args: argparse.Namespace) -> Scenario:
    from wirelessfsl.scenario import load_scenario

    if args.allow_code:
        sys.path.insert(0, str(Path.cwd()))
    return load_scenario(path, args.set, args.seed, args.allow_code, getattr(args, "timing_only", False))


def _download(args: argparse.Namespace) -> int:
    from wirelessfsl.learning.download import DownloadError, download

    try:
        folder = download(args.name, args.to, report=print)
    except DownloadError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{args.name} is in {folder}")
    return 0


def _run(args: argparse.Namespace) -> int:
    from wirelessfsl.api import simulate
    from wirelessfsl.results.closing import closing

    print(closing(_simulated(args, partial(simulate, timing_only=args.timing_only))))
    return 0


def _bound(args: argparse.Namespace) -> int:
    from wirelessfsl.bounding import bounded

    print(_simulated(args, bounded))
    return 0


def _simulated(args: argparse.Namespace, simulate: Any) -> Any:
    from wirelessfsl.economy import planned
    from wirelessfsl.progress import ProgressLine

    scenario, why = planned(_load(args.scenario, args))
    if why:
        print(why, file=sys.stderr)
    with ProgressLine(sys.stderr.isatty()) as progress:
        return simulate(scenario, args.out, report=progress, notice=lambda line: print(line, file=sys.stderr))


def _check(args: argparse.Namespace) -> int:
    from wirelessfsl.scenario import ScenarioError

    status = 0
    for path in args.scenarios:
        try:
            _load(path, args)
            print(f"{path}: ok")
        except ScenarioError as error:
            print(error, file=sys.stderr)
            status = 2
    return status


def _open(paths: Sequence[Path]) -> list[Run]:
    """The runs, without those that repeat another: it is said which, and that they count once."""
    from wirelessfsl.results.groups import once
    from wirelessfsl.results.store import open_run

    runs, repeats = once([open_run(path) for path in paths])
    for run, counted in repeats:
        same = run.path.resolve() == counted.path.resolve()
        why = "given more than once" if same else f"same scenario and seed as {counted.path}"
        print(f"{run.path}: {why}; counted once", file=sys.stderr)
    return runs


def _plot(args: argparse.Namespace) -> int:
    scenarios = [path for path in args.runs if path.suffix in (".yaml", ".yml")]
    folders = [path for path in args.runs if path not in scenarios]
    kinds = args.kind or (PLOTS if folders else NETWORK_PLOTS)
    of_log = [kind for kind in kinds if kind in PLOTS]
    if scenarios and of_log:
        raise ValueError(
            f"{scenarios[0]}: has not been run; {of_log[0]} is of a run folder, channel and topology are not"
        )
    if args.round is not None and "timeline" not in kinds:
        raise ValueError(f"plot: --round is a knob of timeline, not of {', '.join(kinds)}; leave it out")
    if args.seconds is not None and len(of_log) == len(kinds):
        raise ValueError(f"plot: --seconds is a knob of channel and topology, not of {', '.join(kinds)}; leave it out")
    if (args.set or args.seed is not None) and not scenarios:
        raise ValueError("plot: --set and --seed are for scenarios, a run is as it was; leave them out")
    runs = _open(folders) if folders else []
    from wirelessfsl.results.groups import told_apart
    from wirelessfsl.results.plots import KINDS, save, shown_round, timeline
    from wirelessfsl.scenario.problems import ScenarioError

    if args.round is not None:
        for run in runs:
            shown_round(run, args.round)
    given = [*(run.path for run in runs), *scenarios]
    folder = args.out or (runs[0].path / "plots" if len(runs) == len(given) == 1 else Path("plots"))
    named = [
        *zip(told_apart([path.with_suffix("") if path in scenarios else path for path in given]), given, strict=True)
    ]
    files, empty = 0, []

    def drawn(kind: str) -> dict[str, Callable[[], Figure]]:
        """The figures of a kind, by name."""
        if kind in NETWORK_PLOTS:
            return {
                kind if len(given) == 1 else f"{kind}-{name}": partial(_network, kind, path, args)
                for name, path in named
            }
        if kind == "timeline":
            each = zip(named, runs, strict=True)
            return {
                kind if len(runs) == 1 else f"{kind}-{name}": partial(timeline, [run], args.round)
                for (name, _), run in each
            }
        return {kind: partial(KINDS[kind], runs)}

    for kind in kinds:
        for name, draw in drawn(kind).items():
            try:
                figure = draw()
            except ScenarioError:  # of all its figures: told once
                raise
            except ValueError as error:
                if args.kind:
                    raise ValueError(f"{name}: {error}") from error
                empty.append(f"{name}: {error}")
                continue
            for file in save(figure, folder / name, args.format or FORMATS):
                print(file)
                files += 1
    if not files:
        raise ValueError("\n".join(empty))
    for line in empty:
        print(f"left out {line}", file=sys.stderr)
    return 0


def _network(kind: str, path: Path, args: argparse.Namespace) -> Figure:
    """A figure of the network of a scenario, from its file or from the folder of its run."""
    from wirelessfsl.economy import planned
    from wirelessfsl.results.store import open_run
    from wirelessfsl.viewing import KINDS

    if not path.is_dir():
        return KINDS[kind](planned(_load(path, args))[0], args.seconds or 10.0)
    seconds = args.seconds or open_run(path).summary["simulated_s"] or 10.0
    return KINDS[kind](_load(path / "scenario.yaml", args), seconds)


def _compare(args: argparse.Namespace) -> int:
    from wirelessfsl.results.tables import as_rich, as_text, compare

    rows = compare(_open(args.runs), args.target_accuracy)
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(as_rich(rows))
    else:
        print(as_text(rows), end="")
    return 0


def _list(args: argparse.Namespace) -> int:
    from wirelessfsl.catalogue import listing

    print(listing(args.what))
    return 0


def _describe(args: argparse.Namespace) -> int:
    from wirelessfsl.catalogue import describe

    print(describe(args.name))
    return 0


def _schema(args: argparse.Namespace) -> int:
    import json

    from wirelessfsl.scenario import schema

    print(json.dumps(schema(), indent=2))
    return 0


def _codec(args: argparse.Namespace) -> int:
    from wirelessfsl.build import messages
    from wirelessfsl.codecs.chain import chain
    from wirelessfsl.codecs.measure import measure, read, sample
    from wirelessfsl.cutting import chosen
    from wirelessfsl.results.tables import aligned
    from wirelessfsl.scenario import dataset_of

    if args.file is not None and (args.shape or args.dtype):
        raise ValueError("codec: give --file, or --shape and --dtype, not both")
    of_scenario = args.what.endswith((".yaml", ".yml"))
    if of_scenario and args.dtype and not args.shape:
        raise ValueError("codec: --dtype is for normal numbers of a --shape, a scenario's messages have their own")
    scenario = _load(Path(args.what), args) if of_scenario else _of_codecs(args)
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


def _cuts(args: argparse.Namespace) -> int:
    scenario = _load(args.scenario, args)
    from wirelessfsl.cutting import cells
    from wirelessfsl.results.tables import aligned

    print(aligned(cells(scenario)), end="")
    print("FLOPs and bytes are of one batch of a client, bytes after the codecs; s and J are predicted, of a round and"
          " of a client in it")  # fmt: skip
    return 0


def _calibrate(args: argparse.Namespace) -> int:
    from wirelessfsl.calibration import calibrate, cells, document, doubt, spec, threads_of_torch
    from wirelessfsl.results.store import write_text
    from wirelessfsl.results.tables import aligned

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


def _cite(args: argparse.Namespace) -> int:
    from wirelessfsl.citing import cite
    from wirelessfsl.results.store import open_run
    from wirelessfsl.scenario import resolve

    print(cite(open_run(args.what).scenario if args.what.is_dir() else resolve(_load(args.what, args))))
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


def _new(args: argparse.Namespace) -> int:
    folder = files("wirelessfsl") / "templates"
    names = sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))
    if args.template not in names:
        raise ValueError(f"new: got {args.template!r}, allowed: {', '.join(names)}")
    print((folder / f"{args.template}.yaml").read_text(encoding="utf-8"), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
