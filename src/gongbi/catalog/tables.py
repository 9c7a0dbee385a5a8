"""Names and shapes of the engine tables that follow from the definitions of sources.

Every table that holds loaded rows carries `_load` (the load that brought the row) and `_row` (its row number in the
file, from 1), so that each figure leads back to a line of a file. Rows of derived facts have `_load` 0.

Columns that begin with an underscore are not named in expressions. Besides provenance they are `_key_COLUMN`, a key
column that is not mapped to a column of its own, and `_own_ROLE`, the id that a record alone would have given a member
of a resolved subject: identity may unite it with others, and finds the way back by it.
"""

from __future__ import annotations

from collections.abc import Mapping

from gongbi.catalog.base import SourceDef, SubjectDef, SubjectMap, TagDef
from gongbi.catalog.makers.given import TYPES, attribute_of, table_of
from gongbi.core.table import Column, Table
from gongbi.core.types import INTEGER, TEXT, TIMESTAMP, Type
from gongbi.errors import UnknownName

LOAD = Column("_load", INTEGER, "The load that brought the row.")
ROW = Column("_row", INTEGER, "Row number in the file, from 1.")
SUPERSEDED_BY = Column("_by", INTEGER, "The load that took the row's place.")


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
    """Rows whose key came again in a later load, or whose file did; `_by` says in which."""
    return f"superseded_{table}"


def own_column(role: str) -> str:
    """`_own_customer`: the id that the record alone would have given; `role` is the column that holds the id."""
    return f"_own_{role}"


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
        Column("repaired_by", INTEGER, "The load that settled it: with the row mended, or in the place of its load."),
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


def given_table(tag: TagDef, id_type: Type) -> Table:
    """The values of a tag that are given; `_load` leads to the file or the act that gave one, `_ended` to its end."""
    assert tag.maker is not None
    columns = (
        Column("id", id_type),
        Column(attribute_of(tag.tag), TYPES[tag.maker.maker.type]),  # type: ignore[attr-defined]
        Column("valid_from", TIMESTAMP, "It holds from this instant on."),
        Column("valid_to", TIMESTAMP, "And up to this one; still, where absent."),
        Column("by", TEXT, "Who gave it."),
        Column("why", TEXT),
        LOAD,
        ROW,
        Column("_ended", INTEGER, "The load that ended it."),
        Column(own_column("id"), id_type, "Whom it was given to, who may have been united with others since."),
    )
    return Table(table_of(tag.tag), columns, grain=f"one row per {tag.subject} and time of a value")


def target_table_name(source: SourceDef) -> str:
    """Name of the table that a source's rows go to."""
    if source.target == "fact":
        return fact_table_name(source.fact or "")
    if source.target == "attributes":
        return attribute_table_name(source.source)
    if source.target == "relation":
        return relation_table_name(source.relation or "")
    return reference_table_name(source.reference or "")


def roles(source: SourceDef) -> dict[str, tuple[str, SubjectMap]]:
    """Columns of the target that hold ids of members: column → (subject, how a row names it)."""
    if source.target == "attributes":
        assert source.attributes is not None
        assert source.id is not None
        return {"id": (source.attributes, source.id)}
    if source.target == "relation":
        ends = [(named.subject or role, named) for role, named in source.subjects.items()]
        return dict(zip(("from_id", "to_id"), ends, strict=True))
    return {name: (name, subject) for name, subject in source.subjects.items()} if source.target == "fact" else {}


def key_columns(source: SourceDef) -> dict[str, str]:
    """Raw key column → the column of the target that keeps its value, in the order of the key.

    A key column that is mapped as it is, or names a subject by its key, is kept once; any other, also an identifier
    (whose customer may change when records are united), in a column `_key_NAME` as text.
    """
    found: dict[str, str] = {}
    for role, (_, subject) in roles(source).items():
        if subject.column is not None:
            found.setdefault(subject.column, role)
    for name, mapping in source.columns.items():
        plain = mapping.expr is None and mapping.lookup is None and mapping.sign != "reversed"
        if plain and mapping.default is None and mapping.type_ in ("integer", "text"):
            found.setdefault(mapping.from_ or name, name)
    return {raw: found.get(raw, f"_key_{raw}") for raw in source.key}


def target_table(source: SourceDef, subjects: Mapping[str, SubjectDef]) -> Table:
    """The table that a source's rows go to: provenance, then ids and times, then the mapped columns.

    Facts: `ts`, `until` where they last, and one column per subject. Attributes: `id`, `valid_from`, `valid_to`.
    Relations: `from_id`, `to_id`, `valid_from`, `valid_to`. References: their columns only. Columns with an underscore
    come last.
    """
    columns: list[Column] = [LOAD, ROW]
    validity = [Column("valid_from", TIMESTAMP), Column("valid_to", TIMESTAMP)]
    who = roles(source)
    ids = [Column(role, subject_of(subjects, name, source).id_type) for role, (name, _) in who.items()]
    if source.target == "fact":
        end = [Column("until", TIMESTAMP, "When it ends, UTC; null where that is open.")] if source.lasts else []
        columns += [Column("ts", TIMESTAMP, "When it happened, UTC."), *end, *ids]
        grain = f"one row per {source.fact}"
    elif source.target == "attributes":
        columns += [*ids, *validity]
        grain = f"one row per {source.attributes} and span of validity"
    elif source.target == "relation":
        columns += [*ids, *validity]
        grain = f"one row per pair of {' and '.join(source.subjects)} and span of validity"
    else:
        grain = f"one row per {', '.join(source.key)}"
    columns += [Column(name, mapping.value_type, mapping.about.en) for name, mapping in source.columns.items()]
    columns += [
        Column(own_column(role), subject_of(subjects, name, source).id_type, "The id that the record alone gives.")
        for role, (name, subject) in who.items()
        if subject.identifiers
    ]
    kept = key_columns(source)
    columns += [Column(name, TEXT, "A key column without a mapping.") for name in kept.values() if name[:5] == "_key_"]
    return Table(target_table_name(source), tuple(columns), key=tuple(kept.values()), grain=grain)


def superseded_table(table: Table) -> Table:
    """Where the rows of `table` wait whose place a later load has taken."""
    columns = (*table.columns, SUPERSEDED_BY)
    return Table(superseded_table_name(table.name), columns, grain=f"{table.grain}, and load")


def subject_of(subjects: Mapping[str, SubjectDef], name: str, source: SourceDef) -> SubjectDef:
    """Return the subject that a source names; `UnknownName` with the source's place where there is none."""
    if name not in subjects:
        raise UnknownName("subject", name, subjects, place=source.place)
    return subjects[name]
