"""From the column of a file to the campaign that rests on it: a graph of what is made from what. Pure.

An edge goes from what is read to what is made of it. A node is known by its kind and name, written ``kind:name``:

- ``file:SOURCE`` where the rows of a source come from, ``raw:SOURCE.COLUMN`` one of its columns;
- ``person:TAG`` who sets a tag by hand, ``file:TAG`` from which its values are imported;
- ``column:FACT.COLUMN``, ``attribute:SUBJECT.NAME``, ``fact:FACT`` (its rows as such, which are counted),
  ``relation:NAME`` (who is joined to whom);
- ``tag:NAME``, ``segment:NAME``, ``model:NAME``, ``grading:NAME``, ``campaign:NAME``, ``worklist:NAME``, ``cast:NAME``,
  ``yearbook:NAME``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gongbi.catalog.catalog import Catalog, model_tags, titles
from gongbi.catalog.drawn import fitting
from gongbi.catalog.grades import grading_tags
from gongbi.catalog.makers import Maker
from gongbi.catalog.makers.given import Imported
from gongbi.catalog.mapping import ColumnMap, Lookup, Origin, SourceDef, SubjectMap, TimeMap
from gongbi.core import expr as ir
from gongbi.core.expr import Attribute, Call, Expr, FactColumn, RelatedColumn, TagValue
from gongbi.core.language import check_expression
from gongbi.core.parser import parse
from gongbi.core.relations import shape_of, trait_end
from gongbi.core.syntax import Name, walk
from gongbi.core.world import World
from gongbi.errors import GongbiError, UnknownName

#: Kinds in the order in which data flow.
KINDS = (
    *("person", "file", "raw", "fact", "relation", "column", "attribute", "tag", "segment", "model", "grading"),
    *("campaign", "worklist", "cast", "yearbook"),
)


@dataclass(frozen=True, slots=True)
class Node:
    """A thing that is made, or read. `title` is what people call it; `detail` where a file lies, or an expression."""

    kind: str
    name: str
    title: tuple[str, str] = ("", "")
    detail: str = ""

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.name}"

    def to_json(self) -> dict[str, Any]:
        """For doors."""
        title = {"zh": self.title[0], "en": self.title[1]}
        return {"id": self.id, "kind": self.kind, "name": self.name, "title": title, "detail": self.detail}


@dataclass(slots=True)
class Graph:
    """Nodes by id, and edges (from, to)."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], None] = field(default_factory=dict)

    def add(self, node: Node) -> str:
        """Take in a node; one that is there and has a title stays."""
        there = self.nodes.get(node.id)
        if there is None or (node.title[1] and not there.title[1]):
            self.nodes[node.id] = node
        return node.id

    def link(self, read: str, made: str) -> None:
        """Say that one is read to make the other."""
        if read != made:
            self.edges[read, made] = None

    def around(self, id_: str, *, up: bool = True, down: bool = True, steps: int | None = None) -> Graph:
        """What a node is made from, and what is made of it, at most so many steps away."""
        keep = {id_}
        for wanted, (here, there) in ((up, (1, 0)), (down, (0, 1))):
            near: dict[str, list[str]] = {}
            for edge in self.edges:
                near.setdefault(edge[here], []).append(edge[there])
            layer, left = {id_} if wanted else set(), steps
            seen = set(layer)
            while layer and (left is None or left > 0):
                layer = {other for one in layer for other in near.get(one, ())} - seen
                seen |= layer
                left = None if left is None else left - 1
            keep |= seen
        nodes = {name: node for name, node in self.nodes.items() if name in keep}
        return Graph(nodes, {edge: None for edge in self.edges if edge[0] in keep and edge[1] in keep})


def lineage_of(catalog: Catalog) -> Graph:
    """The graph of all definitions."""
    graph = Graph()
    for source in catalog.sources.values():
        _source(graph, source, catalog)
    called = titles(catalog.tags)
    for (subject, tag), expr in catalog.expressions.items():
        text = catalog.tags[tag].expression
        made = graph.add(Node("tag", tag, called[tag], text))
        if (giver := catalog.tags[tag].maker) is not None and giver.is_given:
            graph.link(graph.add(_giver(tag, giver)), made)
            continue
        _reads(graph, made, expr, text, subject, catalog)
    for model in catalog.models.values():
        made = graph.add(Node("model", model.model, (model.name.zh, model.name.en), model.estimator))
        for tag in model_tags(model):
            graph.link(made, graph.add(Node("tag", tag)))
    for segment in catalog.segments.values():
        made = graph.add(Node("segment", segment.segment, (segment.name.zh, segment.name.en), segment.expression))
        _reads(graph, made, catalog.conditions[segment.segment], segment.expression, segment.subject, catalog)
    _learned(graph, catalog)
    _drawn(graph, catalog)
    _ids(graph, catalog)
    return graph


