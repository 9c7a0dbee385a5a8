"""Syntax tree → typed expression: names are looked up, types checked, every fault shown with its place in the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gongbi.core import expr as ir
from gongbi.core import steps
from gongbi.core.demands import demand, literal
from gongbi.core.expand import expanded, in_whole_days
from gongbi.core.expr import Attribute, Call, Constant, Expr, FactColumn, RawColumn, RelatedColumn, TagValue
from gongbi.core.functions import CATALOGUE, Function, Phrase, Regroup, function
from gongbi.core.functions.groups import BY_TIME, averaged_over
from gongbi.core.functions.moments import WINDOWS
from gongbi.core.functions.places import own_columns
from gongbi.core.growth import bounded
from gongbi.core.levels import chosen_from
from gongbi.core.lexer import shown
from gongbi.core.parser import parse
from gongbi.core.relations import TIMES, follow, neighbours, shape_of, trait, ways
from gongbi.core.signatures import joint_level, matched, typed_call, unified, widened
from gongbi.core.syntax import Apply, Literal, Name, Node, Span, walk
from gongbi.core.types import BOOLEAN, DATE, TEXT, TIMESTAMP, Type
from gongbi.core.world import FactShape, Hop, RelationShape, World
from gongbi.errors import GongbiError, InvalidExpression, UnknownName, WrongType

MAX_PARTS = 10_000
COMPARING = frozenset({"=", "<>", "<", "<=", ">", ">="})
MAX_DEPTH = 150


@dataclass(slots=True)
class Budget:
    """Bounds an expression after its segments were put in: a few that hold each other grow without end."""

    parts: int = MAX_PARTS
    depth: int = MAX_DEPTH

    def spend(self) -> None:
        """Take one part, one level deeper."""
        self.parts -= 1
        self.depth -= 1
        if self.parts < 0 or self.depth < 0:
            what = f"nested more than {MAX_DEPTH} deep" if self.depth < 0 else f"more than {MAX_PARTS:,} parts long"
            raise InvalidExpression(
                f"With the segments it names, the expression is {what}.", hint="Split it into tags."
            )


@dataclass(frozen=True, slots=True)
class Setting:
    """What an expression may use where it stands.

    Parameters
    ----------
    world
        All names.
    subject
        The described subject; None for expressions over raw rows.
    raw
        Raw columns, for the mapping of a source. `group` names what ``count(…)`` may count there.
    fact
        The fact of the aggregate that the checker is inside of.
    ahead
        Whether ``ahead`` and ``during`` are allowed.
    opened
        Segments being expanded, to find circles.
    budget
        What is left for the whole expression, its segments included.
    """

    world: World
    subject: str | None = None
    raw: Mapping[str, Type] | None = None
    group: str | None = None
    fact: FactShape | None = None
    inside: bool = False
    ahead: bool = False
    opened: tuple[str, ...] = ()
    budget: Budget = field(default_factory=Budget)


def check(text: str, setting: Setting) -> Expr:
    """Read and check one expression.

    Raises
    ------
    InvalidExpression, WrongType, UnknownName
        With the part at fault and, for names, the nearest one that exists.
    """
    if not setting.opened:
        setting = replace(setting, budget=Budget())
    return _Checker(text, setting).of(parse(text), setting)


class _Checker:
    def __init__(self, text: str, setting: Setting) -> None:
        self.text = text
        self.setting = setting

    def placed(self, error: GongbiError, node: Node) -> GongbiError:
        """The same error, showing the part of the text at fault."""
        if not getattr(error, "shown", False):
            if isinstance(error, UnknownName) and self.text[node.span.start : node.span.start + 1] in '"“”':
                error.hint = f"Double quotes hold names; texts stand in single quotes, e.g. '{error.name}'."
            error.message += shown(self.text, node.span)
            error.args = (error.message,)
            error.shown = True  # type: ignore[attr-defined]
        return error

    def of(self, node: Node, at: Setting) -> Expr:
        try:
            at.budget.spend()
            if isinstance(node, Literal):
                found: Expr = literal(node.value)
            elif isinstance(node, Name):
                found = self.name(node, at)
            else:
                found = self.apply(node, at)
        except GongbiError as error:
            raise self.placed(error, node) from None
        at.budget.depth += 1
        return found

    # -- names ------------------------------------------------------------------------------------

    def name(self, node: Name, at: Setting) -> Expr:
        first, rest = node.parts[0], node.parts[1:]
        if at.raw is not None:
            return self.raw_column(node, at.raw)
        if first == "tag":
            return self.tag(".".join(rest), at)
        if first == "segment" and len(rest) == 1:
            return self.segment(rest[0], at)
        if at.fact is not None:
            return self.fact_name(at.fact, first, rest, at)
        return self.member_name(first, rest, at)

    def raw_column(self, node: Name, raw: Mapping[str, Type]) -> Expr:
        name = node.parts[-1]
        if name not in raw or len(node.parts) > 2:
            raise UnknownName("column", str(node), raw)
        return RawColumn(name, raw[name])

    def tag(self, name: str, at: Setting) -> Expr:
        if at.inside:
            raise InvalidExpression(
                f"The tag {name!r} belongs to a member and cannot stand inside an aggregate over rows."
            )
        assert at.subject is not None
        tags = at.world.tags_of(at.subject)
        if name not in tags:
            raise UnknownName(f"tag of {at.subject}", name, tags)
        return TagValue(name, tags[name])

    def segment(self, name: str, at: Setting) -> Expr:
        if name not in at.world.segments:
            raise UnknownName("segment", name, at.world.segments)
        subject, text = at.world.segments[name]
        if at.inside or subject != at.subject:
            raise InvalidExpression(f"The segment {name!r} holds {subject}s and cannot stand here.")
        if name in at.opened:
            raise InvalidExpression(f"The segment {name!r} contains itself: {' → '.join((*at.opened, name))}.")
        inner = check(text, replace(at, opened=(*at.opened, name), ahead=False))
        demand(inner, "boolean", f"The segment {name!r}")
        inner = widened(inner, BOOLEAN)
        # A member for whom the segment's expression is unknown is not in it; `not segment.x` then holds them.
        return Call(function("is_true"), (inner,), BOOLEAN, "member")

    def fact_name(self, fact: FactShape, first: str, rest: tuple[str, ...], at: Setting) -> Expr:
        if fact.hops:
            return self.neighbour_name(fact, (first, *rest), at)
        if first == fact.name and rest:
            first, rest = rest[0], rest[1:]
        type_ = fact.column(first)
        if type_ is None:
            if first == fact.name:
                raise InvalidExpression(
                    f"{first!r} is the fact itself; here one of its columns must stand, or a condition.",
                    hint=f"For example {first}.{next(iter(fact.columns), 'ts')}; count({first}) counts its rows.",
                )
            if first in at.world.facts:
                raise InvalidExpression(f"One aggregate reads one fact; here {fact.name!r} meets {first!r}.")
            raise UnknownName(f"column of {fact.name}", first, fact.names)
        if not rest or (first in fact.subjects and rest == ("id",)):
            return FactColumn(fact.name, first, type_)
        if first not in fact.subjects:
            raise InvalidExpression(f"{first!r} is a plain column of {fact.name}: nothing can follow it.")
        key, type_ = trait(at.world, first, rest)
        return RelatedColumn(fact.name, first, key, type_)

    def neighbour_name(self, path: FactShape, parts: tuple[str, ...], at: Setting) -> Expr:
        """A name inside an aggregate over neighbours: what is known of one of them, or of the pair."""
        assert at.subject is not None
        hops, rest = follow(at.world, at.subject, parts)
        said, last = ".".join(parts), path.hops[-1]
        if len(rest) == 1 and rest[0] in path.columns and (not hops or hops == path.hops):
            of_pair = not hops or "relation" in parts[-3:-1]
            if of_pair or rest[0] not in at.world.subject(last.subject).attributes:
                return FactColumn(path.name, rest[0], path.columns[rest[0]])
        if not hops:
            raise UnknownName(f"column of {last.relation}", said, [*path.columns, *(one.role for one in path.hops)])
        shared = 0
        while shared < min(len(hops), len(path.hops)) and hops[shared] == path.hops[shared]:
            shared += 1
        if shared == 0 or (shared < len(path.hops) and shared < len(hops)):
            taken = ".".join(one.role for one in path.hops)
            raise InvalidExpression(
                f"One aggregate follows one way; here {taken!r} meets {said!r}.",
                hint="Use two aggregates: they may stand in one expression.",
            )
        further = [word for one in hops[shared:] for word in ("relation", one.relation, one.role)]
        key, type_ = trait(at.world, path.hops[shared - 1].subject, (*further, *rest))
        if key == "id":
            return FactColumn(path.name, f"_{shared}", type_)
        return RelatedColumn(path.name, f"_{shared}", key, type_)

    def member_name(self, first: str, rest: tuple[str, ...], at: Setting) -> Expr:
        assert at.subject is not None
        subject = at.world.subject(at.subject)
        if first == subject.name and len(rest) <= 1:
            name = rest[0] if rest else "id"
        elif not rest and first in subject.attributes:
            name = first
        elif first not in at.world.facts and follow(at.world, subject.name, (first, *rest))[0]:
            key, type_ = trait(at.world, subject.name, (first, *rest))
            return Attribute(subject.name, key, type_)
        elif first in at.world.facts:
            if rest and at.world.facts[first].column(rest[0]) is None:
                raise UnknownName(f"column of {first}", rest[0], at.world.facts[first].names)
            what = ".".join((first, *rest))
            held = at.world.facts[first].column(rest[0]) if len(rest) == 1 else None
            # Of words one wants the most frequent or the last, seldom the largest.
            hint = f"For example max({what}) or count({first})."
            if held == TEXT:
                hint = f"For example mode({what}) or last({what})."
            raise InvalidExpression(f"{what!r} has many rows per {subject.name}; it needs an aggregate.", hint=hint)
        else:
            raise UnknownName("name", ".".join((first, *rest)), self.names(at))
        if name == "id":
            return Attribute(subject.name, "id", subject.id_type)
        return Attribute(subject.name, name, subject.attribute(name).type)

    def names(self, at: Setting) -> list[str]:
        """What could have been meant at member level."""
        assert at.subject is not None
        subject = at.world.subject(at.subject)
        attributes = [f"{subject.name}.{a}" for a in subject.attributes]
        columns = [f"{f.name}.{c}" for f in at.world.facts.values() for c in f.names]
        tags = [f"tag.{t}" for t in at.world.tags_of(subject.name)]
        roles = [end.role for r in at.world.relations.values() for end in r.ends if subject.name in _both(r)]
        return [*subject.attributes, *attributes, *at.world.facts, *columns, *dict.fromkeys(roles), *tags]

    # -- functions --------------------------------------------------------------------------------

    def apply(self, node: Apply, at: Setting) -> Expr:
        if node.star:
            raise InvalidExpression("`*` counts nothing by itself.", hint="Write count(fact), e.g. count(purchase).")
        entry = self.entry(node)
        if at.raw is not None and entry.relative:
            raise InvalidExpression(f"`{entry.name}` depends on the instant, and a source's columns do not.")
        if isinstance(entry.duckdb, Phrase) and not node.distinct:
            return self.phrase(entry, entry.duckdb, node, at)
        if entry.kind in ("sequence", "step"):
            return steps.sequence(self, entry, node, at)
        if entry.kind != "aggregate" and (node.filter is not None or node.distinct):
            word = "filter (where …)" if node.filter is not None else "distinct"
            raise InvalidExpression(f"`{word}` belongs to an aggregate; `{entry.name}` is none.")
        if entry.looks_ahead and not at.ahead:
            raise InvalidExpression(
                f"`{entry.name}` looks at what comes after the instant; only targets and outcomes may."
            )
        if entry.kind == "aggregate":
            return self.aggregate(entry, in_whole_days(node) if entry.name == "average_daily" else node, at)
        if entry.kind == "rank" and (at.inside or at.raw is not None):
            raise InvalidExpression(f"`{entry.name}` compares members and cannot stand inside an aggregate.")
        self.no_fact(entry, node, at)
        self.no_null(entry, node)
        args = [self.of(arg, at) for arg in node.args]
        if entry.kind in ("time", "place"):
            args = (self.timed if entry.kind == "time" else self.placed_at)(entry, args, at)
        if entry.of_member and len(args) == len(entry.params) - 1:
            args = [self.own_id(entry, at), *args]
        if entry.name == "case":
            return self.case(entry, args)
        return bounded(typed_call(entry, args, unwritten=len(args) - len(node.args)))

    def phrase(self, entry: Function, phrase: Phrase, node: Apply, at: Setting) -> Expr:
        if at.inside or at.raw is not None:
            raise InvalidExpression(f"`{entry.name}` says something of a member and cannot stand here.")
        found = self.of(expanded(entry, phrase, node), at)
        read = next(iter(ir.aggregates(found)), None)
        if not isinstance(found, Call) or read is None or read.fact is None:
            return found
        inner = replace(at, fact=shape_of(at.world, read.fact), inside=True)
        condition = self.condition(node.filter, inner, "A filter") if node.filter is not None else None
        of_column = () if entry.params[0].accepts == "fact" else read.args[:1]
        more = (literal(arg.value) if isinstance(arg, Literal) else self.of(arg, inner) for arg in node.args[1:])
        given = (*of_column, *more)
        return replace(found, wrote=Call(entry, given, found.type, "member", read.fact, condition))

    def entry(self, node: Apply) -> Function:
        if node.distinct:
            if node.function != "count":
                raise InvalidExpression(f"`distinct` stands in count(distinct …) only, not in `{node.function}`.")
            return CATALOGUE["count_distinct"]
        if node.function == "interval":
            raise InvalidExpression("An interval stands after `within =>` only.", hint="See followed_by.")
        entry = function(node.function)
        if node.named and not any(param.named for param in entry.params):
            raise InvalidExpression(f"`{node.function}` takes no named arguments ({node.named[0][0]} => …).")
        return entry

    def timed(self, entry: Function, args: list[Expr], at: Setting) -> list[Expr]:
        """Put the row's own time, or its end, first where no instant was given."""
        if args and args[0].type == TIMESTAMP:
            if len(args) < len(entry.reads):
                raise entry.arity_error(len(args))
            return args
        if args and args[0].type == DATE:
            raise WrongType(f"`{entry.name}` takes an instant, not a date.", hint="Compare dates with < and >=.")
        plain = replace(entry, params=entry.params[len(entry.reads) :])
        matched(plain, len(args))
        if at.fact is not None and at.fact.hops:
            return [*self.spanned(entry, at.fact), *args]
        if at.fact is None:
            raise InvalidExpression(
                f"`{entry.name}` needs a row's time: it stands inside an aggregate, or takes an instant first.",
                hint=f"For example count(fact) filter (where {entry.name}(…)) or {entry.name}(max(fact.ts), …).",
            )
        if "until" in entry.reads and not at.fact.lasts:
            raise InvalidExpression(
                f"`{entry.name}` needs a fact that has an end, and {at.fact.name!r} has none.",
                hint="Its source names the column of the end: `time: {column: …, end: …}`.",
            )
        return [*(FactColumn(at.fact.name, column, TIMESTAMP) for column in entry.reads), *args]

    @staticmethod
    def spanned(entry: Function, path: FactShape) -> list[Expr]:
        """The time of a relation's pair that stands for that of a fact's row: when it began, or when it ends."""
        relation = path.hops[-1].relation
        if entry.looks_ahead or len(entry.reads) > 1:
            raise InvalidExpression(
                f"`{entry.name}` says nothing of the relation {relation!r}: its pairs are those that hold at the"
                " instant.",
                hint="Load the same file as a fact too, to count by when it happened.",
            )
        wanted = [TIMES[column] for column in entry.reads]
        if missing := [column for column in wanted if column not in path.columns]:
            raise InvalidExpression(
                f"`{entry.name}` needs the time of a pair, and the source of the relation {relation!r} names no"
                f" `{missing[0]}`.",
                hint="Name its column in the source, or load the same file as a fact too.",
            )
        return [FactColumn(path.name, column, TIMESTAMP) for column in wanted]

    @staticmethod
    def no_fact(entry: Function, node: Apply, at: Setting) -> None:
        """Refuse the name of the fact where the time of its row is meant."""
        if entry.kind == "time" and at.fact is not None and node.args and _is_name(node.args[0], at.fact.name):
            rest = ", ".join(param.name for param in entry.params[len(entry.reads) :])
            raise InvalidExpression(
                f"`{entry.name}` takes the time of the row by itself, and no name of a fact.",
                hint=f"Write {entry.name}({rest}).",
            )

    @staticmethod
    def no_null(entry: Function, node: Apply) -> None:
        """Refuse a comparison with a written `null`."""
        if entry.name in COMPARING and any(_is_absent(arg) for arg in node.args):
            raise InvalidExpression(
                "What is absent neither equals a value nor differs from one: the comparison is never true.",
                hint="Write `is absent` or `is not absent`.",
            )

    def own_id(self, entry: Function, at: Setting) -> Expr:
        """The id of the described member; of the one that a row names, inside an aggregate."""
        if at.subject is None or at.raw is not None:
            raise InvalidExpression(f"`{entry.name}` needs a member; here there is only a row.")
        subject = at.world.subject(at.subject)
        if at.fact is None:
            return Attribute(subject.name, "id", subject.id_type)
        if at.fact.hops:
            raise InvalidExpression(f"`{entry.name}` needs a member; here there is only a row.")
        return FactColumn(at.fact.name, subject.name, subject.id_type)

    def placed_at(self, entry: Function, args: list[Expr], at: Setting) -> list[Expr]:
        """Put the place of the row, or of the member, first where none was given."""
        own = own_columns(entry, args)
        if not own:
            return args
        if at.raw is not None:
            whole: tuple[str, ...] = ()
            names = list(at.raw)
        elif at.fact is not None:
            whole, names = (at.fact.name,), list(at.fact.names)
        else:
            assert at.subject is not None
            whole, names = (at.subject,), list(at.world.subject(at.subject).attributes)
        found = next((some for some in own if all(name in names for name in some)), None)
        if found is None:
            wanted = ", or ".join(" and ".join(some) for some in own)
            whose = whole[0] if whole else "row"
            raise InvalidExpression(
                f"`{entry.name}` takes the place of the {whose}, which has none: it would be called {wanted}.",
                hint=f"Write the place first: {entry.signature}.",
            )
        return [*(self.of(Name((*whole, name), Span(0, 0)), at) for name in found), *args]

    def case(self, entry: Function, args: list[Expr]) -> Expr:
        for condition in args[:-1:2]:
            demand(condition, "boolean", "A condition of `case`")
        values = unified([*args[1:-1:2], args[-1]], "The values of `case`")
        woven: list[Expr] = []
        for condition, value in zip(args[:-1:2], values, strict=False):
            woven += [widened(condition, BOOLEAN), value]
        woven.append(values[-1])
        type_ = chosen_from([*args[1:-1:2], args[-1]], values[-1].type)
        return Call(entry, tuple(woven), type_, joint_level(woven))

    def aggregate(self, entry: Function, node: Apply, at: Setting) -> Expr:
        if at.inside:
            raise InvalidExpression(
                f"`{entry.name}` stands inside another aggregate.",
                hint="Aggregate once; a derived fact can hold the inner result.",
            )
        if not node.args:
            raise entry.arity_error(0)
        matched(entry, len(node.args))
        if at.raw is not None:
            if isinstance(entry.duckdb, Regroup):
                raise InvalidExpression(f"`{entry.name}` cannot make a column of a derived fact.")
            if at.group is None:
                raise InvalidExpression(f"`{entry.name}` needs many rows; here there is only the one.")
            inner, fact = replace(at, inside=True), None
        else:
            fact = self.fact_of(entry, node, at)
            inner = replace(at, fact=fact, inside=True)
        args = self.aggregate_args(entry, node, inner)
        if entry.name == "average_daily" and isinstance(span := args[1], Call) and span.function.name in WINDOWS:
            constants = tuple(arg.value for arg in span.args if isinstance(arg, Constant))
            entry = averaged_over(span.function.name, constants)
        condition = self.condition(node.filter, inner, "A filter") if node.filter is not None else None
        call = typed_call(entry, args)
        return replace(call, level="member", fact=fact.name if fact else at.group, filter=condition)

    def condition(self, node: Node, at: Setting, what: str) -> Expr:
        """Read what must be true or false of a row."""
        found = self.of(node, at)
        demand(found, "boolean", what)
        return widened(found, BOOLEAN)

    def aggregate_args(self, entry: Function, node: Apply, inner: Setting) -> list[Expr]:
        row = inner.fact.name if inner.fact else inner.group
        if entry.params[0].accepts == "fact":
            only = node.args[0]
            if isinstance(only, Name) and (only.parts == (row,) or self.names_rows(only, inner)):
                return []
        args = [self.of(arg, inner) for arg in node.args]
        if entry.params[-1] == BY_TIME and len(args) == len(entry.params) - 1 and inner.fact is not None:
            if inner.fact.hops:
                raise InvalidExpression(
                    f"`{entry.name}` goes by time, and neighbours have none.", hint="Say by what, as the last argument."
                )
            args.append(FactColumn(inner.fact.name, "ts", TIMESTAMP))
        for arg, given in zip(args, node.args, strict=False):
            # A constant alone would be counted for every row: almost surely a slip, e.g. count(1).
            if arg.level == "constant" and len(args) == 1:
                raise self.placed(InvalidExpression(f"`{entry.name}` of a constant says nothing about rows."), given)
        return args

    @staticmethod
    def names_rows(name: Name, at: Setting) -> bool:
        """Whether a name stands for the neighbours themselves, as in ``count(account)``."""
        if at.fact is None or not at.fact.hops or at.subject is None:
            return False
        hops, rest = follow(at.world, at.subject, name.parts)
        return hops == at.fact.hops and not rest

    def way_of(self, node: Apply, at: Setting) -> FactShape | None:
        """The neighbours that an aggregate reads: the longest way that its names go, as far as it is to many."""
        ways: dict[tuple[Hop, ...], None] = {}
        assert at.subject is not None
        for part in walk(node):
            if isinstance(part, Name) and part.parts[0] not in ("tag", "segment"):
                hops, _ = follow(at.world, at.subject, part.parts)
                # One neighbour of a neighbour is known of it, like an attribute: whoever has none stays.
                while len(hops) > 1 and hops[-1].to_one:
                    hops = hops[:-1]
                ways[hops] = None
        longest = max(ways, key=len, default=())
        return neighbours(at.world, longest) if longest else None

    def fact_of(self, entry: Function, node: Apply, at: Setting) -> FactShape:
        """The one fact, or the neighbours, that an aggregate's arguments and filter name."""
        named = [part for part in walk(node) if isinstance(part, Name) and part.parts[0] in at.world.facts]
        found = {part.parts[0] for part in named}
        # A column or a subject of one fact may be called like another fact.
        sure = {part.parts[0] for part in named if len(part.parts) > 1 or part in node.args}
        for name in sorted(found):
            shapes = [at.world.facts[other] for other in found - {name}]
            if any(name in f.subjects or (name not in sure and name in f.columns) for f in shapes):
                found.discard(name)
        if len(found) > 1:
            raise InvalidExpression(
                f"One aggregate reads one fact; this one names {' and '.join(sorted(found))}.",
                hint="Use two aggregates: they may stand in one expression.",
            )
        if not found:
            if (way := self.way_of(node, at)) is not None:
                return way
            names = [part for part in walk(node) if isinstance(part, Name)]
            self.no_way(names, at)
            if names and entry.params[0].accepts == "fact" and node.args and isinstance(node.args[0], Name):
                raise self.placed(UnknownName("fact", str(node.args[0]), at.world.facts), node.args[0])
            known = next(iter(at.world.facts), "fact")
            argument = known if entry.params[0].accepts == "fact" else f"{known}.{next(iter(self.columns(known, at)))}"
            hint = f"Name it, e.g. {entry.name}({argument})."
            near = {str(n): n for n in names if len(n.parts) > 1 and n.parts[0] not in ("tag", "segment")}
            if near:
                text, part = next(iter(near.items()))
                raise self.placed(UnknownName("fact", text.split(".")[0], at.world.facts), part)
            raise InvalidExpression(f"`{entry.name}` does not say which fact it reads.", hint=hint)
        return self.describing(found.pop(), at)

    @staticmethod
    def no_way(names: Sequence[Name], at: Setting) -> None:
        """Refuse a name of another subject to which no relation leads."""
        assert at.subject is not None
        for name in names:
            first = name.parts[0]
            if len(name.parts) > 1 and first != at.subject and first in at.world.subjects:
                roles = list(dict.fromkeys(one.role for one in ways(at.world, at.subject)))
                facts = [f.name for f in at.world.facts.values() if {at.subject, first} <= set(f.subjects)]
                known = f"Relations of a {at.subject} lead to: {', '.join(roles)}." if roles else None
                if facts:
                    rest = ".".join(name.parts[1:])
                    known = f"Rows of {facts[0]} name both: write {facts[0]}.{first}.{rest}."
                raise InvalidExpression(
                    f"No relation leads from a {at.subject} to a {first}, so {str(name)!r} says nothing of one.",
                    hint=known or f"A source with `relation:` would join a {at.subject} and a {first}.",
                )

    @staticmethod
    def describing(name: str, at: Setting) -> FactShape:
        """The fact of that name, whose rows must name the described subject."""
        fact = at.world.fact(name)
        if at.subject not in fact.subjects:
            raise InvalidExpression(
                f"A row of {fact.name!r} names no {at.subject}, so it cannot describe one.",
                hint=f"It names {', '.join(fact.subjects)}: sum up a tag of theirs, or join them by a relation.",
            )
        return fact

    @staticmethod
    def columns(fact: str, at: Setting) -> list[str]:
        """Columns of a fact to show in an example."""
        return at.world.facts[fact].names[::-1] if fact in at.world.facts else ["column"]


def _is_absent(node: Node) -> bool:
    return isinstance(node, Literal) and node.value is None


def _is_name(node: Node, name: str) -> bool:
    return isinstance(node, Name) and node.parts == (name,)


def _both(relation: RelationShape) -> tuple[str, str]:
    return relation.ends[0].subject, relation.ends[1].subject
