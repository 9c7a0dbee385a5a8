"""What a reader of an answer must know beside it: tags that were edited since they were built, a group of nobody.

A warning is ``{"code": …, "zh": …, "en": …}``. An answer carries a list of them, called ``warnings``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gongbi.catalog.catalog import Catalog
from gongbi.core import expr as ir
from gongbi.core.compiler import Request
from gongbi.core.expr import Call, Expr
from gongbi.services.context import Context
from gongbi.store.values import digest

#: The kinds of definition that a build of tags is keyed by.
BUILT_FROM = ("subject", "source", "tag", "segment")

#: So many names are given in full.
NAMED = 5


def definition_digests(catalog: Catalog, subject: str) -> dict[str, str]:
    """Tag → digest of what its values depend on besides data: its expression, and those of the tags that it uses."""
    found: dict[str, str] = {}
    for tag, expr in catalog.tags_of(subject).items():
        found[tag] = digest([_shape(expr), [found.get(used) for used in sorted(ir.tags_used(expr))]])
    return found


def _shape(expr: Expr) -> Any:
    """An expression as plain values: equal however it is laid out, with the conditions of segments in full."""
    if not isinstance(expr, Call):
        return repr(expr)
    condition = _shape(expr.filter) if expr.filter is not None else None
    return [expr.function.name, [_shape(arg) for arg in expr.args], expr.fact, condition, expr.distinct]


def edited_tags(ctx: Context, subject: str) -> frozenset[str]:
    """Tags whose values come from another definition than the one in force, because nothing was built since."""
    build = ctx.current_build(subject)
    if build is None:
        return frozenset()

    def make() -> frozenset[str]:
        if build.definitions_fingerprint == ctx.store.definitions.fingerprint(BUILT_FROM):
            return frozenset()
        now = definition_digests(ctx.catalog(), subject)
        # Builds of older versions do not know what they were made from.
        then = {tag["name"]: tag["definition"] for tag in build.tags if tag.get("definition")}
        return frozenset(tag for tag in then.keys() & now.keys() if then[tag] != now[tag])

    found: frozenset[str] = ctx.remembered(f"edited {subject}", f"{build.id} {ctx.fingerprint()}", make)
    return found


def warn_of_edits(ctx: Context, subject: str, tags: Iterable[str]) -> list[dict[str, Any]]:
    """Say which of these tags were edited since the build that their values are from."""
    edited = sorted(edited_tags(ctx, subject).intersection(tags))
    build = ctx.current_build(subject)
    if not edited or build is None:
        return []
    zh, en = "、".join(edited[:NAMED]), ", ".join(edited[:NAMED])
    if (more := len(edited) - NAMED) > 0:
        zh, en = f"{zh} 等 {len(edited)} 个标签", f"{en} and {more} more"
    return [
        {
            "code": "edited_tags",
            "tags": edited,
            "build": build.id,
            "zh": f"第 {build.id} 次构建之后修改过：{zh}。这里仍是旧定义的值；运行 gongbi build 更新。",
            "en": f"Edited since build {build.id}: {en}. The values are those of the old definition;"
            " `gongbi build` renews them.",
        }
    ]


def warn_of_request(ctx: Context, request: Request) -> list[dict[str, Any]]:
    """Say which tags that a group or a list rests on were edited since their build, and whether data have changed."""
    parts = [*request.columns.values(), *([request.where] if request.where is not None else [])]
    tags = {tag for part in parts for tag in ir.tags_used(part)}
    return [*warn_of_edits(ctx, request.subject, tags), *warn_of_data(ctx, request.subject, tags)]


def warn_of_data(ctx: Context, subject: str, tags: Iterable[str]) -> list[dict[str, Any]]:
    """Say so where tags are those of a build, and data were loaded or undone since."""
    build = ctx.current_build(subject)
    if build is None or build.data_version == ctx.data_version():
        return []
    if not {tag["name"] for tag in build.tags}.intersection(tags):
        return []
    return [
        {
            "code": "data_changed",
            "build": build.id,
            "zh": f"第 {build.id} 次构建之后数据有变化：标签是那时的值，事实是现在的行；运行 gongbi build 更新。",
            "en": f"Data have changed since build {build.id}: tags are as they were then, facts as they are now;"
            " `gongbi build` renews the tags.",
        }
    ]


def warn_of_nobody(size: int, base_size: int, compared: int, min_support: int) -> list[dict[str, Any]]:
    """Say why a comparison has nothing in it."""
    if not size:
        return [
            _nothing(
                "empty_group",
                "这个条件没有人符合，没有可比较的。",
                "Nobody is in the group: there is nothing to compare.",
            )
        ]
    if not base_size:
        return [
            _nothing(
                "empty_base", "对照群里没有人，无从比较。", "Nobody is in the base: there is nothing to compare with."
            )
        ]
    if not compared:
        return [
            _nothing(
                "too_few",
                f"没有一个标签值达到 {min_support} 人；可以调低 --min-support。",
                f"No value of a tag has {min_support} members; a lower --min-support shows smaller ones.",
            )
        ]
    return []


def _nothing(code: str, zh: str, en: str) -> dict[str, Any]:
    return {"code": code, "zh": zh, "en": en}
