"""Run the points of a study."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from wirelessfsl.commands.parsing import Commands, count, tracker_options, trackers, whole


def add(commands: Commands) -> None:
    sweep = commands.add("sweep", _sweep, "run every point of a study, in parallel; finished points are skipped")
    sweep.add_argument("study", metavar="STUDY", type=Path)
    sweep.add_argument("--jobs", metavar="N", type=count, help="processes at once (default as many as cores)")
    sweep.add_argument("--out", metavar="DIR", type=Path, help="folder of runs and table (default runs/<name>)")
    sweep.add_argument(
        "--set", metavar="PATH=VALUE", action="append", default=[], help="change a value of every point (repeatable)"
    )
    sweep.add_argument("--engine", choices=("local", "ray"), default="local", help="where points run (default local)")
    sweep.add_argument("--address", metavar="ADDRESS", help="of a Ray cluster (default a Ray on this machine)")
    sweep.add_argument(
        "--retries", metavar="N", type=whole, default=1, help="further tries of a point whose worker dies (default 1)"
    )
    sweep.add_argument("--timing-only", action="store_true", help="play points with shapes instead of values, see run")
    sweep.add_argument("--dry-run", action="store_true", help="list the points and run nothing")
    sweep.add_argument("--allow-code", action="store_true", help="let scenarios import code (kind: my_pkg.mod:Name)")
    tracker_options(sweep)


def _sweep(args: argparse.Namespace) -> int:
    if args.engine != "ray" and args.address:
        raise ValueError("sweep: --address is a knob of --engine ray; leave it out")
    if args.jobs and args.address:
        raise ValueError("sweep: the cluster says how many points run at once; leave --jobs or --address out")
    if args.retries < 0:
        raise ValueError(f"sweep: --retries: got {args.retries}, must be at least 0")
    from wirelessfsl.forking import fork_server
    from wirelessfsl.learning.threads import cores
    from wirelessfsl.studies.local import local
    from wirelessfsl.studies.study import load_study

    if args.allow_code:
        sys.path.insert(0, str(Path.cwd()))
    if args.engine == "local" and not args.dry_run:
        fork_server()
    study = load_study(args.study, args.out, args.set, args.allow_code, args.timing_only)
    for name, first in study.repeats.items():
        print(f"{name}: equal to {first}; counted once", file=sys.stderr)
    if others := {*study.folders.values()} - {point.path for point in study.points} if not study.search else ():
        told = f"{len(others)} other run folder{'s' * (len(others) > 1)}, of no point"
        print(f"{study.out}: has {told}; what reads the whole folder counts them, too", file=sys.stderr)
    from wirelessfsl.results.exports import aligned
    from wirelessfsl.studies.table import Table

    if args.dry_run and study.search:
        each = max(len(study.search.seeds), 1)
        print(
            f"{study.file}: ok; {study.search.trials} trials of {each} point{'s' * (each > 1)}, chosen as they come in"
        )
        return 0
    if args.dry_run:
        columns = ("name", "status", "path")
        listed = [[row[column] for column in columns] for row in Table(study).rows.values()]
        print(aligned([columns, *listed], left=range(3)), end="")
        return 0
    followed = trackers(args)
    for tracker in followed:
        tracker.check()
    from wirelessfsl.rays import library
    from wirelessfsl.studies.cluster import cluster
    from wirelessfsl.studies.display import Block, Lines
    from wirelessfsl.studies.sweeping import sweep

    jobs = args.jobs or cores()
    if args.engine == "ray":
        library("--engine ray")  # or the study's folder would be made in vain
        at_once = None if args.address else jobs
        engine = partial(cluster, jobs=at_once, retries=args.retries, address=args.address, trackers=followed)
    else:
        engine = partial(local, jobs=jobs, retries=args.retries, trackers=followed)
    with Block() if sys.stderr.isatty() else Lines() as show:
        if study.search:
            from wirelessfsl.studies.optimising import optimise

            trials = optimise(study, engine, show)
        else:
            table = sweep(study, engine, show)
    if study.search:
        from wirelessfsl.studies.trials import outcome, trial_rows

        print(outcome(study.search, trial_rows(study.search, trials)), end="")
        print(f"table: {study.out / 'trials.csv'}")
        return int(any(trial.status == "failed" for trial in trials))
    finished = sum(map(table.finished, study.points))
    print(f"{finished} of {len(study.points)} points finished; table: {study.out / 'points.csv'}")
    return int(finished < len(study.points))