def _learned(graph: Graph, catalog: Catalog) -> None:
    """What models and campaigns read."""
    for model in catalog.models.values():
        made = f"model:{model.model}"
        if model.fact is not None:
            for column in ("ts", model.subject, model.amount or "ts"):
                graph.link(_column(graph, model.fact, column), made)
        for tag in catalog.features(model.features, model.subject) if model.features else ():
            graph.link(graph.add(Node("tag", tag)), made)
        texts = [text for c in (*model.train, *model.test) for text in (c.population, c.target)]
        own = (model.target, model.population, model.score, model.elsewhere, model.market)
        _texts(graph, made, [*texts, *(text for text in own if text)], model.subject, catalog)
    for campaign in catalog.campaigns.values():
        made = graph.add(Node("campaign", campaign.campaign, (campaign.name.zh, campaign.name.en)))
        texts = [campaign.eligible, campaign.score, campaign.received, campaign.responded, campaign.outcome]
        _texts(graph, made, [*texts, *campaign.reasons, *campaign.funnel], "customer", catalog)
        for tag in (*campaign.match_on, *campaign.by):
            graph.link(graph.add(Node("tag", tag)), made)


def _giver(tag: str, maker: Maker) -> Node:
    """Where the values of a given tag come from: people, or files that somebody imports."""
    if isinstance(maker.maker, Imported):
        return Node("file", tag, ("取值的文件", "Imported file"), f"gongbi tags import {tag}")
    return Node("person", tag, ("人工录入", "Set by hand"), f"gongbi tags set {tag}")


def _ids(graph: Graph, catalog: Catalog) -> None:
    """Ids that something reads come from every source that names the subject's members."""
    for subject in catalog.subjects:
        id_ = f"attribute:{subject}.id"
        if id_ not in graph.nodes:
            continue
        for source in catalog.sources.values():
            named = [how for role, how in source.subjects.items() if (how.subject or role) == subject]
            named += [source.id] if source.id is not None and source.attributes == subject else []
            if source.from_.fact is None:
                raw = _Raw(graph, source, catalog)
                _linked(graph, (raw.column(c) for how in named for c in _columns_of(how)), id_)


def _columns_of(how: SubjectMap) -> list[str]:
    """The raw columns by which a row names a member."""
    return [c for c in (how.column, *how.identifiers.values()) if c]


def _drawn(graph: Graph, catalog: Catalog) -> None:
    """Gradings, worklists, casts and yearbooks."""
    for grading in catalog.gradings.values():
        made = graph.add(Node("grading", grading.grading, (grading.name.zh, grading.name.en)))
        _texts(graph, made, [grading.first, grading.volume, grading.contact], grading.subject, catalog)
        for tag in grading_tags(grading):
            graph.link(made, graph.add(Node("tag", tag.tag)))
    for work in catalog.worklists.values():
        made = graph.add(Node("worklist", work.worklist, (work.name.zh, work.name.en), work.expr))
        _texts(graph, made, [work.expr, work.by or "", *work.columns, *work.order], work.subject, catalog)
    for cast in catalog.casts.values():
        made = graph.add(Node("cast", cast.cast, (cast.name.zh, cast.name.en)))
        groups = [("model", cast.clusters)] if cast.clusters else [("segment", name) for name in cast.segments]
        groups += [("segment", cast.among)] if cast.among else []
        patterns = [pattern for patterns in cast.fields.values() for pattern in patterns]
        read = [*groups, *(("tag", tag) for tag in fitting(patterns, catalog.world.tags_of(cast.subject)))]
        for kind, name in read:
            graph.link(graph.add(Node(kind, name)), made)
    for book in catalog.yearbooks.values():
        made = graph.add(Node("yearbook", book.yearbook, (book.name.zh, book.name.en)))
        graph.link(graph.add(Node("fact", book.fact)), made)
        texts = [*(one.expr for one in book.figures), *(one.expr for one in book.charts)]
        _texts(graph, made, texts, book.subject, catalog)


