"""The types of the expression language and of table columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from gongbi.errors import InvalidInput

Name = Literal["boolean", "integer", "decimal", "double", "text", "date", "timestamp", "list", "distribution", "null"]

Item = TypeVar("Item")

#: Digits of a decimal as stored in a column, and as computed by expressions.
STORED_PRECISION = 18
COMPUTED_PRECISION = 38


@dataclass(frozen=True, slots=True)
class Type:
    """A value type.

    Parameters
    ----------
    name
        ``integer`` is 64 bits, ``decimal`` is exact with `scale` digits after the point, ``double`` is a 64-bit
        float, ``timestamp`` is an instant in UTC with microseconds, ``date`` a calendar day, ``null`` the type of
        a bare ``null``.
    scale
        Digits after the point of a decimal.
    currency
        ISO 4217 code when a decimal is money. Two currencies never mix.
    element
        Element type of a list; of a distribution, the type of its values.
    levels, ordered
        The only values, of a category; from least to most where they have an order. They say which values there are,
        not how one is kept: two types that differ in them alone are equal.
    """

    name: Name
    scale: int = 0
    currency: str | None = None
    element: Type | None = None
    levels: tuple[Any, ...] = field(default=(), compare=False)
    ordered: bool = field(default=False, compare=False)

    @property
    def has_places(self) -> bool:
        """Whether values are put in order by their place among the levels, not by what they are."""
        return self.ordered and (self.name == "text" or list(self.levels) != sorted(self.levels))

    @property
    def plain(self) -> Type:
        """The same without levels."""
        element = self.element.plain if self.element is not None else None
        return replace(self, levels=(), ordered=False, element=element) if self.levels or element else self

    @property
    def is_number(self) -> bool:
        return self.name in ("integer", "decimal", "double")

    def alike(self, other: Type) -> bool:
        """True where a value of the other type reads as one of this: both numbers, or alike in all but levels."""
        return self == other or (self.is_number and other.is_number)

    @property
    def is_many(self) -> bool:
        """True where a member has several values at once."""
        return self.name in ("list", "distribution")

    @property
    def is_exact(self) -> bool:
        """True where both engines give the very same value, not only one within 1e-9."""
        return self.name != "double"

    def __str__(self) -> str:
        if self.name == "decimal":
            return f"money {self.currency}" if self.currency else f"decimal({self.scale})"
        if self.name == "list":
            return f"list of {self.element}"
        if self.name == "distribution":
            return f"distribution of {self.element}"
        return self.name


BOOLEAN = Type("boolean")
INTEGER = Type("integer")
DOUBLE = Type("double")
TEXT = Type("text")
DATE = Type("date")
TIMESTAMP = Type("timestamp")
NULL = Type("null")


def decimal(scale: int = 2) -> Type:
    """An exact number with `scale` digits after the point, 0 to 9."""
    if not 0 <= scale <= 9:
        raise InvalidInput(f"A decimal has 0 to 9 digits after the point, not {scale}.")
    return Type("decimal", scale)


def money(currency: str, scale: int = 2) -> Type:
    """An amount in one currency (ISO 4217)."""
    if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        raise InvalidInput(
            f"A currency is three capital letters (ISO 4217), not {currency!r}.", hint="For example USD or CNY."
        )
    return Type("decimal", scale, currency)


def list_of(element: Type) -> Type:
    """A list whose elements have one type."""
    return Type("list", element=element)


def distribution_of(element: Type) -> Type:
    """Values with their shares, the largest share first: ``[{value: tea, share: 0.6}, {value: rice, share: 0.4}]``."""
    return Type("distribution", element=element)


def category(base: Type, levels: Sequence[Any], *, ordered: bool = False) -> Type:
    """A type with only these values, from least to most where they are `ordered`; of a list, of its elements."""
    if base.element is not None:
        return replace(base, element=category(base.element, levels, ordered=ordered))
    return replace(base, levels=tuple(levels), ordered=ordered)


def in_order(type_: Type, items: Iterable[Item], value: Callable[[Item], Any]) -> list[Item]:
    """Items by the places of their values, or of the texts of these, among the levels of an ordered category.

    What has no place comes last; among equals, and of any other type, the items stay as they are.
    """
    type_ = type_.element or type_
    places = {str(level): i for i, level in enumerate(type_.levels)} if type_.ordered else {}
    return sorted(items, key=lambda item: places.get(str(value(item)), len(places)))


def from_json(body: Mapping[str, Any]) -> Type:
    """The type that `to_json` described."""
    element = body.get("element")
    return Type(
        body["type"], body.get("scale") or 0, body.get("currency"), from_json(element) if element is not None else None
    )


def to_json(type_: Type) -> dict[str, Any]:
    """A type as plain data."""
    found = {"type": type_.name, "scale": type_.scale, "currency": type_.currency}
    return found if type_.element is None else {**found, "element": to_json(type_.element)}
