"""A scenario file: YAML 1.2 as plain data with the place of every node, and all its problems at once.

Reading is safe: no tag makes an object, and code from an import path is loaded only when the user says so.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path as File
from typing import Any

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from wirelessfsl.scenario.checks import conflicts, unused
from wirelessfsl.scenario.settings import Scenario
from wirelessfsl.scenario.words import Path, problem


class ScenarioError(ValueError):
    """A scenario that cannot run; ``problems`` are the messages, one each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


_PLAIN_TAGS = ("str", "int", "float", "bool", "null", "map", "seq")


class Document:
    """A YAML file as plain data, with the place of every node."""

    def __init__(self, path: File) -> None:
        self.file = str(path)
        self.places: dict[Path, str] = {}
        reader = YAML(typ="rt", pure=True)
        try:
            text = path.read_text(encoding="utf-8")
            loaded = reader.load(text)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ScenarioError([f"{self.file}: cannot be read: {reason}"]) from error
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            at = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
            reason = str(error.problem or error.context).partition(" with value ")[0]
            raise ScenarioError([f"{self.file}{at} not valid YAML: {reason}"]) from error
        except YAMLError as error:
            raise ScenarioError([f"{self.file} not valid YAML: {error}"]) from error
        if not isinstance(loaded, CommentedMap):
            got = "nothing" if loaded is None else "a list" if isinstance(loaded, CommentedSeq) else repr(loaded)
            raise ScenarioError([f"{self.file}:1:1 got {got}, must be a mapping: see wirelessfsl new"])
        self.problems: list[tuple[Path, str]] = []
        self.data = self._take(loaded, ())

    def _take(self, node: Any, path: Path) -> Any:
        """Plain data of a node; remembers places, refuses tags."""
        tag = getattr(getattr(node, "tag", None), "value", None)
        if tag is not None and str(tag).removeprefix("tag:yaml.org,2002:") not in _PLAIN_TAGS:
            self.problems.append((path, f"got the tag {tag}, tags are not allowed: write plain values"))
            return None
        if len(self.places) > 100_000:
            raise ScenarioError([f"{self.file}: more than 100,000 nodes; is an alias repeated over and over?"])
        if isinstance(node, CommentedMap):
            for key in node:
                line, column = node.lc.data[key][:2] if key in (node.lc.data or {}) else (0, 0)
                self.places[(*path, str(key))] = f"{line + 1}:{column + 1}"
            return {str(key): self._take(value, (*path, str(key))) for key, value in node.items()}
        if isinstance(node, CommentedSeq):
            for i in range(len(node)):
                line, column = node.lc.data[i][:2]
                self.places[(*path, i)] = f"{line + 1}:{column + 1}"
            return [self._take(value, (*path, i)) for i, value in enumerate(node)]
        for kind in (bool, int, float, str):
            if isinstance(node, kind):
                return kind(node)
        return None if node is None else str(node)

    def set(self, change: str) -> None:
        """Apply ``path=value``."""
        path, equals, text = change.partition("=")
        if not equals or not path:
            raise ScenarioError([f"--set {change}: must be path=value, such as --set algorithm.rounds=5"])
        steps: list[str | int] = [int(step) if step.isdigit() else step for step in path.split(".")]
        try:
            value = self._take(YAML(typ="rt", pure=True).load(text), ("--set",))
        except YAMLError as error:
            raise ScenarioError([f"--set {change}: the value is not valid YAML"]) from error
        node: Any = self.data
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            last = following is None
            if isinstance(node, list):
                if not isinstance(step, int) or step >= len(node):
                    raise ScenarioError([f"--set {change}: {step!r} is not an item of a list of {len(node)}"])
            elif isinstance(node, dict):
                step = str(step)
                if not last and node.get(step) is None:
                    node[step] = {}
            else:
                raise ScenarioError([f"--set {change}: {step!r} is below a single value"])
            if last:
                node[step] = value
            else:
                node = node[step]
        self.places = {at: place for at, place in self.places.items() if at[: len(steps)] != tuple(steps)}
        self.places[tuple(steps)] = f"--set {change}"

    def scenario(self, allow_code: bool) -> Scenario:
        """Validate; raises ScenarioError with all problems."""
        data = {key: value for key, value in self.data.items() if value is not None}
        if isinstance(data.get("codecs"), dict):
            data["codecs"] = {k: [v] if isinstance(v, dict) else v for k, v in data["codecs"].items()}
        self._allow(data, allow_code)
        found = self._validate(data)
        if not isinstance(found, Scenario):
            # Go on without what is wrong, so that the other problems are told as well.
            self.problems += found
            for path, _ in found:
                _prune(data, path)
            found = self._validate(data)
        if isinstance(found, Scenario):
            for path, why in unused(found):
                if _value(data, path) is not None and path not in dict(self.problems):
                    self.problems.append((path, f"has no effect: {why}; remove it"))
            if allow_code or ":" not in found.model.name:
                self.problems += conflicts(found)
        if self.problems or not isinstance(found, Scenario):
            raise ScenarioError([self._message(path, text) for path, text in dict.fromkeys(self.problems)])
        return found

    def _validate(self, data: dict[str, Any]) -> Scenario | list[tuple[Path, str]]:
        try:
            made: Scenario = _adapter().validate_json(json.dumps(data), context={"load": _load_code})
        except ValidationError as error:
            return [problem(data, item) for item in error.errors()]
        return made

    def _allow(self, data: dict[str, Any], allow_code: bool) -> None:
        """Refuse import paths unless the user allows them."""
        if allow_code:
            return
        for path, kind in list(_import_paths(data)):
            self.problems.append((path, f"got {kind!r}: runs code from outside; allow it with --allow-code"))
            if path[-1] == "kind":
                _prune(data, path)

    def _message(self, path: Path, text: str) -> str:
        at = path
        while at and at not in self.places:
            at = at[:-1]
        place = self.places.get(at, "1:1")
        where = place if place.startswith("--set") else f"{self.file}:{place}"
        return f"{where} {'.'.join(map(str, path))}: {text}" if path else f"{where} {text}"


