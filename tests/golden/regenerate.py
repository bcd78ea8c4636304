"""Rewrite the golden files: ``python -m tests.golden.regenerate [NAME ...]``.

A golden that changes is a result that changes for every user, so say in the commit's message which and why.
"""

from __future__ import annotations

import json
import sys

from tests.golden.golden import FOLDER, NAMES, facts


def main(names: list[str]) -> None:
    changed = []
    for name in names or NAMES:
        path, new = FOLDER / f"{name}.json", json.dumps(facts(name), indent=1) + "\n"
        old = path.read_text() if path.exists() else ""
        if new != old:
            path.write_text(new)
            before = json.loads(old or "{}")
            changed.append(f"{name}: {', '.join(k for k, v in json.loads(new).items() if before.get(k) != v)}")
    print("\n".join(changed) or "nothing changed")
    if changed:
        print("Say in the commit's message why these results change.")


if __name__ == "__main__":
    main(sys.argv[1:])
