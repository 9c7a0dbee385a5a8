"""All definitions put together: names resolved, expressions checked, circles found, tags in order."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from textwrap import shorten
from typing import Any

from gongbi.catalog import tables
from gongbi.catalog.base import (
    CampaignDef,
    CastDef,
    CategoryType,
    Definition,
    GradingDef,
    LibraryDef,
    ListType,
    ModelDef,
    SchemeDef,
    SegmentDef,
    SourceDef,
    SubjectDef,
    TagDef,
    WorklistDef,
    YearbookDef,
    kind_of,
    name_of,
)
from gongbi.catalog.drawn import check_cast, check_worklist, check_yearbook
from gongbi.catalog.grades import grading_tags
from gongbi.catalog.history import change_facts
from gongbi.catalog.libraries import (
    check_categories,
    check_libraries,
    check_refined_types,
    check_schemes,
    completed,
    general,
    grades,
    grades_of_attributes,
)
from gongbi.catalog.lists import TAG as LIST
from gongbi.catalog.lists import ListDef, list_tags
from gongbi.catalog.makers.faults import fault_of
from gongbi.catalog.makers.given import TYPES, Imported, Manual, attribute_of, table_of
from gongbi.catalog.mapping import derived_in_order
from gongbi.catalog.masking import Privacy
from gongbi.catalog.mentions import tags_mentioned
from gongbi.catalog.predictions import check_model
from gongbi.catalog.scores import model_tags as model_tags
from gongbi.catalog.scores import written_fact, written_tags
from gongbi.catalog.yaml import expr_place, place_of
from gongbi.core import expr as ir
from gongbi.core.expr import Expr
from gongbi.core.growth import MOST_TIMES, growth
from gongbi.core.language import check_condition, check_expression
from gongbi.core.world import (
    AttributeShape,
    End,
    FactShape,
    GroupedColumn,
    Grouping,
    RelationShape,
    SubjectShape,
    World,
)
from gongbi.errors import Cycle, GongbiError, InvalidDefinition, Place, UnknownName, WrongType


@dataclass(frozen=True)
class Catalog:
    """A consistent set of definitions.

    Attributes
    ----------
    expressions
        (subject, tag) → checked expression, in an order in which every tag follows those it uses.
    conditions
        segment → checked expression.
    world
        All names with their types.
    schemes, libraries
        The trees of categories, the general one where none is defined; the libraries of departments and branches.
    privacy
        tag → privacy grade, its own or that of what it uses.
    shown
        (subject, attribute) → the highest grade that a tag says of itself which is the attribute as it is.
    notes
        What is not wrong and should be known, as warnings: categories that no scheme has.
    """

    subjects: Mapping[str, SubjectDef]
    sources: Mapping[str, SourceDef]
    tags: Mapping[str, TagDef]
    segments: Mapping[str, SegmentDef]
    models: Mapping[str, ModelDef]
    campaigns: Mapping[str, CampaignDef]
    world: World
    expressions: Mapping[tuple[str, str], Expr] = field(default_factory=dict)
    conditions: Mapping[str, Expr] = field(default_factory=dict)
    gradings: Mapping[str, GradingDef] = field(default_factory=dict)
    casts: Mapping[str, CastDef] = field(default_factory=dict)
    yearbooks: Mapping[str, YearbookDef] = field(default_factory=dict)
    schemes: Mapping[str, SchemeDef] = field(default_factory=dict)
    libraries: Mapping[str, LibraryDef] = field(default_factory=dict)
    privacy: Mapping[str, Privacy] = field(default_factory=dict)
    notes: Sequence[Mapping[str, Any]] = ()
    worklists: Mapping[str, WorklistDef] = field(default_factory=dict)
    shown: Mapping[tuple[str, str], Privacy] = field(default_factory=dict)

    def tags_of(self, subject: str) -> dict[str, Expr]:
        """Checked expressions of one subject's tags, each after those it uses."""
        return {tag: expr for (owner, tag), expr in self.expressions.items() if owner == subject}

    def closed_values(self, subject: str) -> dict[str, tuple[Any, ...]]:
        """The tags of a subject whose type is a closed list, each with its values."""
        return {tag: values for tag in self.tags_of(subject) if tag in self.tags and (values := self.tags[tag].closed)}

    def tag(self, name: str) -> TagDef:
        """Return a tag's definition."""
        if name not in self.tags:
            raise UnknownName("tag", name, self.tags, titles=titles(self.tags))
        return self.tags[name]

    def segment(self, name: str) -> SegmentDef:
        """Return a segment's definition."""
        if name not in self.segments:
            raise UnknownName("segment", name, self.segments, titles=titles(self.segments))
        return self.segments[name]

    def model(self, name: str) -> ModelDef:
        """Return a model's definition."""
        if name not in self.models:
            raise UnknownName("model", name, self.models, titles=titles(self.models))
        return self.models[name]

    def campaign(self, name: str) -> CampaignDef:
        """Return a campaign's definition."""
        if name not in self.campaigns:
            raise UnknownName("campaign", name, self.campaigns, titles=titles(self.campaigns))
        return self.campaigns[name]

    def grading(self, name: str) -> GradingDef:
        """Return a grading's definition."""
        if name not in self.gradings:
            raise UnknownName("grading", name, self.gradings, titles=titles(self.gradings))
        return self.gradings[name]

    def cast(self, name: str) -> CastDef:
        """Return a cast's definition."""
        if name not in self.casts:
            raise UnknownName("cast", name, self.casts, titles=titles(self.casts))
        return self.casts[name]

    def yearbook(self, name: str) -> YearbookDef:
        """Return a yearbook's definition."""
        if name not in self.yearbooks:
            raise UnknownName("yearbook", name, self.yearbooks, titles=titles(self.yearbooks))
        return self.yearbooks[name]

    def worklist(self, name: str) -> WorklistDef:
        """Return a worklist's definition."""
        if name not in self.worklists:
            raise UnknownName("worklist", name, self.worklists, titles=titles(self.worklists))
        return self.worklists[name]

    def features(self, patterns: Sequence[str], subject: str) -> list[str]:
        """Tags of a subject that fit names or patterns such as ``rfm.*``, in the order of the patterns.

        A pattern that begins with ``!`` takes out what fits it.
        """
        known = list(self.tags_of(subject))
        found: dict[str, None] = {}
        for pattern in patterns:
            if pattern.startswith("!"):
                continue
            fitting = [tag for tag in known if fnmatch.fnmatchcase(tag, pattern)]
            if not fitting:
                raise UnknownName(f"tag of {subject}", pattern, known)
            found |= dict.fromkeys(fitting)
        out = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
        return [tag for tag in found if not any(fnmatch.fnmatchcase(tag, pattern) for pattern in out)]


