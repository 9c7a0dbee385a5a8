"""The few rows on which the examples of aggregates, windows and ranks are run and printed in the documentation."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from gongbi.core.types import BOOLEAN, DOUBLE, INTEGER, TEXT, decimal
from gongbi.core.world import FactShape, SubjectShape, World

AS_OF = datetime(2017, 9, 15, tzinfo=UTC)

MEMBERS = (1, 2, 3, 4)


def _at(month: int, day: int, hour: int) -> datetime:
    """An instant of 2017 as engines keep it: UTC, without a zone."""
    return datetime(2017, month, day, hour, tzinfo=UTC).replace(tzinfo=None)


#: member, ts, amount, quantity, category, promoted, lon, lat. Member 4 has no row; the last row comes after `AS_OF`.
ROWS = (
    (1, _at(7, 20, 9), Decimal("10.00"), 1, "A", True, 121.5, 31.2),
    (1, _at(8, 20, 10), Decimal("20.00"), 2, "B", False, 121.6, 31.4),
    (1, _at(9, 5, 18), Decimal("30.00"), 3, "A", False, 121.5001, 31.2001),
    (2, _at(3, 1, 12), Decimal("5.00"), 1, "B", True, 121.4, 31.2),
    (2, _at(9, 10, 12), Decimal("5.00"), 4, "A", True, None, None),
    (3, _at(1, 15, 8), None, 1, "C", None, 200.0, 31.2),
    (1, _at(9, 20, 8), Decimal("99.00"), 9, "C", False, 121.5, 31.2),
)

COLUMNS = {
    "amount": decimal(2),
    "quantity": INTEGER,
    "category": TEXT,
    "promoted": BOOLEAN,
    "lon": DOUBLE,
    "lat": DOUBLE,
}

WORLD = World(
    subjects={"member": SubjectShape("member", INTEGER)},
    facts={"sample": FactShape("sample", "fact_sample", COLUMNS, {"member": INTEGER})},
    zone="UTC",
)
