"""A scenario file as the user wrote it: plain data, the changes made by ``--set``, and where each problem stands."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy, deepcopy
from pathlib import Path as File
from typing import Any

from wirelessfsl.scenario.problems import Path, Problem, ScenarioError
from wirelessfsl.scenario.reading import MappingNode, Place, Reader, SequenceNode, YAMLError, compose, mark, reason
from wirelessfsl.scenario.shape import holds


class Document:
    """A scenario file and the changes to it.

    data: plain data.
    problems: mistakes of form.
    messages: mistakes that belong to no node.

    Raises ScenarioError if the file cannot be read as YAML, or holds no mapping.
    """

    def __init__(self, path: File) -> None:
        self.file = str(path)
        self.messages: list[str] = []
        self._reader = Reader()
        text = ""
        try:
            text = path.read_bytes().decode("utf-8-sig")
            node = compose(text)
            if not isinstance(node, MappingNode):
                got = "a list" if isinstance(node, SequenceNode) else "nothing" if node is None else "a single value"
                raise ScenarioError([f"{self.file}:1:1 got {got}, must be a mapping; see wirelessfsl new"])
            self.data: dict[str, Any] = self._reader.take(node, ())
        except IsADirectoryError as error:
            told = "is a folder; give a scenario file, or to go on with a run wirelessfsl run --resume"
            raise ScenarioError([f"{self.file}: {told}"]) from error
        except OSError as error:
            raise ScenarioError([f"{self.file}: cannot be read: {error.strerror or error}"]) from error
        except (UnicodeDecodeError, YAMLError, RecursionError) as error:
            raise ScenarioError([f"{self.file}:{mark(error, text)} {reason(error)}"]) from error

    @property
    def problems(self) -> list[Problem]:
        """Mistakes of form: tags, keys given twice and the like."""
        return self._reader.problems

    def set(self, change: str, option: str = "--set") -> None:
        """Apply ``path=value``: the value is YAML, null takes the key out. What is wrong with it becomes a message."""
        place = Place(f"{option} {change}", len(self.messages), 0)
        try:
            names, _, text = change.partition("=")
            if not names or not text.strip():
                raise ValueError("must be path=value, such as --set algorithm.rounds=5")
            node = compose(text)
            self._change(names, place, lambda path: None if node is None else self._reader.take(node, path, place))
        except (ValueError, YAMLError, RecursionError) as error:
            self.messages.append(f"{place.option}: {reason(error)}")

    def put(self, names: str, value: Any, where: str) -> None:
        """Apply a change that another file makes, as :meth:`set` does; ``where`` is its place there."""
        place = Place(where, len(self.messages), 0)
        try:
            self._change(names, place, lambda _: deepcopy(value))
        except ValueError as error:
            self.messages.append(f"{where} {names}: {error}")

    def section(self, path: Path) -> Document:
        """What stands at a path, a mapping, as a document of its own."""
        data: Any = self.data
        for step in path:
            data = data[step]
        part = copy(self)
        part.data, part.messages, part._reader = deepcopy(data), [], self._reader.below(path)
        return part

    def where(self, path: Path, at_key: bool = False) -> str:
        """Place of a node as ``file:line:column``, or the option that brought it."""
        place = self._place(Problem(path, "", at_key))
        return place.option or f"{self.file}:{place.line}:{place.column}"

    def message(self, problem: Problem) -> str:
        """A problem in one line: place, path, text."""
        return f"{self.where(problem.path, problem.at_key)} {_dotted(problem.path)}: {problem.text}"

    def order(self, problem: Problem) -> tuple[bool, int, int]:
        """Sorts problems as the file goes; those of options come last."""
        place = self._place(problem)
        return bool(place.option), place.line, place.column

    def _place(self, problem: Problem) -> Place:
        """Place of the problem's node, or of the nearest one around it that was written."""
        path, places = problem.path, self._reader.keys if problem.at_key else self._reader.values
        while path and path not in places:
            path, places = path[:-1], self._reader.values
        return places[path]

    def _change(self, names: str, place: Place, taken: Callable[[Path], Any]) -> None:
        *above, last = names.split(".")
        if not all((*above, last)):
            raise ValueError("must be path=value, such as --set algorithm.rounds=5")
        holder: Any = self.data
        path: Path = ()
        for name in above:
            path = (*path, _step(holder, name, path))
            if isinstance(holder, dict) and holder.get(name) is None:
                holder[name] = {}
                self._reader.keys[path] = self._reader.values[path] = place
            holder = holder[path[-1]]
        path = (*path, _step(holder, last, path))
        self._reader.forget(path)
        self._reader.keys[path] = self._reader.values[path] = place
        holder[path[-1]] = value = taken(path)
        if value is None and isinstance(holder, dict):
            del holder[last]


def _step(holder: Any, name: str, path: Path) -> str | int:
    """A name in the path of a change, as the key or position that it is in ``holder``, which stands at ``path``."""
    if isinstance(holder, dict):
        return name
    if isinstance(holder, list) and name.isdecimal() and holds(holder, int(name)):
        return int(name)
    if isinstance(holder, list):
        raise ValueError(f"{name!r} is not an item of {_dotted(path)}, a list of {len(holder)} counted from 0")
    raise ValueError(f"{name!r} is below a single value, {_dotted(path)}")


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))
