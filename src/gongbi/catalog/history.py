"""Values over time: which tags and segments keep them, and the facts that tell of their changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gongbi.catalog.base import SegmentDef, SubjectDef, TagDef
from gongbi.catalog.tables import LOAD, ROW
from gongbi.core.table import Column, Table
from gongbi.core.types import DOUBLE, TEXT, TIMESTAMP, Type
from gongbi.core.world import FactShape

CHANGES = TAG_CHANGE, SEGMENT_CHANGE = "tag_change", "segment_change"
#: A segment among the tags whose values are kept: ``segment.NAME``, true for its members and absent for all others.
SEGMENT = "segment."

#: At which instants values were computed. One row per (subject, tag, instant).
POINTS = Table(
    "history_point",
    (Column("subject", TEXT), Column("tag", TEXT), Column("at", TIMESTAMP), Column("definition", TEXT)),
    key=("subject", "tag", "at"),
    grain="one row per subject, tag and instant",
)

_COLUMNS: Mapping[str, Mapping[str, Type]] = {
    TAG_CHANGE: {"tag": TEXT, "old": TEXT, "new": TEXT},
    SEGMENT_CHANGE: {"segment": TEXT, "change": TEXT},
}


def history_table(subject: SubjectDef) -> Table:
    """`history_customer`: what a tag was for a member, half-open; a member without a value has no row."""
    return Table(
        f"history_{subject.subject}",
        (
            Column("id", subject.id_type),
            Column("tag", TEXT),
            Column("value", TEXT, "As text."),
            Column("number", DOUBLE, "Of a number, its value."),
            Column("valid_from", TIMESTAMP),
            Column("valid_to", TIMESTAMP, "Null for as long as nothing else was seen."),
        ),
        key=("id", "tag", "valid_from"),
        grain="one row per member, tag and stretch of time with one value",
    )


def kept_of(subject: str, tags: Iterable[TagDef], segments: Iterable[SegmentDef]) -> dict[str, str]:
    """What of a subject is kept over time: tag, or ``segment.NAME``, → how often."""
    found = {tag.tag: tag.history for tag in tags if tag.subject == subject and tag.history}
    more = {SEGMENT + s.segment: s.history for s in segments if s.subject == subject and s.history}
    return {name: str(how) for name, how in (found | more).items()}


def change_facts(
    tags: Iterable[TagDef], segments: Iterable[SegmentDef], subjects: Mapping[str, SubjectDef]
) -> dict[str, FactShape]:
    """The facts ``tag_change`` and ``segment_change``, each where something is kept that it can tell of.

    A row is visible after the instant at which the change was seen, as any fact is.
    """
    found = {}
    for name, kept in ((TAG_CHANGE, list(tags)), (SEGMENT_CHANGE, list(segments))):
        who = {one.subject: subjects[one.subject].id_type for one in kept if one.history and one.subject in subjects}
        if who:
            found[name] = FactShape(name, f"fact_{name}", _COLUMNS[name], who, recorded=True)
    return found


def change_table(fact: FactShape) -> Table:
    """The table of ``tag_change`` or ``segment_change``."""
    ids = (Column(subject, type_) for subject, type_ in fact.subjects.items())
    columns = (Column(name, type_) for name, type_ in fact.columns.items())
    return Table(fact.table, (LOAD, ROW, Column("ts", TIMESTAMP), *ids, *columns), grain=f"one row per {fact.name}")
