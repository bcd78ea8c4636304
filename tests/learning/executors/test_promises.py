"""What reads a promise gets the number, as a tensor would give it; what only passes it on leaves it alone."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.learning.plain import same
from wirelessfsl.learning.executors.contract import Failed
from wirelessfsl.learning.executors.promises import Promise, promised, promises_in, settled, taken_apart
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.kernels import Hidden, Kernel, blank
from wirelessfsl.learning.stage import Part

X = torch.tensor([[1.0, -2.0], [3.0, 0.5]])
ONE, COUNT = torch.tensor(1.5), torch.tensor(3)
FLAGS = torch.tensor([True, False])

TWO: dict[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, name)
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "lt", "le", "gt", "ge", "eq", "ne")
}
LOGIC = {name: getattr(operator, name) for name in ("and_", "or_", "xor")}
SHIFTS = {name: getattr(operator, name) for name in ("lshift", "rshift")}
READERS: dict[str, tuple[torch.Tensor, Callable[[Any], Any]]] = {
    **{f"{name} on the left": (X, lambda x, run=run: run(x, X + 1)) for name, run in TWO.items()},
    **{f"{name} on the right": (X, lambda x, run=run: run(X + 1, x)) for name, run in TWO.items()},
    **{f"{name} with a number": (X, lambda x, run=run: run(x, 2.0)) for name, run in TWO.items() if name != "matmul"},
    **{f"{name} after a number": (X, lambda x, run=run: run(2.0, x)) for name, run in TWO.items() if name != "matmul"},
    **{f"{name} of two": (X, lambda x, run=run: run(x, x)) for name, run in TWO.items()},
    **{name: (FLAGS, lambda x, run=run: run(x, ~FLAGS)) for name, run in LOGIC.items()},
    **{f"{name} with a bool": (FLAGS, lambda x, run=run: run(True, x)) for name, run in LOGIC.items()},
    **{name: (COUNT, lambda n, run=run: run(n, 1)) for name, run in SHIFTS.items()},
    **{f"{name} of a number": (COUNT, lambda n, run=run: run(64, n)) for name, run in SHIFTS.items()},
    "invert": (FLAGS, operator.invert),
    "neg": (X, operator.neg),
    "pos": (X, operator.pos),
    "abs": (X, abs),
    "item": (X, lambda x: x[1]),
    "item by a mask": (X, lambda x: x[x > 0]),
    "contains": (X, lambda x: 3.0 in x),
    "sum": (X, lambda x: sum(x)),
    "bool": (ONE, bool),
    "bool of zero": (torch.zeros(1), bool),
    "float": (ONE, float),
    "int": (COUNT, int),
    "index": (COUNT, lambda n: [0, 1, 2, 3][n]),
    "complex": (ONE, complex),
    "format": (ONE, lambda x: f"{x:.3f}"),
    "isnan": (ONE, math.isnan),
    "array": (X, lambda x: np.asarray(x).tolist()),
    "method": (X, lambda x: x.clone()),
    "method with a promise": (X, lambda x: x.sub(x)),
    "attribute": (X, lambda x: x.T),
    "function": (X, torch.relu),
    "function of a list": (X, lambda x: torch.cat([x, X])),
    "function by keyword": (X, lambda x: torch.mul(input=X, other=x)),
    "functional": (X, lambda x: torch.nn.functional.linear(X, weight=x)),
    "foreach": (X, lambda x: tuple(torch._foreach_add([X], [x]))),
    "several outputs": (X, lambda x: tuple(torch.split(x, 1))),
}
FREE: dict[str, Callable[[Any], Any]] = {
    "shape": lambda x: x.shape,
    "dtype": lambda x: x.dtype,
    "len": len,
    "numel": lambda x: x.numel(),
    "repr": repr,
    "hash": hash,
    "identity in a dict": lambda x: {x: 1}[x],
    "outline of another": lambda x: promised(Source(X), x, []),
}


class Source:
    """Makes a promise good, and counts how often that was asked for."""

    def __init__(self, value: Any) -> None:
        self.value, self.asked = value, 0

    def fulfil(self, promise: Promise) -> Any:
        self.asked += 1
        promise.fulfilled(self.value)
        return self.value


def promise_of(value: torch.Tensor) -> tuple[Promise, Source]:
    source = Source(value)
    return Promise(source, 0, value.shape, value.dtype), source


@pytest.mark.parametrize("name", READERS)
def test_what_reads_a_promise_gets_what_the_tensor_gives_and_it_is_computed_once(name: str) -> None:
    value, read = READERS[name]
    promise, source = promise_of(value)
    expected = read(value)
    for _ in range(2):
        found = read(promise)
        assert type(found) is type(expected)
        assert same(found, expected) if isinstance(found, torch.Tensor | tuple) else found == expected
    assert source.asked == 1


@pytest.mark.parametrize("name", FREE)
def test_what_only_passes_a_promise_on_or_looks_at_its_form_leaves_it_alone(name: str) -> None:
    promise, source = promise_of(X)
    FREE[name](promise)
    assert source.asked == 0
    assert (promise.shape, promise.dtype, len(promise), promise.numel()) == (X.shape, X.dtype, 2, 4)


def test_every_operator_of_tensors_that_makes_a_new_value_is_one_of_promises() -> None:
    words = {name.strip("_") for name in operator.__all__}
    changing = {f"i{name}" for name in words} | {"setitem", "delitem"}
    those = {name for word in words - changing for name in (f"__{word}__", f"__r{word}__")} & {*dir(torch.Tensor)}
    assert len(those) > 30
    assert those <= {*vars(Promise)}


def test_what_a_promise_is_of_cannot_be_changed_in_place() -> None:
    promise, _ = promise_of(X.clone())
    before = promise
    promise += 1.0
    assert same(promise, X + 1)
    assert same(before.read(), X)
    with pytest.raises(TypeError, match="item assignment"):
        before[0] = 0.0  # type: ignore[index]


def test_what_a_tensor_has_not_a_promise_has_not() -> None:
    promise, source = promise_of(X)
    with pytest.raises(AttributeError, match="_private"):
        _ = promise._private
    assert source.asked == 0
    with pytest.raises(AttributeError, match="colour"):
        _ = promise.colour


def test_an_outline_is_promised_in_its_own_form_and_settled_to_the_value() -> None:
    part = Part((X,), (COUNT,), (), 7)
    outline = (part._replace(params=(blank((2, 2), torch.float32),), buffers=(ONE,)), (Hidden(), 3), "name")
    leaves: list[Promise] = []
    source = Source(None)
    value, template = promised(source, outline, leaves)
    assert isinstance(value[0], Part)
    assert (value[0].key, value[1][1], value[2]) == (7, 3, "name")
    assert [*map(id, leaves)] == [*map(id, promises_in(value))]
    made = (part, ((X, X), 3), "name")
    for leaf, own in zip(leaves, taken_apart(made, template, []), strict=True):
        leaf.fulfilled(own)
    found = settled(value)
    assert isinstance(found[0], Part)
    assert found[1][0] is made[1][0]  # hidden things are what they are
    assert same(found[:2], made[:2])
    assert settled([value[1][0], {"a": value[1]}]) == [made[1][0], {"a": made[1]}]


def test_a_result_of_another_form_than_its_outline_is_an_error() -> None:
    short = Kernel("short", "client_step", lambda: (X,), lambda: 0.0, lambda: (X, X))
    first, _ = Sequential().submit(short, about="here").result()
    for _ in range(2):
        with pytest.raises(Failed, match=r"^here: .*argument 2 is longer"):
            first.read()


def test_hidden_things_have_no_form_until_they_are_there() -> None:
    source = Source((X, X))
    (leaf,), _ = promised(source, (Hidden(),), [])
    assert repr(leaf) == "Promise(None, None)"
    assert (leaf.shape, leaf.dtype, source.asked) == (None, None, 0)
    assert len(leaf) == 2
    assert all(own is X for own in leaf)
    assert source.asked == 1
