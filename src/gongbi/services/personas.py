"""Personas: drawn from the figures of groups, completed by interviews, never by invention."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from gongbi.catalog.base import CastDef, Words
from gongbi.catalog.called import tag_called, tag_title
from gongbi.catalog.catalog import Catalog
from gongbi.catalog.drawn import fitting
from gongbi.catalog.masking import Privacy, masked
from gongbi.catalog.portraits import PERSONA_FIELDS
from gongbi.errors import InvalidInput, NotYet, Refused, UnknownName
from gongbi.portraits.avatar import avatar
from gongbi.portraits.personas import Trait, drawn, petals, title
from gongbi.portraits.printing import personas_page, write_page
from gongbi.services import customers, segments
from gongbi.services.context import Context
from gongbi.services.files import check_writable
from gongbi.services.insight import insight
from gongbi.services.privacy import id_grade
from gongbi.store.personas import Interview, Persona

LANGUAGES = ("zh", "en")
#: A group is compared where this many members have a value, or fewer where the group is small.
SUPPORT = 20
#: The longest quotation that is kept.
MOST_WORDS = 2000


def make_personas(ctx: Context, cast: str) -> dict[str, Any]:
    """Draw the personas of a cast anew from the tags in force; names that people gave stay.

    Returns
    -------
    dict
        As `personas`.

    Raises
    ------
    NotYet
        The clusters were not trained.
    """
    definition = ctx.catalog().cast(cast)
    groups = _groups(ctx, definition)
    made: list[tuple[str, dict[str, Any]]] = []
    with ctx.run("personas", cast) as inner:
        for i, (key, condition) in enumerate(groups):
            inner.progress(f"persona {key}", i, len(groups))
            taken = {body["title"]["en"] for _, body in made}
            made.append((key, _drawn(inner, definition, i, condition, taken)))
        ctx.store.personas.replace(cast, made, ctx.actor, ctx.now())
        inner.note(rows=len(made))
    return personas(ctx, cast)


def personas(ctx: Context, cast: str | None = None) -> dict[str, Any]:
    """The casts with their personas as they were last made.

    Returns
    -------
    dict
        ``casts``: each with ``cast``, ``name``, ``about``, ``subject``, ``fields`` (in order) and ``personas``: each
        with ``key``, ``name``, ``title``, ``members``, ``share``, ``as_of``, ``condition``, ``petals``, ``picture``
        (SVG by language), ``fields`` (field → sentences, each with its ``source``: a figure, or an ``interview``),
        ``unused`` (interviews without consent) and ``made_at``. A field without evidence has no sentence.
    """
    catalog = ctx.catalog()
    chosen = [catalog.cast(cast)] if cast is not None else list(catalog.casts.values())
    said = ctx.store.interviews.list()
    grades = {one.cast: id_grade(catalog, one.subject) for one in chosen}
    return {
        "casts": [
            {
                "cast": one.cast,
                "name": one.name.to_json(),
                "about": one.about.to_json(),
                "subject": one.subject,
                "fields": list(PERSONA_FIELDS),
                "personas": [
                    _shown(
                        persona, [i for i in said if (i.cast, i.persona) == (one.cast, persona.key)], grades[one.cast]
                    )
                    for persona in ctx.store.personas.list(one.cast)
                ],
            }
            for one in chosen
        ]
    }


def persona(ctx: Context, cast: str, key: str) -> dict[str, Any]:
    """One persona of a cast; see `personas`."""
    ctx.catalog().cast(cast)
    return {"cast": cast, **_found(ctx, cast, key)}


def rename_persona(ctx: Context, cast: str, key: str, *, zh: str = "", en: str = "") -> dict[str, Any]:
    """Name a persona; without a name it is called by its strongest traits again."""
    ctx.catalog().cast(cast)
    _found(ctx, cast, key)
    zh, en = zh.strip(), en.strip()
    ctx.store.personas.rename(cast, key, {"zh": zh or en, "en": en or zh} if zh or en else None)
    _put_on_record(ctx, "rename_persona", f"{cast}/{key}", {"zh": zh, "en": en})
    return persona(ctx, cast, key)


def print_personas(
    ctx: Context, cast: str, to: str, *, language: str = "zh", overwrite: bool = False
) -> dict[str, Any]:
    """Write a cast as a page to print (.html) or as .pdf.

    Returns
    -------
    dict
        ``path``, ``personas`` (how many), ``sha256``.
    """
    _check_language(language)
    path = Path(to).expanduser()
    check_writable(path, (".html", ".pdf"), overwrite=overwrite)
    (found,) = personas(ctx, cast)["casts"]
    if not found["personas"]:
        raise NotYet(f"The personas of {cast!r} were not made yet.", hint=f"Run `gongbi personas make {cast}`.")
    digest = write_page(personas_page(found, language), path)
    _put_on_record(ctx, "print_personas", cast, {"path": str(path), "sha256": digest})
    return {"path": str(path), "personas": len(found["personas"]), "sha256": digest}


# -- interviews ---------------------------------------------------------------------------------------


def add_interview(
    ctx: Context,
    cast: str,
    quotes: Sequence[Mapping[str, str]],
    *,
    by: str,
    on: str,
    persona: str | None = None,
    member: Any = None,
    consent: bool = False,
) -> dict[str, Any]:
    """Keep what somebody said as evidence for a persona.

    Parameters
    ----------
    quotes
        Each with a ``field`` of personas and the ``words`` as they were said.
    by, on
        Who held the interview, and the day (ISO).
    persona
        Whom it speaks for; that of the customer's own group where absent.
    member
        The customer, by id or identifier; nobody's where the person stays anonymous.
    consent
        Whether the person agreed to be quoted. Without it the words are kept and not shown.

    Returns
    -------
    dict
        The interview as kept.
    """
    definition = ctx.catalog().cast(cast)
    if not by.strip():
        raise InvalidInput("An interview names who held it.")
    try:
        day = date.fromisoformat(on)
    except ValueError as error:
        raise InvalidInput(f"{on!r} is no day.", hint="Write it as 2024-05-31.") from error
    if day > ctx.now().date():
        raise InvalidInput(f"The interview is of {on}, which is still to come.")
    kept = [_quote(quote) for quote in quotes]
    if not kept:
        raise InvalidInput("An interview has at least one quotation.", hint="Give a field and the words.")
    id_ = None if member is None else customers.resolve(ctx, member, definition.subject)
    if persona is None and id_ is None:
        raise InvalidInput("Say for which persona somebody speaks who stays anonymous.")
    key = persona if persona is not None else _persona_of(ctx, definition, id_)
    _found(ctx, cast, key)
    values = {
        "cast": cast,
        "persona": key,
        "member": None if id_ is None else str(id_),
        "conducted_by": by.strip(),
        "conducted_on": on,
        "consent": consent,
        "quotes": kept,
        "actor": ctx.actor,
    }
    with ctx.store.transaction():
        found = ctx.store.interviews.add(values, ctx.now())
        _put_on_record(ctx, "add_interview", f"{cast}/{key}", {"interview": found.id, "consent": consent})
    return _interview(found)


def interviews(ctx: Context, cast: str | None = None) -> list[dict[str, Any]]:
    """Interviews, the newest first."""
    if cast is not None:
        ctx.catalog().cast(cast)
    return [_interview(one) for one in ctx.store.interviews.list(cast)]


def remove_interview(ctx: Context, id: int) -> dict[str, Any]:  # noqa: A002
    """Forget an interview, as whoever withdraws consent may ask."""
    with ctx.store.transaction():
        ctx.store.interviews.remove(id)
        _put_on_record(ctx, "remove_interview", str(id), {})
    return {"removed": id}


def _quote(quote: Mapping[str, str]) -> dict[str, str]:
    field, words = str(quote.get("field", "")), str(quote.get("words", "")).strip()
    if field not in PERSONA_FIELDS:
        raise UnknownName("field of personas", field, PERSONA_FIELDS)
    if not words or len(words) > MOST_WORDS:
        raise InvalidInput(f"A quotation has 1 to {MOST_WORDS:,} characters, not {len(words):,}.")
    return {"field": field, "words": words}


def _interview(one: Interview) -> dict[str, Any]:
    return {
        "interview": one.id,
        "cast": one.cast,
        "persona": one.persona,
        "member": one.member,
        "by": one.conducted_by,
        "on": one.conducted_on,
        "consent": one.consent,
        "quotes": one.quotes,
        "recorded_at": one.recorded_at.isoformat(),
        "actor": one.actor,
    }


# -- drawing ------------------------------------------------------------------------------------------


def _groups(ctx: Context, cast: CastDef) -> list[tuple[str, str]]:
    """Key and condition of each group, the largest cluster first, segments as they are listed."""
    if cast.clusters is None:
        return [(name, f"segment.{name}") for name in cast.segments][: cast.most]
    champion = ctx.store.models.champion(cast.clusters)
    if champion is None:
        raise NotYet(f"The model {cast.clusters!r} was not trained yet.", hint="Run `gongbi train` first.")
    numbers = [one["cluster"] for one in champion.metrics["clusters"]]
    return [(str(n), f"tag.cluster.{cast.clusters} = {n}") for n in numbers][: cast.most]


def _drawn(ctx: Context, cast: CastDef, number: int, condition: str, taken: Collection[str]) -> dict[str, Any]:
    catalog = ctx.catalog()
    known = list(catalog.world.tags_of(cast.subject))
    fields = {name: fitting(patterns, known) for name, patterns in cast.fields.items()}
    wanted = list(dict.fromkeys(tag for tags in fields.values() for tag in tags))
    traits = {tag: _trait(catalog, cast.subject, tag) for tag in wanted}
    size = segments.count(ctx, condition, subject=cast.subject)
    whole, among = size["of"], None
    if cast.among:
        whole = segments.count(ctx, f"segment.{cast.among}", subject=cast.subject)["count"]
        named = catalog.segments[cast.among].name
        among = Words(named.zh or cast.among, named.en or cast.among)
    rows: list[Mapping[str, Any]] = []
    if wanted and size["count"]:
        support = max(1, min(SUPPORT, size["count"] // 10))
        base = f"segment.{cast.among}" if cast.among else None
        found = insight(ctx, condition, subject=cast.subject, tags=wanted, min_support=support, base=base)
        rows = found["rows"]
    strongest = petals(rows, traits)
    return {
        "title": title(number + 1, strongest, taken).to_json(),
        "condition": condition,
        "members": size["count"],
        "share": size["count"] / whole if whole else 0.0,
        "as_of": size["as_of"],
        "petals": strongest,
        "fields": drawn(rows, fields, traits, size["count"], among),
    }


def _trait(catalog: Catalog, subject: str, tag: str) -> Trait:
    called = tag_called(catalog, tag)
    return Trait(tag_title(catalog, tag), called.unit, catalog.world.tags_of(subject)[tag], called.labels)


def _shown(persona: Persona, said: Sequence[Interview], grade: Privacy) -> dict[str, Any]:
    body = persona.body
    fields = {name: list(body["fields"].get(name, ())) for name in PERSONA_FIELDS}
    for one in sorted(said, key=lambda one: one.id):
        for quote in one.quotes if one.consent else ():
            # Who spoke is told by an id that says nothing of the person.
            who = masked(one.member, grade)
            source = {"interview": one.id, "by": one.conducted_by, "on": one.conducted_on, "member": who}
            fields[quote["field"]].append({"zh": quote["words"], "en": quote["words"], "source": source})
    return {
        "key": persona.key,
        "name": persona.nickname or body["title"],
        **{key: body[key] for key in ("title", "condition", "members", "share", "as_of", "petals")},
        "picture": {language: avatar(persona.place, body["share"], body["petals"], language) for language in LANGUAGES},
        "fields": fields,
        "unused": sum(not one.consent for one in said),
        "made_at": persona.made_at.isoformat(),
        "actor": persona.actor,
    }


def _found(ctx: Context, cast: str, key: str) -> dict[str, Any]:
    (found,) = personas(ctx, cast)["casts"]
    if not found["personas"]:
        raise NotYet(f"The personas of {cast!r} were not made yet.", hint=f"Run `gongbi personas make {cast}`.")
    known = {one["key"]: one for one in found["personas"]}
    if key not in known:
        raise UnknownName("persona", key, known)
    return dict(known[key])


def _persona_of(ctx: Context, cast: CastDef, member: Any) -> str:
    """The persona whose group a member belongs to."""
    # As the language writes it, not the engine.
    here = str(member) if isinstance(member, int) else "'" + str(member).replace("'", "''") + "'"
    for one in ctx.store.personas.list(cast.cast):
        condition = f"({one.body['condition']}) and {cast.subject}.id = {here}"
        if segments.count(ctx, condition, subject=cast.subject)["count"]:
            return one.key
    raise Refused(
        f"{cast.subject} {member} belongs to no persona of {cast.cast!r}.", hint="Say which persona it speaks for."
    )


def _check_language(language: str) -> None:
    if language not in LANGUAGES:
        raise UnknownName("language", language, LANGUAGES)


def _put_on_record(ctx: Context, action: str, what: str, details: Mapping[str, Any]) -> None:
    ctx.store.audit.append(actor=ctx.actor, action=action, object=what, now=ctx.now(), details=dict(details))