Titled = TagDef | SegmentDef | ModelDef | CampaignDef | GradingDef | CastDef | YearbookDef | WorklistDef


def titles(definitions: Mapping[str, Titled]) -> dict[str, tuple[str, str]]:
    """What pages call definitions, in both languages."""
    return {name: (one.name.zh, one.name.en) for name, one in definitions.items()}


def assemble(definitions: Iterable[Definition], *, zone: str = "UTC", lists: Iterable[ListDef] = ()) -> Catalog:
    """Check a whole set of definitions; the lists that are kept beside them are segments like any other.

    Raises
    ------
    InvalidDefinition
        A contradiction between definitions.
    InvalidExpression, UnknownName, WrongType, Cycle
        In an expression, with file and line of its definition.
    """
    lists, definitions = list(lists), list(definitions)
    for name in sorted({one.name for one in lists} & {d.segment for d in definitions if isinstance(d, SegmentDef)}):
        raise InvalidDefinition(f"{name!r} names both a segment and a list.", hint="Rename the segment.")
    definitions = [*(one.segment() for one in lists), *definitions]
    subjects = {d.subject: d for d in definitions if isinstance(d, SubjectDef)}
    sources = {d.source: d for d in definitions if isinstance(d, SourceDef)}
    schemes = {d.scheme: d for d in definitions if isinstance(d, SchemeDef)}
    libraries = {d.library: d for d in definitions if isinstance(d, LibraryDef)}
    written = {d.tag: d for d in definitions if isinstance(d, TagDef)}
    check_schemes(schemes.values())
    check_libraries(written, libraries)
    tags = completed(written)
    segments = {d.segment: d for d in definitions if isinstance(d, SegmentDef)}
    models = {d.model: d for d in definitions if isinstance(d, ModelDef)}
    campaigns = {d.campaign: d for d in definitions if isinstance(d, CampaignDef)}
    gradings = {d.grading: d for d in definitions if isinstance(d, GradingDef)}
    casts = {d.cast: d for d in definitions if isinstance(d, CastDef)}
    yearbooks = {d.yearbook: d for d in definitions if isinstance(d, YearbookDef)}
    worklists = {d.worklist: d for d in definitions if isinstance(d, WorklistDef)}
    for tag in (tag for grading in gradings.values() for tag in grading_tags(grading)):
        if tag.tag in tags:
            raise InvalidDefinition(f"Tag {tag.tag!r} is that of a grading.", hint="Rename yours.").at(
                tags[tag.tag].place or Place(f"tag {tag.tag}")
            )
        tags[tag.tag] = tag
    world = World(
        subjects=_with_given(_subject_shapes(subjects, sources), tags),
        facts=_with_own(_fact_shapes(subjects, sources), tags, segments, subjects, models),
        tags=written_tags(models) | list_tags(lists),
        segments={s.segment: (s.subject, s.expression) for s in segments.values()},
        zone=zone,
        relations=_relation_shapes(sources),
    )
    clash = sorted(set(world.facts) & set(world.subjects))
    if clash:
        raise InvalidDefinition(f"{clash[0]!r} names both a fact and a subject.", hint="Rename one of them.")
    expressions, world = _checked_tags(tags, world)
    check_refined_types(tags, world.tags)
    conditions = {}
    for s in segments.values():
        with about(s):
            conditions[s.segment] = check_condition(s.expression, world, s.subject, place=expr_place(s) or s.place)
    schemes = schemes or {general().scheme: general()}
    notes = check_categories((tags[name] for name in written), list(schemes.values()))
    privacy = grades(tags, {name: ir.tags_used(expr) for (_, name), expr in expressions.items()})
    catalog = Catalog(
        subjects,
        sources,
        tags,
        segments,
        models,
        campaigns,
        world,
        expressions,
        conditions,
        gradings,
        casts,
        yearbooks,
        schemes,
        libraries,
        privacy,
        notes,
        worklists,
        grades_of_attributes(tags, expressions),
    )
    for cast in casts.values():
        with about(cast):
            check_cast(cast, world, models, segments)
    for yearbook in yearbooks.values():
        with about(yearbook):
            check_yearbook(yearbook, world)
    for worklist in worklists.values():
        with about(worklist):
            check_worklist(worklist, world)
    for model in models.values():
        with about(model):
            _check_model(model, catalog)
    for campaign in campaigns.values():
        with about(campaign):
            _check_campaign(campaign, catalog)
    return catalog


