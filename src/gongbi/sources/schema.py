"""What a file's columns must be, and what happens when they differ from those of the load before."""

from __future__ import annotations

from collections.abc import Mapping

from gongbi.catalog.base import SourceDef
from gongbi.catalog.tables import roles
from gongbi.sources.base import UnreadableSource
from gongbi.sources.plan import words_of

Changes = tuple[Mapping[str, str], ...]


def needed_columns(source: SourceDef) -> dict[str, None]:
    """Raw columns that the mapping names, in order; those inside an `expr` are not among them."""
    needed: dict[str, None] = dict.fromkeys(source.key)
    for time in (source.time, source.valid_from, source.valid_to):
        if time is not None:
            needed |= dict.fromkeys([time.column] if time.column else (time.lookup.on.values() if time.lookup else ()))
    for _, named in roles(source).values():
        needed |= dict.fromkeys([named.column] if named.column else named.identifiers.values())
    for name, mapping in source.columns.items():
        if mapping.lookup is not None:
            needed |= dict.fromkeys(mapping.lookup.on.values())
        elif mapping.expr is None:
            needed[mapping.from_ or name] = None
    return needed


def check_schema(
    source: SourceDef, path: str, columns: Mapping[str, str], before: Mapping[str, str]
) -> tuple[Changes, list[str]]:
    """Compare a file's columns with the mapping and with the load before, by the source's `SchemaRule`.

    Returns
    -------
    changes
        For the record: one mapping per change, with `column`, `change` (added, missing, changed), `before`, `now`.
    absent
        Columns that the mapping needs and the file lacks, where the rule says to go on without.
    """
    rule = source.schema
    needed = needed_columns(source)
    in_expressions = {w for m in source.columns.values() for w in words_of(m.expr or "") if w in before}
    absent = [c for c in (*needed, *sorted(in_expressions - set(needed))) if c not in columns]
    if absent and rule.missing == "refuse":
        raise _refused("missing_column", source, path, f"it has no column {_listed(absent)}", columns)
    changes: list[Mapping[str, str]] = [{"column": c, "change": "missing"} for c in absent if c not in before]
    if before:
        changes += [{"column": c, "change": "missing", "before": before[c]} for c in before if c not in columns]
        added = [c for c in columns if c not in before]
        if added and rule.added == "refuse":
            raise _refused("schema_changed", source, path, f"it has the new column {_listed(added)}", columns)
        if rule.added == "note":
            changes += [{"column": c, "change": "added", "now": columns[c]} for c in added]
        changed = [c for c in columns if c in before and before[c] != columns[c]]
        if changed and rule.changed == "refuse":
            seen = ", ".join(f"{c!r} (was {before[c]}, is {columns[c]})" for c in changed)
            raise _refused("schema_changed", source, path, f"the type of {seen} has changed", columns)
        changes += [{"column": c, "change": "changed", "before": before[c], "now": columns[c]} for c in changed]
    return tuple(changes), absent


def _listed(columns: list[str]) -> str:
    return ", ".join(map(repr, columns))


def _refused(trouble: str, source: SourceDef, path: str, what: str, columns: Mapping[str, str]) -> UnreadableSource:
    hint = f"It has: {', '.join(columns)}. Mend the file, the mapping, or the source's `schema` rule."
    return UnreadableSource(
        trouble,  # type: ignore[arg-type]
        path,
        f"{path} does not fit source {source.source!r}: {what}.",
        hint=hint,
        place=source.place,
    )
