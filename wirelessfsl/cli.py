"""The command line. Exit status: 0 done, 1 the run failed, 2 the input is wrong, 130 interrupted.

Each module of ``commands`` declares its own and imports what they need when they run: ``--help``, ``list`` and
``schema`` answer at once.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from wirelessfsl.commands import (
    calibrate,
    check,
    codec,
    compare,
    cuts,
    download,
    inform,
    plot,
    query,
    report,
    run,
    sweep,
    trace,
)
from wirelessfsl.commands.parsing import Commands

COMMANDS = (run, sweep, check, plot, trace, compare, query, report, codec, cuts, calibrate, inform, download)
"""In the order of ``--help``."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        status: int = args.command(args)
    except KeyboardInterrupt as error:
        print("interrupted", *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
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
            print(f"the {'run' if args.command_name == 'run' else 'command'} failed: {error}", file=sys.stderr)
            print("--debug shows where in the code", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wirelessfsl", description="Split and federated learning over a simulated wireless network."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = Commands(parser)
    for each in COMMANDS:
        each.add(commands)
    return parser


class _Version(argparse.Action):
    def __call__(self, *_: Any) -> None:
        from importlib.metadata import version

        print(f"wirelessfsl {version('wirelessfsl')}")
        sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