@contextmanager
def about(definition: Definition) -> Iterator[None]:
    """Note on an error which definition it is about, where nobody did yet."""
    try:
        yield
    except GongbiError as error:
        error.about = error.about or (kind_of(definition), name_of(definition))
        raise


def _with_own(
    facts: dict[str, FactShape],
    tags: Mapping[str, TagDef],
    segments: Mapping[str, SegmentDef],
    subjects: Mapping[str, SubjectDef],
    models: Mapping[str, ModelDef],
) -> dict[str, FactShape]:
    """The facts of sources, those of Gongbi's own record of changes, and what models say of texts."""
    own = change_facts(tags.values(), segments.values(), subjects)
    if both := sorted(facts.keys() & own.keys()):
        raise InvalidDefinition(f"A fact {both[0]!r} is Gongbi's own where histories are kept.", hint="Rename yours.")
    for model in models.values():
        said = written_fact(model, subjects[model.subject].id_type) if model.subject in subjects else None
        if said is not None and (said.name in facts or said.name in own):
            with about(model):
                raise InvalidDefinition(f"The model {model.model!r} writes a fact {said.name!r}, which there is.")
        own |= {said.name: said} if said is not None else {}
    return facts | own


def _subject_shapes(subjects: Mapping[str, SubjectDef], sources: Mapping[str, SourceDef]) -> dict[str, SubjectShape]:
    attributes: dict[str, dict[str, AttributeShape]] = {name: {} for name in subjects}
    for source in sources.values():
        _check_subjects(source, subjects)
        if source.attributes is None:
            continue
        resolved = bool(subjects[source.attributes].identifiers)
        unique = not resolved and source.valid_from is None
        for name, column in source.columns.items():
            known = attributes[source.attributes]
            if name in known or name == "id":
                raise InvalidDefinition(
                    f"Attribute {name!r} of {source.attributes} is defined twice, once in source {source.source!r}.",
                    hint="Rename one of them.",
                ).at(source.place or Place(f"source {source.source}"))
            table = tables.attribute_table_name(source.source)
            known[name] = AttributeShape(name, column.value_type, table, unique)
    return {name: SubjectShape(name, subject.id_type, attributes[name]) for name, subject in subjects.items()}