@cache
def _adapter() -> TypeAdapter[Scenario]:
    return TypeAdapter(Scenario)


def _load_code(value: dict[str, Any]) -> Any:
    """An object of the user's own class, ``kind: package.module:Name``; the other keys are its fields."""
    module, _, name = value["kind"].partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"got {value['kind']!r}: {error}") from error
    if not is_dataclass(found):
        raise ValueError(f"got {value['kind']!r}: must be a dataclass, best made with wirelessfsl.settings.settings")
    rest = {key: item for key, item in value.items() if key != "kind"}
    return TypeAdapter(found).validate_json(json.dumps(rest))


def _import_paths(node: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if isinstance(value, str) and ":" in value and (key == "kind" or (*path, key) == ("model", "name")):
            yield (*path, key), value
        yield from _import_paths(value, (*path, key))


def _value(data: Any, path: Path) -> Any:
    """What stands at a path; None if nothing does."""
    for step in path:
        if isinstance(data, dict):
            data = data.get(step)
        else:
            data = data[step] if isinstance(data, list) and isinstance(step, int) and step < len(data) else None
    return data


def _prune(data: dict[str, Any], path: Path) -> None:
    """Take out the deepest node of the path that is there; of a kind, the whole slot."""
    path = path[:-1] if path[-1:] == ("kind",) else path
    holder: Any = None
    node: Any = data
    last: Any = None
    step: Any
    for step in path:
        if not (isinstance(node, dict) and step in node) and not (
            isinstance(node, list) and isinstance(step, int) and step < len(node)
        ):
            break
        holder, node, last = node, node[step], step
    if holder is not None:
        del holder[last]
