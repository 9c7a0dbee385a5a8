"""What the dialog behind a value draws."""

from __future__ import annotations

from gongbi.console.evidence import course


def test_values_that_follow_each_other_are_one_line_and_a_time_without_one_is_a_gap() -> None:
    values = [{"from": "1", "to": "2"}, {"from": "2", "to": "3"}, {"from": "5", "to": None}]
    assert course(values, [10, 20, 30], "6") == [
        ("1", 10), ("2", 10), ("2", 20), ("3", 20), ("3", None), ("5", 30), ("6", 30),
    ]  # fmt: skip
    assert course(values[:1], [10], "6") == [("1", 10), ("2", 10), ("2", None)]