def find(graph: Graph, name: str) -> str:
    """The node of a name: ``kind:name``, a bare name, or as expressions write it (``tag.NAME``, ``segment.NAME``).

    Raises
    ------
    UnknownName
        Nothing is called so; with the nearest name.
    """
    name = name.strip()
    if name in graph.nodes:
        return name
    head, _, rest = name.partition(".")
    given = [f"{head}:{rest}"] if head in KINDS and rest else []
    given += [f"{kind}:{name}" for kind in (*KINDS[KINDS.index("tag") :], *KINDS[2 : KINDS.index("tag")], "file")]
    for one in [*given, f"raw:{name}"]:
        if one in graph.nodes:
            return one
    raise UnknownName("definition or column", name, {node.name for node in graph.nodes.values()})


# -- sources ----------------------------------------------------------------------------------------


def _source(graph: Graph, source: SourceDef, catalog: Catalog) -> None:
    base = source.from_.fact
    raw = _Raw(graph, source, catalog)
    if base is None:
        graph.add(Node("file", source.source, (source.name.zh, source.name.en), origin(source.from_)))
    if source.fact is not None:
        rows = graph.add(Node("fact", source.fact, (source.name.zh, source.name.en)))
        for column in source.key:
            graph.link(raw.column(column), rows)
        for column in source.from_.group_by:
            graph.link(raw.column(column), rows)
        if base is None and not source.key:
            graph.link(f"file:{source.source}", rows)
        _linked(graph, raw.time(source.time) if base is None else [raw.column("ts")], _column(graph, source.fact, "ts"))
        if base is None and source.time is not None and source.time.end is not None:
            _linked(graph, [raw.column(source.time.end)], _column(graph, source.fact, "until"))
        for subject, how in source.subjects.items():
            named = [how.column] if how.column is not None else list(how.identifiers.values())
            _linked(graph, [raw.column(c) for c in named if c], _column(graph, source.fact, subject))
    if source.relation is not None:
        rows = graph.add(Node("relation", source.relation, (source.name.zh, source.name.en)))
        for how in source.subjects.values():
            _linked(graph, [raw.column(c) for c in _columns_of(how)], rows)
        for valid in (source.valid_from, source.valid_to):
            _linked(graph, raw.time(valid), rows)
    for name, mapping in source.columns.items():
        kind = "attribute" if source.attributes is not None else "column"
        whose = source.fact or source.attributes or source.relation or source.reference
        made = graph.add(Node(kind, f"{whose}.{name}", (mapping.name.zh, mapping.name.en)))
        _linked(graph, raw.read(name, mapping), made)


@dataclass(frozen=True, slots=True)
class _Raw:
    """The columns that a source reads: of its files, or of the fact that it is derived from."""

    graph: Graph
    source: SourceDef
    catalog: Catalog

    def column(self, name: str) -> str:
        if self.source.from_.fact is not None:
            return _column(self.graph, self.source.from_.fact, name)
        file = self.graph.add(Node("file", self.source.source, detail=origin(self.source.from_)))
        found = self.graph.add(Node("raw", f"{self.source.source}.{name}", detail=origin(self.source.from_)))
        self.graph.link(file, found)
        return found

    def time(self, time: TimeMap | None) -> list[str]:
        if time is None:
            return []
        return [self.column(time.column)] if time.column is not None else self.lookup(time.lookup)

    def lookup(self, lookup: Lookup | None) -> list[str]:
        if lookup is None:
            return []
        found = [self.column(name) for name in lookup.on.values()]
        for other in self.catalog.sources.values():
            if other.reference == lookup.reference:
                named = [n for n in _names(lookup.expr) if n in other.columns]
                found += [self.graph.add(Node("column", f"{other.reference}.{n}")) for n in [*named, *lookup.on]]
        return found

    def read(self, name: str, mapping: ColumnMap) -> list[str]:
        if mapping.lookup is not None:
            return self.lookup(mapping.lookup)
        if mapping.expr is None:
            return [self.column(mapping.from_ or name)]
        base = self.source.from_.fact
        names = list(_names(mapping.expr))
        if base is None:
            return [self.column(n) for n in names]
        shape = self.catalog.world.fact(base)
        found = [self.column(n) for n in names if shape.column(n) is not None]
        return found or [self.graph.add(Node("fact", base))]


