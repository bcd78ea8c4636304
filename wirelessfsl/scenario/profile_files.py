"""Device profiles of one's own: ``profile: my-laptop.yaml`` names a file of keys of a device group.

Its keys are the group's, or the server's, unless these give them: ``processor`` and ``radio``, and ``profile`` for a
device of the catalogue that has the rest. What ``wirelessfsl calibrate`` writes is such a file, with a record
(``measured``) of where its figures are from, which is not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as File
from typing import Any

from wirelessfsl.scenario.problems import Problem, near
from wirelessfsl.scenario.reading import MappingNode, Reader, YAMLError, compose, reason

_KEYS = "profile", "processor", "radio"
_RECORD = "description", "measured"
_ENDS = ".yaml", ".yml"


def expand(data: dict[str, Any]) -> Iterator[Problem]:
    """Put the keys of the profile files that a scenario names in their place, and tell what is wrong with the files."""
    groups = data.get("devices")
    owners = [(("devices", i), group) for i, group in enumerate(groups if isinstance(groups, list) else ())]
    for path, owner in [*owners, (("server",), data.get("server"))]:
        name = owner.get("profile") if isinstance(owner, dict) else None
        if isinstance(name, str) and name.endswith(_ENDS):
            try:
                read = _read(File(name))
            except ValueError as error:
                yield Problem((*path, "profile"), f"got {name!r}: {error}")
                continue
            del owner["profile"]
            owner |= {key: read[key] for key in _KEYS if key in read and key not in owner}


def _read(file: File) -> dict[str, Any]:
    """The keys of a profile file. Raises ValueError."""
    try:
        node = compose(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, YAMLError, RecursionError) as error:
        raise ValueError(reason(error)) from error
    if not isinstance(node, MappingNode):
        raise ValueError(f"must be a mapping with keys of: {', '.join(_KEYS)}; see wirelessfsl calibrate")
    reader = Reader()
    data: dict[str, Any] = reader.take(node, ())
    for each in reader.problems:
        raise ValueError(f"{'.'.join(map(str, each.path))}: {each.text}")
    for key in data:
        if key not in (*_KEYS, *_RECORD):
            raise ValueError(f"{key}: unknown key, allowed: {', '.join((*_KEYS, *_RECORD))}{near(key, _KEYS)}")
    if str(data.get("profile", "")).endswith(_ENDS):
        raise ValueError("profile: must be a device of the catalogue, not a file again")
    return data
