"""Fetch a data set."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wirelessfsl.commands.parsing import Commands


def add(commands: Commands) -> None:
    parser = commands.add("download", _download, "fetch mnist, fashion_mnist or cifar10, checked against its checksum")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--to", metavar="DIR", type=Path, help="folder (default $WIRELESSFSL_DATA/NAME or data/NAME)")


def _download(args: argparse.Namespace) -> int:
    from wirelessfsl.learning.download import DownloadError, download

    try:
        folder = download(args.name, args.to, report=print)
    except DownloadError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{args.name} is in {folder}")
    return 0