def _with_given(shapes: dict[str, SubjectShape], tags: Mapping[str, TagDef]) -> dict[str, SubjectShape]:
    """Subjects with the attributes by which given values of tags are read; several may hold for a time each."""
    for tag in tags.values():
        if tag.maker is not None and isinstance(given := tag.maker.maker, Manual | Imported) and tag.subject in shapes:
            name = attribute_of(tag.tag)
            shape = AttributeShape(name, TYPES[given.type], table_of(tag.tag), unique=False)
            known = shapes[tag.subject]
            shapes[tag.subject] = replace(known, attributes={**known.attributes, name: shape})
    return shapes


def _check_subjects(source: SourceDef, subjects: Mapping[str, SubjectDef]) -> None:
    named = [(given.subject or role, given) for role, given in source.subjects.items()]
    named += [(source.attributes, source.id)] if source.id and source.attributes else []
    for name, given in named:
        if name not in subjects:
            raise UnknownName("subject", name, subjects, place=source.place)
        unknown = set(given.identifiers) - set(subjects[name].identifiers)
        if unknown and source.from_.fact is None:
            raise UnknownName(f"identifier of {name}", min(unknown), subjects[name].identifiers, place=source.place)


def _relation_shapes(sources: Mapping[str, SourceDef]) -> dict[str, RelationShape]:
    found: dict[str, RelationShape] = {}
    for source in sources.values():
        if source.relation is None:
            continue
        start, end = (End(role, given.subject or role) for role, given in source.subjects.items())
        columns = {name: column.value_type for name, column in source.columns.items()}
        table = tables.relation_table_name(source.relation)
        spans = tuple(name for name in ("valid_from", "valid_to") if getattr(source, name) is not None)
        found[source.relation] = RelationShape(source.relation, table, (start, end), columns, source.to_one, spans)
    return found


def _fact_shapes(subjects: Mapping[str, SubjectDef], sources: Mapping[str, SourceDef]) -> dict[str, FactShape]:
    found: dict[str, FactShape] = {}
    for source in sources.values():
        if source.fact is None:
            continue
        if source.fact in found:
            raise InvalidDefinition(f"Fact {source.fact!r} has two sources.", hint="Give them one fact each.")
        found[source.fact] = fact_shape(source, subjects)
    derived_in_order(sources)
    return found


def fact_shape(source: SourceDef, subjects: Mapping[str, SubjectDef]) -> FactShape:
    """The fact that a source maps, as expressions see it."""
    assert source.fact is not None
    columns = {name: column.value_type for name, column in source.columns.items()}
    ids = {name: tables.subject_of(subjects, name, source).id_type for name in source.subjects}
    both = sorted(set(columns) & set(ids))
    own = ["ts", *(["until"] if source.lasts else [])]
    if both := both + [name for name in own if name in columns or name in ids]:
        raise InvalidDefinition(f"Fact {source.fact!r}: {both[0]!r} is named twice.")
    table = tables.fact_table_name(source.fact)
    return FactShape(source.fact, table, columns, ids, _grouping(source), lasts=source.lasts)


