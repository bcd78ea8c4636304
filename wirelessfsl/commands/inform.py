"""Tell what there is and what it means: lists, descriptions, references, the schema, templates."""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

from wirelessfsl.commands.parsing import Commands, load, scenario_options


def add(commands: Commands) -> None:
    lister = commands.add("list", _list, "list algorithms, codecs, devices, models and other choices")
    lister.add_argument("what", metavar="WHAT", nargs="?", help="one group only, such as algorithms")
    describe = commands.add("describe", _describe, "fields, units and references of anything that list names")
    describe.add_argument("name", metavar="NAME")
    cite = commands.add("cite", _cite, "references (BibTeX) of everything that a scenario uses")
    cite.add_argument("what", metavar="SCENARIO|RUN", type=Path)
    scenario_options(cite)

    commands.add("schema", _schema, "JSON Schema of a scenario")

    new = commands.add("new", _new, "print a commented scenario to start from")
    new.add_argument("template", metavar="TEMPLATE", nargs="?", default="full", help="full (default) or minimal")


def _list(args: argparse.Namespace) -> int:
    from wirelessfsl.catalogue import listing

    print(listing(args.what))
    return 0


def _describe(args: argparse.Namespace) -> int:
    from wirelessfsl.catalogue import describe

    print(describe(args.name))
    return 0


def _cite(args: argparse.Namespace) -> int:
    from wirelessfsl.citing import cite
    from wirelessfsl.results.store import open_run
    from wirelessfsl.scenario import resolve

    print(cite(open_run(args.what).scenario if args.what.is_dir() else resolve(load(args.what, args))))
    return 0


def _schema(args: argparse.Namespace) -> int:
    import json

    from wirelessfsl.scenario import schema

    print(json.dumps(schema(), indent=2))
    return 0


def _new(args: argparse.Namespace) -> int:
    folder = files("wirelessfsl") / "templates"
    names = sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))
    if args.template not in names:
        raise ValueError(f"new: got {args.template!r}, allowed: {', '.join(names)}")
    print((folder / f"{args.template}.yaml").read_text(encoding="utf-8"), end="")
    return 0
