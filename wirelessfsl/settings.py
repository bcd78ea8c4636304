"""What a setting is: a frozen, keyword-only dataclass whose fields say their range.

``@settings`` is ``@dataclass(frozen=True, kw_only=True)`` plus two things. A field written as
``bandwidth_hz: BandwidthHz`` is checked against its range when the object is made in Python, with the same rule that
a scenario file is checked with; and pydantic, which reads scenarios, is told to take values strictly and to refuse
unknown keys. So the node of a scenario file *is* the object.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

from wirelessfsl.units import Ge, Gt, Le, Lt

T = TypeVar("T")

_RULES: dict[type, tuple[str, str, Callable[[Any, Any], bool]]] = {
    Gt: ("gt", ">", operator.gt),
    Ge: ("ge", ">=", operator.ge),
    Lt: ("lt", "<", operator.lt),
    Le: ("le", "<=", operator.le),
}


@dataclass_transform(frozen_default=True, kw_only_default=True)
def settings(cls: type[T]) -> type[T]:
    """Make ``cls`` a frozen keyword-only dataclass that refuses values outside the ranges of its fields.

    Raises ValueError at construction: "<Class>.<field>: got <value>, must be > 0".

    >>> @settings
    ... class Wire:
    ...     rate_bit_s: Annotated[float, Gt(0)] = 1e6
    >>> Wire(rate_bit_s=-1.0)
    Traceback (most recent call last):
        ...
    ValueError: Wire.rate_bit_s: got -1.0, must be > 0
    """
    own = getattr(cls, "__post_init__", None)  # its own, or that of a section it is a kind of

    def __post_init__(self: Any) -> None:
        owner: Any = type(self)
        for name, rules in bounds(owner):
            value = getattr(self, name)
            if isinstance(value, int | float):
                for text, holds, limit in rules:
                    if not holds(value, limit):
                        raise ValueError(f"{cls.__name__}.{name}: got {value!r}, must be {text} {limit:g}")
        if own is not None:
            own(self)

    cls.__post_init__ = __post_init__  # type: ignore[attr-defined]
    cls.__pydantic_config__ = {"extra": "forbid", "strict": True, "allow_inf_nan": False}  # type: ignore[attr-defined]
    return dataclass(frozen=True, kw_only=True)(cls)


class Kinds:
    """Marks a union of settings that ``kind`` tells apart: ``Fading = Annotated[NoFading | Rayleigh, Kinds()]``.

    In a scenario the value of ``kind`` picks the class. A value with a colon, ``my_pkg.mod:Name``, is code outside of
    this package: the reader of the scenario gives pydantic, as context, the function ``load(node)`` that makes the
    object.

    words: whether the value of ``kind`` may also stand alone, ``equal`` for ``{kind: equal}``.
    default: the kind that a node without ``kind`` is of, if there is one.
    """

    def __init__(self, words: bool = False, default: str | None = None) -> None:
        self.words, self.default = words, default

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> dict[str, Any]:
        def load(node: dict[str, Any], info: Any) -> Any:
            return info.context["load"](node)

        path = {"type": "typed-dict-field", "required": True, "schema": {"type": "str", "pattern": "^[^:]+:[^:]+$"}}
        code = {
            "type": "function-plain",
            "function": {"type": "with-info", "function": load},
            "json_schema_input_schema": {"type": "typed-dict", "fields": {"kind": path}, "extra_behavior": "allow"},
        }
        kinds = {choice.kind: choice for choice in get_args(source)}
        choices = {kind: handler.generate_schema(choice) for kind, choice in kinds.items()} | {_CODE: code}
        if self.words:
            choices |= {
                _WORD + kind: {
                    "type": "function-plain",
                    "function": {"type": "no-info", "function": lambda word: kinds[word]()},
                    "json_schema_input_schema": {"type": "literal", "expected": [kind]},
                }
                for kind in kinds
            }
            choices[_WORD + _CODE] = {
                "type": "function-plain",
                "function": {"type": "with-info", "function": lambda word, info: load({"kind": word}, info)},
                "json_schema_input_schema": path["schema"],
            }
        return {"type": "tagged-union", "choices": choices, "discriminator": self._choice}

    def _choice(self, node: Any) -> str | None:
        """Which of the choices a node of a scenario (or, when a default is written down, an object) takes."""
        if self.words and isinstance(node, str):
            return _WORD + (_CODE if ":" in node else node)
        kind = node.get("kind", self.default) if isinstance(node, dict) else getattr(node, "kind", None)
        return None if not isinstance(kind, str) else _CODE if ":" in kind else kind


class OrWord:
    """Marks a list or number that may be one word: ``Annotated[tuple[str, ...] | Literal["auto"], OrWord("auto")]``.

    What is wrong with the list or number is told as if there were no such word.
    """

    def __init__(self, word: str) -> None:
        self.word = word

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> dict[str, Any]:
        def validate(value: Any, inner: Callable[[Any], Any]) -> Any:
            # What pydantic hands over is no longer JSON, where a list would do for a tuple.
            return value if value == self.word else inner(tuple(value) if isinstance(value, list) else value)

        listed = handler.generate_schema(get_args(source)[0])
        return {
            "type": "function-wrap",
            "function": {"type": "no-info", "function": validate},
            "schema": listed,
            "json_schema_input_schema": {
                "type": "union",
                "choices": [listed, {"type": "literal", "expected": [self.word]}],
            },
        }


_CODE = "code"
_WORD = "word "


@cache
def bounds(cls: Any) -> tuple[tuple[str, tuple[tuple[str, Callable[[Any, Any], bool], float], ...]], ...]:
    """The ranges of a settings class: per bounded field the sign, the comparison and the limit of each rule."""
    hints = get_type_hints(cls, include_extras=True)
    named = ((f.name, tuple(_rules(hints[f.name]))) for f in fields(cls))
    return tuple((name, rules) for name, rules in named if rules)


def _rules(hint: Any) -> Iterator[tuple[str, Callable[[Any, Any], bool], float]]:
    """The comparisons that an annotation demands, also inside ``X | None``."""
    if get_origin(hint) is Annotated:
        for mark in hint.__metadata__:
            if type(mark) in _RULES:
                attribute, text, holds = _RULES[type(mark)]
                yield text, holds, getattr(mark, attribute)
    else:
        for part in get_args(hint):
            if get_origin(part) is Annotated:
                yield from _rules(part)