def _grouping(source: SourceDef) -> Grouping | None:
    """How a derived fact is made from the one below."""
    if source.from_.fact is None:
        return None
    columns = {
        name: GroupedColumn(mapping.expr or f"min({mapping.from_ or name})", mapping.value_type, mapping.default)
        for name, mapping in source.columns.items()
    }
    # A column of the group is the same in all its rows, so its smallest value is the group's; a subject may be one.
    plain = {m.from_ or n: n for n, m in source.columns.items() if m.expr is None and m.default is None}
    keys = {name: name if name in source.subjects else plain.get(name) for name in source.from_.group_by}
    kept = {name: column for name, column in keys.items() if column is not None}
    return Grouping(source.from_.fact, tuple(source.from_.group_by), columns, kept, source.place)


def _checked_tags(tags: Mapping[str, TagDef], world: World) -> tuple[dict[tuple[str, str], Expr], World]:
    """Check tags, each after those it uses, so that their types are known."""
    uses: dict[str, set[str]] = {}
    for tag in tags.values():
        try:
            uses[tag.tag] = tags_mentioned(tag.expression, world.segments) & set(tags)
        except GongbiError as error:
            raise (error.at(tag.place) if tag.place else error) from None
    types, lengths = dict(world.tags), dict[str, int]()
    expressions: dict[tuple[str, str], Expr] = {}
    for name in _in_order(uses, tags):
        tag = tags[name]
        if tag.subject not in world.subjects:
            raise UnknownName("subject", tag.subject, world.subjects, place=tag.place)
        here = replace(world, tags=types, expressions=expressions)
        with about(tag):
            expr = checked_tag(tag, here)
        if named := next((used for used in sorted(ir.tags_used(expr)) if used.startswith(LIST)), None):
            raise InvalidDefinition(
                f"Tag {name!r} uses the list {named.removeprefix(LIST)!r}.",
                hint="A list is of now, and tags look back; use it in a segment.",
            ).at(tag.place or Place(f"tag {tag.tag}"))
        if model := next((used for used in sorted(ir.tags_used(expr)) if (tag.subject, used) in world.tags), None):
            raise InvalidDefinition(
                f"Tag {name!r} uses the prediction {model!r}.", hint="Predictions are made after tags; use a segment."
            ).at(tag.place or Place(f"tag {tag.tag}"))
        lengths[name] = _length(tag, expr, lengths)
        types[tag.subject, name] = tag.with_levels(expr.type)
        expressions[tag.subject, name] = expr
    return expressions, replace(world, tags=types, expressions=expressions)


def _length(tag: TagDef, expr: Expr, lengths: Mapping[str, int]) -> int:
    """At most so many times as long as the texts of rows and attributes are a tag's; `lengths` has those it uses."""
    times = growth(expr, lengths)
    if times > MOST_TIMES:
        raise InvalidDefinition(
            f"Tag {tag.tag!r} could make a text {times:,} times as long, by the tags that it uses;"
            f" {MOST_TIMES:,} is the most.",
            hint="Join or replace fewer texts here, or in the tags that it uses.",
        ).at(expr_place(tag) or tag.place or Place(f"tag {tag.tag}"))
    return times if expr.type.name in ("text", "list", "distribution") else 1


def checked_tag(tag: TagDef, world: World) -> Expr:
    """Check a tag's expression, its own or its maker's, and that it gives what the tag declares.

    Raises
    ------
    InvalidDefinition, InvalidExpression, UnknownName, WrongType
        With the place of the expression; of a maker's, with what it wrote.
    """
    if tag.maker is None:
        expr = check_expression(tag.expr, world, tag.subject, place=expr_place(tag) or tag.place)
    else:
        try:
            expr = check_expression(tag.expression, world, tag.subject)
        except GongbiError as error:
            place = place_of(tag, "maker") or tag.place
            key, fault = fault_of(tag.maker, world, tag.subject)
            if fault is not None:
                message = f"Tag {tag.tag!r}, `{key}` of its maker `{tag.maker.name}`: {fault.message}"
                wrong = InvalidDefinition(message, hint=fault.hint, place=place)
                wrong.field = key
                raise wrong from error
            written = shorten(" ".join(tag.expression.split()), 200, placeholder=" …")
            raise InvalidDefinition(
                f"Tag {tag.tag!r}, of which the maker `{tag.maker.name}` writes `{written}`: {error.message}",
                hint=error.hint,
                place=place,
            ) from error
    _check_declared(tag, expr)
    return expr


