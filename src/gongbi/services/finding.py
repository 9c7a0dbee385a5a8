"""Find what is defined by what people type, and say what a condition can be about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gongbi.catalog import forms
from gongbi.catalog.called import column_called, tag_called, tag_title
from gongbi.catalog.catalog import Catalog, model_tags
from gongbi.catalog.finding import fit
from gongbi.catalog.lists import TAG as LIST
from gongbi.core.relations import ways
from gongbi.core.types import Type
from gongbi.core.world import Hop
from gongbi.errors import UnknownName
from gongbi.services.context import Context
from gongbi.services.limits import checked
from gongbi.services.privacy import personal_tags

KINDS = ("tag", "segment", "attribute", "fact", "model", "campaign")


def search(
    ctx: Context, query: str, *, subject: str | None = None, kinds: Sequence[str] = (), limit: int = 20
) -> list[dict[str, Any]]:
    """What is called like that: Chinese, pinyin, its initials, English words; a slip of the pen is forgiven.

    Parameters
    ----------
    query
        What was typed: ``最近消费``, ``zuijinxiaofei``, ``zjxf``, ``recency``.
    subject
        Only what is about this subject.
    kinds
        Only these of ``tag``, ``segment``, ``attribute``, ``fact``, ``model``, ``campaign``.

    Returns
    -------
    list of dict
        ``kind``, ``name`` (as it is written in an expression), ``title`` (``zh``, ``en``), ``subject``, ``category``;
        best first.
    """
    limit = checked(limit)
    for kind in kinds:
        if kind not in KINDS:
            raise UnknownName("kind of definition", kind, KINDS)
    if subject:
        ctx.check_subject(subject)
    found = []
    for thing in _things(ctx.catalog()):
        if (kinds and thing["kind"] not in kinds) or (subject and thing["subject"] != subject):
            continue
        place = fit(query, _texts(thing))
        if place is not None:
            found.append((place, KINDS.index(thing["kind"]), thing["name"], thing))
    return [thing for *_, thing in sorted(found, key=lambda one: one[:3])[:limit]]


def _texts(thing: dict[str, Any]) -> list[str]:
    title = thing["title"]
    return [title["zh"], title["en"], thing["name"], *thing["name"].split("."), thing["category"]]


def _thing(kind: str, name: str, title: Any, subject: str, category: str = "") -> dict[str, Any]:
    return {"kind": kind, "name": name, "title": title, "subject": subject, "category": category}


def _things(catalog: Catalog) -> Iterator[dict[str, Any]]:
    for subject, name in catalog.expressions:
        tag = catalog.tags[name]
        yield _thing("tag", f"tag.{name}", tag.name.to_json(), subject, tag.category)
    for segment in catalog.segments.values():
        yield _thing("segment", f"segment.{segment.segment}", segment.name.to_json(), segment.subject)
    for shape in catalog.world.subjects.values():
        for name in shape.attributes:
            if name.startswith("given."):
                continue  # Found as the tag that it is.
            spelled = f"{shape.name}.{name}"
            yield _thing("attribute", spelled, _title(catalog, spelled), shape.name)
    for fact in catalog.world.facts.values():
        for subject in fact.subjects:
            yield _thing("fact", fact.name, {"zh": "", "en": fact.name.replace("_", " ")}, subject)
    for model in catalog.models.values():
        for score in model_tags(model):
            yield _thing("model", f"tag.{score}", model.name.to_json(), model.subject)
    for campaign in catalog.campaigns.values():
        yield _thing("campaign", campaign.campaign, campaign.name.to_json(), "customer")


def fields(ctx: Context, *, subject: str = "customer") -> dict[str, Any]:
    """What a condition about a member can be about, for forms: names, kinds of value, the values that there are.

    Returns
    -------
    dict
        ``fields`` (tags and attributes, also those of the one neighbour in a role: ``name``, ``group``, ``title``,
        ``kind``, ``type``, ``values``, ``category``, ``unit``), ``facts`` (``name``, ``columns``: fields of their rows;
        neighbours of whom there may be many are among them, ``household.member``), ``segments`` (``name``, ``title``),
        ``identifiers`` (their kinds).
    """
    ctx.check_subject(subject)
    catalog = ctx.catalog()
    build = ctx.current_build(subject)
    version = f"{ctx.fingerprint()} {build.id if build else 0} {sorted(one.name for one in ctx.lists())}"

    def make() -> dict[str, Any]:
        stats = {s.tag: s for s in ctx.store.builds.stats(build.id)} if build is not None else {}
        hidden = personal_tags(ctx, subject)
        found = []
        for tag, type_ in catalog.world.tags_of(subject).items():
            if tag.startswith(LIST):
                continue  # Its segment says the same.
            definition, known = catalog.tags.get(tag), None if tag in hidden else stats.get(tag)
            values = [value["value"] for value in (known.top or [])] if known else []
            values = list(definition.closed) if definition is not None and definition.closed else values
            whole = known is None or known.distinct is None or known.distinct <= len(values)
            found.append(
                _field(f"tag.{tag}", "tag", type_, values if whole else [])
                | {
                    "title": definition.name.to_json() if definition else tag_title(catalog, tag).to_json(),
                    "category": definition.category if definition else "预测/模型",
                    "unit": tag_called(catalog, tag).unit,
                }
            )
        for name, attribute in catalog.world.subject(subject).attributes.items():
            if name.startswith("given."):
                continue
            found.append(_attribute(catalog, f"{subject}.{name}", "attribute", attribute.type))
        facts = [
            {"name": fact.name, "columns": list(_columns(catalog, fact.name, subject))}
            for fact in catalog.world.facts.values()
            if subject in fact.subjects
        ]
        for path, way, to_one in _neighbours(catalog, subject):
            # What is known of the one neighbour stands by itself; many are counted and summed, as the rows of a fact.
            columns = list(_known_of(catalog, path, way.subject))
            if to_one:
                found += columns
            else:
                facts.append({"name": path, "columns": columns})
        segments = [
            {"name": segment.segment, "title": segment.name.to_json()}
            for segment in catalog.segments.values()
            if segment.subject == subject
        ]
        identifiers = list(catalog.subjects[subject].identifiers)
        return {
            "subject": subject,
            "fields": found,
            "facts": facts,
            "segments": segments,
            "identifiers": identifiers,
        }

    return ctx.remembered(f"fields {subject}", version, make)  # type: ignore[no-any-return]


def _neighbours(catalog: Catalog, subject: str) -> Iterator[tuple[str, Hop, bool]]:
    """Neighbours at most two steps away: how they are written, the last step, and whether a member has at most one."""
    for way in ways(catalog.world, subject):
        path = _spelled(catalog, subject, way)
        yield path, way, way.to_one
        for further in ways(catalog.world, way.subject):
            if further.relation != way.relation or further.subject == subject:
                yield f"{path}.{_spelled(catalog, way.subject, further)}", further, way.to_one and further.to_one


def _spelled(catalog: Catalog, subject: str, way: Hop) -> str:
    """A step in a word: the role, where that can mean nothing else."""
    there = [one.role for one in ways(catalog.world, subject)]
    free = way.role not in catalog.world.subject(subject).attributes and way.role not in catalog.world.facts
    return way.role if free and there.count(way.role) == 1 else f"relation.{way.relation}.{way.role}"


def _known_of(catalog: Catalog, path: str, subject: str) -> Iterator[dict[str, Any]]:
    """The tags and attributes of neighbours."""
    for tag, type_ in catalog.world.tags_of(subject).items():
        definition = catalog.tags.get(tag)
        if (subject, tag) in catalog.expressions and definition is not None:
            yield _field(f"{path}.tag.{tag}", "neighbour", type_, definition.closed or ()) | {
                "title": definition.name.to_json(),
                "category": definition.category,
                "unit": tag_called(catalog, tag).unit,
                "of": path,
            }
    for name, attribute in catalog.world.subject(subject).attributes.items():
        if not name.startswith("given."):
            field = _attribute(catalog, f"{subject}.{name}", "neighbour", attribute.type)
            yield field | {"name": f"{path}.{name}", "of": path}


def _field(name: str, group: str, type_: Type, values: Sequence[Any]) -> dict[str, Any]:
    kind = forms.kind_of(str(type_), listed=bool(values), ordered=type_.ordered)
    title = {"zh": "", "en": name.rpartition(".")[2].replace("_", " ")}
    shown = [] if kind in ("boolean", "date", "list") else list(values)
    return {"name": name, "group": group, "title": title, "kind": kind, "type": str(type_), "values": shown,
            "category": "", "unit": None}  # fmt: skip


def _attribute(catalog: Catalog, spelled: str, group: str, type_: Type) -> dict[str, Any]:
    """An attribute or a column of a fact as a field: with what its source calls it, and the values it may have."""
    known = column_called(catalog, spelled)
    if known is None:
        return _field(spelled, group, type_, ())
    # Values that have labels and are not all there may be are still worth offering.
    values = known.values or tuple(known.labels)
    return _field(spelled, group, type_, values) | {"title": _title(catalog, spelled), "unit": known.measured_in}


def _title(catalog: Catalog, spelled: str) -> dict[str, str]:
    """What people call an attribute or a column of a fact; its own name where nothing was said."""
    known, own = column_called(catalog, spelled), spelled.rpartition(".")[2].replace("_", " ")
    name = known.name.to_json() if known is not None else {"zh": "", "en": ""}
    return {"zh": name["zh"], "en": name["en"] or own}


def _columns(catalog: Catalog, fact: str, subject: str) -> Iterator[dict[str, Any]]:
    """The columns of a fact's rows, then the attributes of the other subjects that they name."""
    shape = catalog.world.facts[fact]
    for column in shape.names:
        type_ = shape.column(column)
        if column != subject and type_ is not None:
            yield _attribute(catalog, f"{fact}.{column}", "column", type_)
    for other in shape.subjects:
        if other != subject:
            for name, attribute in catalog.world.subjects[other].attributes.items():
                field = _attribute(catalog, f"{other}.{name}", "column", attribute.type)
                yield field | {"name": f"{fact}.{other}.{name}"}
