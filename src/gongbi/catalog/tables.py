"""Names and shapes of the engine tables that follow from the definitions of sources.

Every table that holds loaded rows carries `_load` (the load that brought the row) and `_row` (its row number in the
file, from 1), so that each figure leads back to a line of a file.
"""

from __future__ import annotations

from gongbi.catalog.base import SourceDef, SubjectDef
from gongbi.core.table import Column, Table
from gongbi.core.types import INTEGER, TEXT, TIMESTAMP

LOAD = Column("_load", INTEGER, "The load that brought the row.")
ROW = Column("_row", INTEGER, "Row number in the file, from 1.")


def fact_table_name(fact: str) -> str:
    """`fact_purchase`: the live rows of a fact."""
    return f"fact_{fact}"


def attribute_table_name(source: str) -> str:
    """`attributes_demographics`: what one source says of a subject's members."""
    return f"attributes_{source}"


def relation_table_name(relation: str) -> str:
    """`relation_discounts`: pairs of members."""
    return f"relation_{relation}"


def reference_table_name(reference: str) -> str:
    """`reference_promotion`: rows without subject or time, to be looked up."""
    return f"reference_{reference}"


def member_table_name(subject: str) -> str:
    """`member_customer`: all known members of a subject."""
    return f"member_{subject}"


def superseded_table_name(table: str) -> str:
    """Rows whose key came again in a later load; `_by` says in which."""
    return f"superseded_{table}"


REJECTS = Table(
    "rejects",
    (
        LOAD,
        ROW,
        Column("source", TEXT),
        Column("path", TEXT, "File, package table or query the row came from."),
        Column("reason", TEXT, "Stable code: wrong_type, missing_value, out_of_range, duplicate_key, …"),
        Column("column", TEXT, "The raw column at fault, where it is one."),
        Column("value", TEXT, "The value seen there."),
        Column("raw", TEXT, "The whole raw row as JSON."),
    ),
    key=("_load", "_row"),
    grain="one row per rejected row of a load",
)


def member_table(subject: SubjectDef) -> Table:
    """All known members of a subject and since when; null `known_from` means always."""
    return Table(
        member_table_name(subject.subject),
        (Column("id", subject.id_type), Column("known_from", TIMESTAMP)),
        key=("id",),
        grain=f"one row per {subject.subject}",
    )


def target_table_name(source: SourceDef) -> str:
    """Name of the table that a source's rows go to."""
    if source.target == "fact":
        return fact_table_name(source.fact or "")
    if source.target == "attributes":
        return attribute_table_name(source.source)
    if source.target == "relation":
        return relation_table_name(source.relation or "")
    return reference_table_name(source.reference or "")


def target_table(source: SourceDef, subjects: dict[str, SubjectDef]) -> Table:
    """The table that a source's rows go to: provenance, then ids and times, then the mapped columns.

    Facts: `ts` and one column per subject. Attributes: `id`, `valid_from`, `valid_to`. Relations: `from_id`, `to_id`,
    `valid_from`, `valid_to`. References: their columns only.
    """
    columns: list[Column] = [LOAD, ROW]
    validity = [Column("valid_from", TIMESTAMP), Column("valid_to", TIMESTAMP)]
    if source.target == "fact":
        columns.append(Column("ts", TIMESTAMP, "When it happened, UTC."))
        columns += [Column(name, subjects[name].id_type) for name in source.subjects]
        grain = f"one row per {source.fact}"
    elif source.target == "attributes":
        columns += [Column("id", subjects[source.attributes or ""].id_type), *validity]
        grain = f"one row per {source.attributes} and span of validity"
    elif source.target == "relation":
        first, second = source.subjects
        columns += [Column("from_id", subjects[first].id_type), Column("to_id", subjects[second].id_type), *validity]
        grain = f"one row per pair of {first} and {second} and span of validity"
    else:
        grain = f"one row per {', '.join(source.key)}"
    columns += [Column(name, mapping.value_type, mapping.about.en) for name, mapping in source.columns.items()]
    return Table(target_table_name(source), tuple(columns), grain=grain)
