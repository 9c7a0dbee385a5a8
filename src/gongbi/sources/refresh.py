"""After loads: derived facts, members and counts, made anew together when anything under them has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from gongbi.catalog.base import SourceDef
from gongbi.catalog.encode import to_json
from gongbi.catalog.mapping import derived_in_order
from gongbi.catalog.tables import fact_table_name, member_table, target_table
from gongbi.errors import InvalidInput
from gongbi.sources.base import stop_if
from gongbi.sources.derive import derived_fact, members, mixed_groups, unmatched
from gongbi.sources.ledger import Entry
from gongbi.sources.overflow import underived
from gongbi.sources.work import Work

#: `facts`, `members`, `unmatched`, `mixed`: see `IngestReport`.
Summary = Mapping[str, Any]


def base_of(sources: Mapping[str, SourceDef], source: SourceDef) -> SourceDef:
    """The source of the fact that a fact is derived from."""
    return next(s for s in sources.values() if s.fact == source.from_.fact)


def state_of(work: Work) -> str:
    """A hash of everything that derived tables depend on."""
    loads = [e.load for e in work.ledger.loads("loaded")]
    definitions = [*map(to_json, work.sources.values()), *map(to_json, work.subjects.values())]
    text = json.dumps([loads, definitions, work.zone], ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def refresh(work: Work) -> tuple[Summary, bool]:
    """Bring derived facts and members up to date in one transaction; return the counts, and whether it was needed."""
    state, before = state_of(work), work.ledger.derived()
    if before is not None and before.sha256 == state:
        return before.details, False
    engine, dialect = work.engine, work.engine.dialect
    try:
        with engine.transaction():
            mixed = {}
            derived = derived_in_order(work.sources)
            for i, source in enumerate(derived):
                stop_if(work.cancelled)
                work.progress(source.source, i, len(derived))
                base = base_of(work.sources, source)
                engine.create(target_table(source, work.subjects), replace=True)
                plan = derived_fact(source, base, work.subjects, dialect, zone=work.zone)
                try:
                    engine.insert(target_table(source, work.subjects).name, plan)
                except InvalidInput as error:
                    raise underived(source, error) from error
                found = engine.query(mixed_groups(source, base, dialect)).to_pylist()[0]
                mixed[source.fact or ""] = {name: count for name, count in found.items() if count}
            known: dict[str, int] = {}
            for name, subject in work.subjects.items():
                stop_if(work.cancelled)
                work.progress("members", len(known), len(work.subjects))
                table = member_table(subject)
                engine.create(table, replace=True)
                known[name] = engine.insert(table.name, members(subject, work.sources.values(), dialect))
            summary = {
                "facts": _facts(work),
                "members": known,
                "unmatched": _unmatched(work),
                "mixed": {fact: counts for fact, counts in mixed.items() if counts},
            }
            work.ledger.put(Entry(0, "", "", "", state, 0, 0, "derived", None, summary))
    except BaseException:
        work.ledger.refresh()
        raise
    return summary, True


def _facts(work: Work) -> dict[str, int]:
    ident = work.engine.dialect.ident
    names = dict.fromkeys(s.fact for s in work.sources.values() if s.fact is not None)
    counted = {}
    for name in names:
        rows = work.engine.query(f"select count(*) as n from {ident(fact_table_name(name))}")
        counted[name] = int(rows["n"][0].as_py())
    return counted


def _unmatched(work: Work) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for source in work.sources.values():
        if source.fact is None or source.is_derived:
            continue
        plan = unmatched(source, work.subjects, work.describing, work.engine.dialect)
        if plan is not None:
            counts = {k: v for k, v in work.engine.query(plan).to_pylist()[0].items() if v}
            found[source.fact] = found.get(source.fact, {}) | counts
    return {fact: counts for fact, counts in found.items() if counts}
