"""Requests for tags: a business question → a proposed tag → who answers it → the tag, and whether it is used."""

from __future__ import annotations

from typing import Any

from gongbi.catalog.base import TagDef
from gongbi.catalog.catalog import checked_tag
from gongbi.catalog.uses import Key, everyone
from gongbi.catalog.yaml import from_json
from gongbi.errors import InvalidInput, Refused, UnknownName
from gongbi.services.context import Context
from gongbi.services.impact import all_users, handed_out
from gongbi.services.library import actor_of
from gongbi.store.requests import Request

STATES = ("open", "assigned", "answered", "closed")


def add_request(
    ctx: Context, question: str, *, subject: str = "customer", tag: str = "", expression: str = ""
) -> dict[str, Any]:
    """Ask for a tag in words; a name and an expression for it may be proposed.

    Raises
    ------
    InvalidInput, InvalidExpression, UnknownName
        No question; a proposal that cannot be.
    """
    if not question.strip():
        raise InvalidInput("The question is empty.", hint="Say in words what you want to know of a customer.")
    ctx.check_subject(subject)
    if expression.strip():
        proposed = from_json("tag", {"tag": tag or "new.tag", "expr": expression, "subject": subject})
        assert isinstance(proposed, TagDef)
        checked_tag(proposed, ctx.catalog().world)
    made = ctx.store.requests.add(
        question.strip(), actor=ctx.actor, now=ctx.now(), subject=subject, proposed=tag, expression=expression.strip()
    )
    return _shown(ctx, _noted(ctx, made, "ask", ""))


def requests(ctx: Context, *, state: str | None = None) -> list[dict[str, Any]]:
    """Requests, the newest first; those that were answered with whether the tag is used since."""
    if state is not None and state not in STATES:
        raise UnknownName("state of a request", state, STATES)
    return [_shown(ctx, one) for one in ctx.store.requests.list(state=state)]


def request_card(ctx: Context, request: int) -> dict[str, Any]:
    """One request, with everything that was done with it."""
    found = ctx.store.requests.get(request)
    trail = ctx.store.audit.list(object=f"request {request}")
    events = [
        {"action": e.action, **actor_of(e.actor), "at": e.at.isoformat(), "why": e.details.get("why", "")}
        for e in reversed(trail)
    ]
    return _shown(ctx, found) | {"events": events}


def assign_request(ctx: Context, request: int, owner: str) -> dict[str, Any]:
    """Say who answers a request."""
    if not owner.strip():
        raise InvalidInput("The owner is empty.", hint="Give the name of who answers the request.")
    _open(ctx, request)
    found = ctx.store.requests.change(request, ctx.now(), owner=owner.strip(), state="assigned")
    return _shown(ctx, _noted(ctx, found, "assign", owner.strip()))


def answer_request(ctx: Context, request: int, tag: str, *, why: str = "") -> dict[str, Any]:
    """Name the tag that answers a request; it may still be a draft. Only who was asked for the answer gives it.

    A request that nobody was asked to answer is then theirs who answered it.
    """
    owner = _open(ctx, request).owner or ctx.actor
    if ctx.actor != owner:
        raise Refused(
            f"Request {request} is {owner}'s to answer, not {ctx.actor}'s.",
            hint=f"Say who you are with `--as {owner}`, or assign it to somebody else.",
        )
    name = tag.strip().removeprefix("tag.")
    if not ctx.store.definitions.history("tag", name):
        raise UnknownName("tag", name, ctx.catalog().tags)
    found = ctx.store.requests.change(request, ctx.now(), tag=name, answer=why.strip(), state="answered", owner=owner)
    return _shown(ctx, _noted(ctx, found, "answer", why))


def close_request(ctx: Context, request: int, *, why: str = "") -> dict[str, Any]:
    """Close a request; one that no tag has answered needs a reason. Who asked may close it, and who answers it."""
    found = ctx.store.requests.get(request)
    if found.state == "closed":
        raise Refused(f"Request {request} is closed already.")
    allowed = list(dict.fromkeys(name for name in (found.asked_by, found.owner) if name))
    if ctx.actor not in allowed:
        raise Refused(
            f"Request {request} is {' and '.join(allowed)}'s to close, not {ctx.actor}'s.",
            hint=f"Say who you are with `--as {allowed[-1]}`.",
        )
    if found.tag is None and not why.strip():
        raise InvalidInput("A request that no tag has answered is closed with a reason.", hint="Give it with `--why`.")
    found = ctx.store.requests.change(request, ctx.now(), state="closed", answer=why.strip() or found.answer)
    return _shown(ctx, _noted(ctx, found, "close", why))


def _open(ctx: Context, request: int) -> Request:
    found = ctx.store.requests.get(request)
    if found.state == "closed":
        raise Refused(f"Request {request} is closed already.", hint="Ask again: `gongbi requests add`.")
    return found


def _noted(ctx: Context, request: Request, action: str, why: str) -> Request:
    ctx.store.audit.append(
        actor=ctx.actor, action=action, object=f"request {request.id}", now=ctx.now(), details={"why": why.strip()}
    )
    return request


def _shown(ctx: Context, one: Request) -> dict[str, Any]:
    return {
        "request": one.id,
        "question": one.question,
        "subject": one.subject,
        "asked_by": one.asked_by,
        "verified": False,
        "asked_at": one.asked_at.isoformat(),
        "proposed": one.proposed,
        "expression": one.expression,
        "owner": one.owner,
        "state": one.state,
        "tag": one.tag,
        "answer": one.answer,
        "changed_at": one.changed_at.isoformat(),
        "use": _use(ctx, one) if one.tag else None,
    }


def _use(ctx: Context, one: Request) -> dict[str, Any]:
    """What came of the answer: whether the tag is in force, who uses it, how often it was handed out since."""
    key = Key("tag", one.tag or "")
    exports = ctx.store.exports.list()
    return {
        "in_force": key.name in ctx.catalog().tags,
        "users": [str(user) for user in everyone(key, all_users(ctx))],
        "exports": sum(
            1 for e in exports if e.at >= one.asked_at and handed_out(key, e.columns, e.expression, e.segment)
        ),
    }
