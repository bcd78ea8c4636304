"""Settings: what a frozen dataclass with ranges accepts, from Python and from a scenario."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, asdict, replace
from typing import Annotated, Any, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from wirelessfsl.settings import Kinds, settings
from wirelessfsl.units import Count, Fraction, Ge, Lt, Positive


@settings
class Wire:
    """A wire."""

    kind: Literal["wire"] = "wire"
    rate_bit_s: Positive = 1e6
    loss: Fraction = 0.0
    lanes: Count = 1
    deadline_s: Positive | None = None
    beta: Annotated[float, Ge(0), Lt(1)] = 0.9
    points: tuple[float, ...] = ()
    label: str = ""


@settings
class Pigeon:
    """A pigeon that carries either a wire or another pigeon's name."""

    kind: Literal["pigeon"] = "pigeon"
    speed_m_s: Positive = 20.0
    names: tuple[tuple[str, ...], ...] = ()


@settings
class Paired:
    """Two numbers of which one must be the greater."""

    low: Positive = 1.0
    high: Positive = 2.0

    def __post_init__(self) -> None:
        if self.high <= self.low:
            raise ValueError(f"Paired.high: got {self.high}, must be > low = {self.low}")


Carrier = Annotated[Wire | Pigeon, Kinds()]


@settings
class Post:
    """What carries letters."""

    carrier: Carrier = Wire()
    spare: tuple[Carrier, ...] = ()


def read(kind: Any, text: str, **context: Any) -> Any:
    return TypeAdapter(kind).validate_json(text, context=context)


def test_settings_are_frozen_keyword_only_and_compared_by_value() -> None:
    wire = Wire(rate_bit_s=5.0)
    with pytest.raises(FrozenInstanceError):
        wire.rate_bit_s = 6.0  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        Wire("wire", 5.0)  # type: ignore[call-arg]
    assert wire == Wire(rate_bit_s=5.0)
    assert len({wire, Wire(rate_bit_s=5.0), Wire()}) == 2


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("rate_bit_s", 0.0, "> 0"),
        ("rate_bit_s", -1, "> 0"),
        ("rate_bit_s", math.nan, "> 0"),
        ("loss", -0.1, ">= 0"),
        ("loss", 1.5, "<= 1"),
        ("lanes", 0, ">= 1"),
        ("deadline_s", 0.0, "> 0"),
        ("beta", 1.0, "< 1"),
        ("beta", -0.5, ">= 0"),
    ],
)
def test_a_value_outside_its_range_is_refused_with_name_value_and_rule(field: str, value: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rf"^Wire\.{field}: got {value!r}, must be {rule}$"):
        Wire(**{field: value})


@pytest.mark.parametrize(("field", "value"), [("loss", 0), ("loss", 1), ("deadline_s", None), ("beta", 0.0)])
def test_the_ends_of_a_closed_range_and_none_are_allowed(field: str, value: Any) -> None:
    assert getattr(Wire(**{field: value}), field) == value


def test_replacing_a_field_checks_again() -> None:
    with pytest.raises(ValueError, match=r"Wire\.lanes: got 0"):
        replace(Wire(), lanes=0)


def test_a_class_may_add_a_check_of_its_own_after_the_ranges() -> None:
    with pytest.raises(ValueError, match=r"Paired\.high: got 1\.0, must be > low"):
        Paired(low=1.0, high=1.0)
    with pytest.raises(ValueError, match=r"Paired\.high: got -1\.0, must be > 0"):
        Paired(high=-1.0)


def test_a_node_of_a_scenario_is_the_object() -> None:
    assert read(Post, '{"carrier": {"kind": "pigeon", "speed_m_s": 3}}') == Post(carrier=Pigeon(speed_m_s=3.0))


def test_what_is_not_given_has_its_default() -> None:
    assert read(Post, "{}") == Post()


def test_lists_become_tuples_at_any_depth() -> None:
    made = read(
        Post,
        '{"carrier": {"kind": "pigeon", "names": [["a", "b"], []]}, "spare": [{"kind": "wire", "points": [1, 2.5]}]}',
    )
    assert made == Post(carrier=Pigeon(names=(("a", "b"), ())), spare=(Wire(points=(1.0, 2.5)),))
    hash(made)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"carrier": {"kind": "horse"}}', "union_tag_invalid"),
        ('{"carrier": {"speed_m_s": 3}}', "union_tag_not_found"),
        ('{"carrier": {"kind": "wire", "speed_m_s": 3}}', "unexpected_keyword_argument"),  # the other kind's knob
        ('{"carrier": {"kind": "wire", "rate_bit_s": "1e6"}}', "float_type"),
        ('{"carrier": {"kind": "wire", "rate_bit_s": true}}', "float_type"),
        ('{"carrier": {"kind": "wire", "lanes": 1.5}}', "int_type"),
        ('{"carrier": {"kind": "wire", "label": 5}}', "string_type"),
        ('{"carrier": {"kind": "wire", "rate_bit_s": 0}}', "greater_than"),
        ('{"carrier": {"kind": "wire", "loss": 2}}', "less_than_equal"),
        ('{"carrier": {"kind": "wire", "beta": 1}}', "less_than"),
        ('{"carrier": {"kind": "wire", "rate_bit_s": NaN}}', "finite_number"),
        ('{"carrier": {"kind": "wire", "rate_bit_s": Infinity}}', "finite_number"),
        ('{"carier": {}}', "unexpected_keyword_argument"),
    ],
)
def test_what_a_scenario_must_not_say_is_refused(text: str, error: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read(Post, text)
    assert [problem["type"] for problem in refused.value.errors()] == [error]


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ValidationError) as refused:
        read(Post, '{"carrier": {"kind": "wire", "loss": 2, "lanes": 0, "x": 1}, "spare": [{"kind": "horse"}]}')
    assert len(refused.value.errors()) == 4


def test_code_from_outside_goes_to_whoever_reads_the_scenario() -> None:
    asked: list[Any] = []

    def load(value: Any) -> Wire:
        asked.append(value)
        return Wire(label="mine")

    made = read(Post, '{"carrier": {"kind": "my_pkg.mod:Horse", "legs": 4}}', load=load)
    assert asked == [{"kind": "my_pkg.mod:Horse", "legs": 4}]
    assert made.carrier == Wire(label="mine")


def test_settings_go_to_plain_data_and_back() -> None:
    post = Post(carrier=Pigeon(names=(("a",),)), spare=(Wire(loss=0.5), Pigeon()))
    assert TypeAdapter(Post).validate_json(TypeAdapter(Post).dump_json(post)) == post
    assert asdict(post)["carrier"]["kind"] == "pigeon"


def test_a_section_that_is_a_kind_of_another_is_judged_as_that_one() -> None:
    @settings
    class Even:
        number: Annotated[int, Ge(0)] = 0

        def __post_init__(self) -> None:
            if self.number % 2:
                raise ValueError("number: must be even")

    @settings
    class EvenAndMore(Even):
        more: Annotated[int, Ge(0)] = 0

    assert EvenAndMore(number=2, more=3).number == 2
    with pytest.raises(ValueError, match="must be even"):
        EvenAndMore(number=1)
    with pytest.raises(ValueError, match=r"EvenAndMore\.more: got -1"):
        EvenAndMore(more=-1)
    with pytest.raises(ValueError, match="number: got -2"):
        EvenAndMore(number=-2)
