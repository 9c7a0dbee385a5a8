"""What is known of members as of an instant, as tables with one row per member: attributes, tags, of one neighbour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gongbi.core import expr as ir
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Expr
from gongbi.core.relations import SELF, hop_of
from gongbi.core.render import Rendering, render
from gongbi.core.world import Hop, SubjectShape, World
from gongbi.errors import Bug


@dataclass(frozen=True, slots=True)
class Traits:
    """Where traits are read; see `core.relations` for their keys.

    Parameters
    ----------
    world, dialect, as_of
        The names, how SQL is written, and the instant: nothing later is visible.
    rendering
        Makes the rendering of expressions about one row, given how its leaves are called.
    single
        Attribute tables known to hold at most one row per member.
    tags
        Subject → the query or table, keyed by `id`, with the tags of it that are read.
    """

    world: World
    dialect: Dialect
    as_of: datetime
    rendering: Callable[[Callable[[Expr], str]], Rendering]
    single: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default_factory=dict)

    def place(self, subject: SubjectShape, key: str) -> str:
        """What is read together: the table of an attribute, the tags of a subject, the same behind a relation."""
        head, _, rest = key.partition("/")
        if rest:
            return f"{head}/{self.place(self.world.subject(hop_of(self.world, head).subject), rest)}"
        if head.startswith("tag."):
            return "tag"
        return "id" if head == "id" else subject.attribute(head).table

    def table(
        self, subject: SubjectShape, place: str, keys: Sequence[str], extra: Mapping[str, Expr] | None = None
    ) -> str:
        """A subquery with ``id`` and one column per key, and what is worked out of them.

        Grain: at most one row per member. `extra` gives the name of each further column, an expression over the traits.
        """
        quote = self.dialect.ident
        rendering = self.rendering(self.name)
        worked_out = "".join(f", {render(part, rendering)} as {name}" for name, part in (extra or {}).items())
        if "/" not in place and place not in ("tag", "id"):
            return self.attributes(subject, place, keys, worked_out)
        if place == "id":
            raise Bug("The id of a member is no trait of it.")
        if place == "tag":
            columns = ", ".join(f"{quote(key[4:])} as {quote(key)}" for key in keys)
            inner = f"select id, {columns} from {quote(self.tags[subject.name])}"
        else:
            inner = self.of_neighbour(place, keys)
        names = ", ".join(quote(key) for key in keys)
        return f"(select id, {names}{worked_out} from ({inner}) q)"

    def of_neighbour(self, place: str, keys: Sequence[str]) -> str:
        """Traits of the one neighbour that a member has at most."""
        quote = self.dialect.ident
        head, _, rest = place.partition("/")
        hop = hop_of(self.world, head)
        inner = [key.partition("/")[2] for key in keys]
        if rest == "id":
            columns = ", ".join(f"p.other as {quote(key)}" for key in keys)
            return f"select p.{SELF} as id, {columns} from ({self.pairs(hop)}) p"
        columns = ", ".join(f"n.{quote(own)} as {quote(key)}" for own, key in zip(inner, keys, strict=True))
        there = self.table(self.world.subject(hop.subject), rest, inner)
        return f"select p.{SELF} as id, {columns} from ({self.pairs(hop)}) p left join {there} n on n.id = p.other"

    def pairs(self, hop: Hop, columns: Sequence[str] = ()) -> str:
        """The pairs of a relation as of the instant, from one of its ends: ``_self``, ``other``, columns.

        Grain: one row per pair; where each member has at most one neighbour, per member. The newest statement wins.
        """
        quote = self.dialect.ident
        shape = self.world.relation(hop.relation)
        here, there = ("from_id", "to_id") if hop.to == 1 else ("to_id", "from_id")
        by = "from_id" if shape.to_one else "from_id, to_id"
        taken = "".join(f", {quote(column)}" for column in columns)
        ranked = (
            f"select {here} as {SELF}, {there} as other{taken}, row_number() over (partition by {by} order by"
            f" valid_from desc nulls last, _load desc, _row desc) as {quote('_place.')}"
            f" from {quote(shape.table)} where from_id is not null and to_id is not null and {self.valid()}"
        )
        return f"select {SELF}, other{taken} from ({ranked}) q where {quote('_place.')} = 1"

    def neighbours(self, hops: Sequence[Hop], columns: Sequence[str] = ()) -> str:
        """The rows along some steps: ``_self``, ``_1``, ``_2`` and columns of the last relation.

        Grain: one row per member and way to a neighbour.
        """
        quote = self.dialect.ident
        tables, last = [], len(hops)
        for i, hop in enumerate(hops, 1):
            tables.append(f"({self.pairs(hop, columns if i == last else ())}) h{i}")
        joined = "".join(f" join {table} on h{i}.{SELF} = h{i - 1}.other" for i, table in enumerate(tables[1:], 2))
        ids = ", ".join(f"h{i}.other as _{i}" for i in range(1, last + 1))
        taken = "".join(f", h{last}.{quote(column)} as {quote(column)}" for column in columns)
        return f"select h1.{SELF} as {SELF}, {ids}{taken} from {tables[0]}{joined}"

    def attributes(self, subject: SubjectShape, table: str, keys: Sequence[str], worked_out: str) -> str:
        """One source's attributes as of the instant."""
        quote = self.dialect.ident
        columns = ", ".join(quote(key) for key in keys)
        if table in self.single or all(subject.attribute(key).unique for key in keys):
            return f"(select id, {columns}{worked_out} from {quote(table)} where {self.valid()})"
        # Several records may describe one member (merged customers, overlapping spans): the newest statement wins.
        newest = "row_number() over (partition by id order by valid_from desc nulls last, _load desc, _row desc)"
        place = quote("_place.")  # No attribute can be called so.
        ranked = f"select id, {columns}, {newest} as {place} from {quote(table)} where {self.valid()}"
        return f"(select id, {columns}{worked_out} from ({ranked}) q where {place} = 1)"

    def valid(self) -> str:
        """The condition that a description held at the instant."""
        now = self.dialect.literal(self.as_of)
        # Half-open like every window: what begins at the instant itself is not known yet.
        return f"(valid_from is null or valid_from < {now}) and (valid_to is null or valid_to >= {now})"

    def name(self, leaf: Expr) -> str:
        """How a trait is called in its table."""
        if isinstance(leaf, ir.RelatedColumn):
            return self.dialect.ident(leaf.attribute)
        raise Bug(f"A related subject has no {type(leaf).__name__}.")