def _in_order(uses: Mapping[str, set[str]], tags: Mapping[str, TagDef]) -> list[str]:
    order: list[str] = []
    state: dict[str, int] = {}
    for start in uses:
        stack = [(start, iter(sorted(uses[start])))]
        if state.get(start):
            continue
        state[start] = 1
        while stack:
            name, below = stack[-1]
            following = next(below, None)
            if following is None:
                state[name] = 2
                order.append(name)
                stack.pop()
            elif state.get(following) == 1:
                circle = [n for n, _ in stack]
                circle = [*circle[circle.index(following) :], following]
                raise Cycle(
                    f"Tags depend on each other: {' → '.join(circle)}.",
                    hint=f"Write the expression of {name!r} without {following!r}.",
                    place=expr_place(tags[name]) or Place(f"tag {name}"),
                )
            elif not state.get(following):
                state[following] = 1
                stack.append((following, iter(sorted(uses[following]))))
    return order


def _check_declared(tag: TagDef, expr: Expr) -> None:
    declared = tag.declared
    if declared is None:
        return
    name = expr.type.name
    if isinstance(declared, ListType):
        element = expr.type.element.name if name == "list" and expr.type.element is not None else None
        kinds = _kinds(declared.list) if isinstance(declared.list, tuple) else {declared.list}
        fits = element in kinds or (element == "decimal" and kinds <= {"integer", "double", "number"})
    elif isinstance(declared, CategoryType):
        kinds = _kinds(declared.category)
        fits = name in kinds or (name in ("decimal", "double") and kinds <= {"integer", "double"})
        strays = [value for value in ir.outcomes(expr) if value not in declared.category]
        if fits and strays:
            stray = InvalidDefinition(
                f"Tag {tag.tag!r} can be {strays[0]!r}, which its type does not list.",
                hint="Add it to the `category` of the type, or mend the expression.",
            )
            raise stray.at(tag.place) if tag.place else stray
    else:
        fits = declared == name or (declared, name) in {
            ("number", "integer"),
            ("number", "decimal"),
            ("number", "double"),
        }
        fits = fits or (declared == "money" and expr.type.currency is not None)
    if not fits:
        wanted = f"list of {declared.list}" if isinstance(declared, ListType) else declared
        error = WrongType(f"Tag {tag.tag!r} is declared as {wanted}, but its expression is {expr.type}.")
        raise error.at(tag.place) if tag.place else error


def _kinds(values: Iterable[Any]) -> set[str]:
    """The types of written values."""
    return {"integer" if isinstance(v, int) else "double" if isinstance(v, float) else "text" for v in values}


def _check_model(model: ModelDef, catalog: Catalog) -> None:
    try:
        catalog.features(model.features, model.subject)
        check_model(model, catalog.world)
    except GongbiError as error:
        raise (error.at(model.place) if model.place else error) from None


def _check_campaign(campaign: CampaignDef, catalog: Catalog) -> None:
    world = catalog.world
    try:
        check_condition(campaign.eligible, world, "customer")
        score = check_expression(campaign.score, world, "customer")
        if not score.type.is_number:
            raise WrongType(f"`score` must be a number, not {score.type}.")
        for text in (campaign.received, campaign.responded, *campaign.funnel):
            check_condition(text, world, "customer", ahead=True)
        for text in campaign.reasons:
            check_condition(text, world, "customer")
        outcome = check_expression(campaign.outcome, world, "customer", ahead=True)
        if not outcome.type.is_number:
            raise WrongType(f"`outcome` must be a number, not {outcome.type}.")
        if not ir.looks_ahead(outcome):
            raise InvalidDefinition("`outcome` does not say when it is measured.", hint="Filter it by during().")
        catalog.features([*campaign.match_on, *campaign.by], "customer")
    except GongbiError as error:
        raise (error.at(campaign.place) if campaign.place else error) from None
