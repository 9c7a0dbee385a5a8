"""Tables that identity keeps, for each subject that has identifiers."""

from __future__ import annotations

from dataclasses import dataclass

from gongbi.catalog.base import SubjectDef
from gongbi.catalog.tables import LOAD
from gongbi.core.table import Column, Table
from gongbi.core.types import TEXT, TIMESTAMP


@dataclass(frozen=True, slots=True)
class Kept:
    """A table that no source fills and whose `id` names members, with the id that each was named by beside it.

    Attributes
    ----------
    distinct
        The table that has each of these members once, `id`, and is made anew when they are united or parted.
    """

    subject: str
    table: Table
    distinct: str | None = None


def _name(word: str, subject: SubjectDef) -> str:
    return word if subject.subject == "customer" else f"{word}_{subject.subject}"


def identifier_table(subject: SubjectDef) -> Table:
    """`identifier`: every identifier that a record carried, and whose it is.

    `own` is the id that it stands for by itself: its value where it is primary, else a surrogate.
    """
    return Table(
        _name("identifier", subject),
        (
            Column("kind", TEXT, "Kind of identifier."),
            Column("value", TEXT, "Its value as text."),
            Column("customer", subject.id_type, "The member that it belongs to."),
            Column("own", subject.id_type, "The id that it stands for by itself."),
            Column("_load", LOAD.type, "The load that brought it first."),
        ),
        key=("kind", "value"),
        grain="one row per identifier",
    )


def link_table(subject: SubjectDef) -> Table:
    """`identifier_link`: which identifiers came in one record."""
    return Table(
        _name("identifier_link", subject),
        (
            Column("a", subject.id_type, "Own id of the record's first identifier."),
            Column("b", subject.id_type, "Own id of another."),
            Column("kind", TEXT, "Kind of the other."),
            Column("value", TEXT, "Value of the other."),
            LOAD,
        ),
        key=("a", "b", "_load"),
        grain="one row per pair of identifiers and load",
    )


def merge_table(subject: SubjectDef) -> Table:
    """`merge`: who became part of whom, and because of what."""
    return Table(
        _name("merge", subject),
        (
            Column("from", subject.id_type, "The member that is no more."),
            Column("to", subject.id_type, "The member that it became part of at that time."),
            Column("kind", TEXT, "The identifier that a record carried besides."),
            Column("value", TEXT),
            Column("_load", LOAD.type, "The load with that record."),
            Column("at", TIMESTAMP, "When it was found out."),
        ),
        grain="one row per merge",
    )


def rekey_table(subject: SubjectDef) -> Table:
    """Working table of a merge: own id → member."""
    columns = (Column("__own", subject.id_type), Column("__id", subject.id_type))
    return Table("working_rekey", columns, key=("__own",), grain="one row per own id whose member changes")
