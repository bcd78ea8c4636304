"""YAML text to plain data, with the place of every node.

The text is composed, not constructed: ruamel.yaml gives a graph of nodes with their marks, and only plain scalars,
mappings and lists are taken from it. So no tag can make an object, and mistakes of form are told with all the others.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from wirelessfsl.scenario.problems import Path, Problem

_CORE = "tag:yaml.org,2002:"
_NUMBERS = ("bool", "float", "int")
_TEXTS = ("str", "timestamp")
_MOST_NODES = 100_000

__all__ = ["MappingNode", "Node", "Place", "Reader", "SequenceNode", "YAMLError", "compose", "mark", "reason"]


class Place(NamedTuple):
    """Where a node was written: a line and column of the file (from 1), or else the option that brought it."""

    option: str
    line: int
    column: int


class Reader:
    """Takes plain data from nodes.

    keys, values: place of the key and of the value of every path taken.
    problems: mistakes of form; the data have nothing where they are.
    """

    def __init__(self) -> None:
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}
        self.problems: list[Problem] = []

    def take(self, node: Node, path: Path, option: Place | None = None, key: Node | None = None) -> Any:
        """Plain data of a node at a path; ``option`` is its place if it is not the file's.

        Raises YAMLError if there are too many nodes, RecursionError if they never end.
        """
        # A value that is not written has the mark of whatever comes next: it stands where its key does.
        nothing = isinstance(node, ScalarNode) and not node.value and not node.style
        self.values[path] = option or _start(key if nothing and key is not None else node)
        self.keys[path] = option or _start(key or node)
        if len(self.values) > _MOST_NODES:
            raise YAMLError(f"more than {_MOST_NODES:,} nodes; is an alias repeated over and over?")
        match node, str(node.tag).removeprefix(_CORE):
            case MappingNode(), "map":
                return self._mapping(node, path, option)
            case SequenceNode(), "seq":
                return [self.take(item, (*path, i), option) for i, item in enumerate(node.value)]
            case ScalarNode(), "null":
                return None
            case ScalarNode(), tag if tag in _TEXTS:
                return str(node.value)
            case ScalarNode(), tag if tag in _NUMBERS:
                return self._number(node, path)
        self.problems.append(Problem(path, f"got the tag {_tag(node)}, tags are not allowed: write a plain value"))
        return None

    def forget(self, path: Path) -> None:
        """Drop what is known of a node that is replaced."""
        for places in (self.keys, self.values):
            for old in [each for each in places if each[: len(path)] == path]:
                del places[old]
        self.problems = [problem for problem in self.problems if problem.path[: len(path)] != path]

    def below(self, path: Path) -> Reader:
        """What is known of the nodes below one, from there."""
        part, depth = Reader(), len(path)
        part.keys = {at[depth:]: place for at, place in self.keys.items() if at[:depth] == path}
        part.values = {at[depth:]: place for at, place in self.values.items() if at[:depth] == path}
        part.problems = [each._replace(path=each.path[depth:]) for each in self.problems if each.path[:depth] == path]
        return part

    def _mapping(self, node: MappingNode, path: Path, option: Place | None) -> dict[str, Any]:
        taken: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, ScalarNode) else "?"
            at = (*path, name)
            if name in first:
                self.problems.append(Problem(at, f"given twice, first in line {first[name]}", at_key=True))
                self.keys[at] = option or _start(key)
                continue
            if name == "?" or str(key.tag) == f"{_CORE}merge":
                what = "a key that is not text" if name == "?" else "the merge key <<, which YAML 1.2 does not have"
                self.problems.append(Problem(at, f"got {what}: write the keys out", at_key=True))
            first[name] = key.start_mark.line + 1
            taken[name] = self.take(value, at, option, key)
        return taken

    def _number(self, node: ScalarNode, path: Path) -> Any:
        try:
            return YAML(typ="safe", pure=True).constructor.construct_object(node)
        except (ValueError, YAMLError):
            text = str(node.value)
            shown = text if len(text) <= 40 else f"{text[:37]}..."
            self.problems.append(Problem(path, f"got {shown}, cannot be read as {_tag(node)}"))
            return None


def compose(text: str) -> Node | None:
    """The root node of a text, None if it is empty. Raises YAMLError, or RecursionError if nested too deeply."""
    node: Node | None = YAML(typ="safe", pure=True).compose(text)
    return node


def mark(error: BaseException, text: str = "") -> str:
    """Line and column where reading ended, as far as the error knows."""
    match error:
        case MarkedYAMLError(problem_mark=mark) if mark:
            return f"{mark.line + 1}:{mark.column + 1}"
        case UnicodeDecodeError():
            lines = error.object[: error.start].decode().split("\n")
        case ReaderError():
            lines = text[: error.position].split("\n")
        case _:
            return ""
    return f"{len(lines)}:{len(lines[-1]) + 1}"


def reason(error: BaseException) -> str:
    """Why reading ended."""
    match error:
        case UnicodeDecodeError():
            return f"cannot be read: got byte 0x{error.object[error.start]:02x}, must be UTF-8"
        case RecursionError():
            return "not valid YAML: nested too deeply; does an alias contain itself?"
        case MarkedYAMLError(problem=str(text)):
            return f"not valid YAML: {text}" + (": indent with spaces, not tabs" if "'\\t'" in text else "")
        case YAMLError():
            return f"not valid YAML: {str(error).splitlines()[0]}"
    return str(error)


def _start(node: Node) -> Place:
    return Place("", node.start_mark.line + 1, node.start_mark.column + 1)


def _tag(node: Node) -> str:
    tag = str(node.tag)
    return f"!!{tag.removeprefix(_CORE)}" if tag.startswith(_CORE) else tag