def origin(from_: Origin) -> str:
    """Where rows come from, for people; a database without its password."""
    if from_.package is not None:
        return f"{from_.package}/{from_.table}"
    if from_.database is not None:
        return f"{from_.database.rpartition('@')[2]} {from_.query}"
    return from_.file or f"fact {from_.fact}"


def _names(text: str) -> Iterator[str]:
    for part in walk(parse(text)):
        if isinstance(part, Name):
            yield part.parts[-1]


def _column(graph: Graph, fact: str, column: str) -> str:
    return graph.add(Node("column", f"{fact}.{column}"))


def _linked(graph: Graph, read: Iterable[str], made: str) -> None:
    for one in read:
        graph.link(one, made)


# -- expressions ------------------------------------------------------------------------------------


def _texts(graph: Graph, made: str, texts: Iterable[str], subject: str, catalog: Catalog) -> None:
    for text in texts:
        if text.strip():
            expr = check_expression(text, catalog.world, subject, ahead=True)
            _reads(graph, made, expr, text, subject, catalog)


def _reads(graph: Graph, made: str, expr: Expr, text: str, subject: str, catalog: Catalog) -> None:
    """Link what an expression reads; what a segment in it reads is linked to the segment."""
    through = [s for s in _segments(text) if s in catalog.segments]
    inside = {one for s in through for one in _parts(catalog.conditions.get(s), subject, catalog.world)}
    for segment in through:
        graph.link(graph.add(Node("segment", segment)), made)
    for kind, name in _parts(expr, subject, catalog.world):
        if (kind, name) not in inside:
            graph.link(graph.add(Node(kind, name)), made)


def _segments(text: str) -> list[str]:
    try:
        parts = [part.parts for part in walk(parse(text)) if isinstance(part, Name)]
    except GongbiError:
        return []
    return [p[1] for p in parts if p[0] == "segment" and len(p) == 2]


def _parts(expr: Expr | None, subject: str, world: World) -> list[tuple[str, str]]:
    found: dict[tuple[str, str], None] = {}
    for part in ir.walk(expr) if expr is not None else ():
        if isinstance(part, FactColumn):
            found |= dict.fromkeys(_rows(part.fact, part.column))
        elif isinstance(part, RelatedColumn):
            found |= dict.fromkeys(_trait(world, shape_of(world, part.fact).described(part.subject), part.attribute))
            found |= dict.fromkeys(_rows(part.fact, part.subject))
        elif isinstance(part, Attribute):
            found |= dict.fromkeys(_trait(world, part.subject, part.attribute))
        elif isinstance(part, TagValue):
            found["tag", part.tag] = None
        elif isinstance(part, Call) and part.is_aggregate and part.fact is not None:
            if "." not in part.fact:
                found["fact", part.fact] = None
            found |= dict.fromkeys(_rows(part.fact, "" if "." in part.fact else subject))
    return list(found)


def _rows(fact: str, column: str) -> list[tuple[str, str]]:
    """A column of a fact; or of the last relation on the way to neighbours, with all relations on it."""
    if "." not in fact:
        return [("column", f"{fact}.{column}")]
    hops = [key.partition(".")[0] for key in fact.split("/")]
    own = [] if column in ("id", "") or column.startswith("_") else [("column", f"{hops[-1]}.{column}")]
    return [*(("relation", name) for name in hops), *own]


def _trait(world: World, subject: str, key: str) -> list[tuple[str, str]]:
    """What is read of a member, or of its one neighbour, with the relations that lead there."""
    owner, name = trait_end(world, subject, key)
    read = ("tag", name[4:]) if name.startswith("tag.") else ("attribute", f"{owner}.{name}")
    return [*(("relation", hop.partition(".")[0]) for hop in key.split("/")[:-1]), read]


def as_json(graph: Graph, focus: str) -> Mapping[str, Any]:
    """For doors: nodes in the order in which data flow, edges as pairs."""
    order = {kind: i for i, kind in enumerate(KINDS)}
    nodes = sorted(graph.nodes.values(), key=lambda node: (order[node.kind], node.name))
    return {
        "focus": focus,
        "nodes": [node.to_json() for node in nodes],
        "edges": [{"from": read, "to": made} for read, made in graph.edges],
    }
