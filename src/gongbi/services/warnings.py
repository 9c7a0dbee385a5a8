"""What a reader of an answer must know beside it: tags that were edited since they were built, a group of nobody.

A warning is ``{"code": …, "zh": …, "en": …}``. An answer carries a list of them, called ``warnings``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from gongbi.catalog.base import ModelDef
from gongbi.catalog.catalog import Catalog, model_tags
from gongbi.core import expr as ir
from gongbi.core.compiler import Request
from gongbi.errors import GongbiError
from gongbi.services.context import Context
from gongbi.services.digests import build_key, definition_digest, definition_digests, model_digests
from gongbi.services.governance import expiry_warnings
from gongbi.store import Store

#: So many names are given in full.
NAMED = 5


class Keeping(Protocol):
    """What is needed of a context to look at models."""

    store: Store

    def catalog(self) -> Catalog:
        """The definitions that are in force."""
        ...


def edited_tags(ctx: Context, subject: str) -> frozenset[str]:
    """Tags whose values come from another definition than the one in force, because nothing was built since."""
    return _compared(ctx, subject)[0]


def _compared(ctx: Context, subject: str) -> tuple[frozenset[str], frozenset[str]]:
    """The tags of the current build that were edited since, and those of which that cannot be told."""
    build = ctx.current_build(subject)
    if build is None:
        return frozenset(), frozenset()

    def make() -> tuple[frozenset[str], frozenset[str]]:
        if build.definitions_fingerprint == build_key(ctx.catalog(), ctx.store, subject):
            return frozenset(), frozenset()
        now = definition_digests(ctx.catalog(), subject)
        then = {tag["name"]: tag.get("definition") for tag in build.tags if tag["name"] in now}
        # Builds of older versions do not know what they were made from.
        edited = (tag for tag, made_from in then.items() if made_from and made_from != now[tag])
        return frozenset(edited), frozenset(tag for tag, made_from in then.items() if not made_from)

    found: tuple[frozenset[str], frozenset[str]]
    found = ctx.remembered(f"edited {subject}", f"{build.id} {ctx.fingerprint()}", make)
    return found


def warn_of_edits(ctx: Context, subject: str, tags: Iterable[str]) -> list[dict[str, Any]]:
    """Say which of these tags were edited since the build that their values are from, or that it cannot be told."""
    asked = frozenset(tags)
    edited, unknown = (sorted(some & asked) for some in _compared(ctx, subject))
    build = ctx.current_build(subject)
    if build is None:
        return []
    found: list[dict[str, Any]] = []
    if edited:
        zh, en = _names(edited)
        found.append(
            {
                "code": "edited_tags",
                "tags": edited,
                "build": build.id,
                "zh": f"第 {build.id} 次构建之后修改过：{zh}。这里仍是旧定义的值；运行 gongbi build 更新。",
                "en": f"Edited since build {build.id}: {en}. The values are those of the old definition;"
                " `gongbi build` renews them.",
            }
        )
    if unknown:
        found.append(
            {
                "code": "unknown_edits",
                "build": build.id,
                "zh": f"第 {build.id} 次构建完成时还不记录标签的定义，无法判断此后是否修改过；运行 gongbi build 更新。",
                "en": f"Build {build.id} was made before builds kept the definitions of their tags, so it cannot tell"
                " whether they were edited since; `gongbi build` renews it.",
            }
        )
    return found


def _names(tags: list[str]) -> tuple[str, str]:
    zh, en = "、".join(tags[:NAMED]), ", ".join(tags[:NAMED])
    if (more := len(tags) - NAMED) > 0:
        return f"{zh} 等 {len(tags)} 个标签", f"{en} and {more} more"
    return zh, en


def warn_of_model(ctx: Keeping, model: ModelDef) -> list[dict[str, Any]]:
    """Say so where the version of a model in use learned from other definitions than those in force."""
    versions = ctx.store.models.list(name=model.model)
    champion = ctx.store.models.champion(model.model) or next(iter(versions), None)
    if champion is None or champion.window.get("definition") == definition_digest(model, ctx.catalog()):
        return []
    name, version = model.model, champion.version
    about: dict[str, Any] = {"model": name, "version": version}
    zh_then, en_then = f"运行 gongbi train {name} 重新训练。", f"`gongbi train {name}` trains it again."
    now = _learned_from(model, ctx.catalog())
    then = champion.window.get("made_from")
    if then is None:
        return [
            {
                "code": "unknown_model_edits",
                **about,
                "zh": f"模型 {name} 第 {version} 版训练时还不记录所用的定义，无法判断此后是否修改过；{zh_then}",
                "en": f"Version {version} of the model {name} was trained before models kept what they learn from, so"
                f" it cannot be told whether that was edited since; {en_then}",
            }
        ]
    if then == now:
        return []
    if versions[0].version != version and versions[0].window.get("made_from") == now:
        newer = versions[0].version
        zh_then = f"按现在的定义训练的第 {newer} 版没有启用，原因见 gongbi models {name}。"
        en_then = f"version {newer}, from those in force, was not taken into use: see `gongbi models {name}`."
    tags = sorted(tag for tag, made_from in then["tags"].items() if now is None or now["tags"].get(tag) != made_from)
    own = now is None or now["model"] != then["model"]
    zh, en = _names(tags)
    what_zh = "和".join([*(["模型的定义"] if own else []), *([f"标签 {zh}"] if tags else [])]) or "标签"
    what_en = " and ".join([*(["its own"] if own else []), *([f"that of {en}"] if tags else [])]) or "its tags"
    return [
        {
            "code": "edited_model",
            **about,
            "tags": tags,
            "zh": f"模型 {name} 第 {version} 版所用的定义此后修改过：{what_zh}。这里仍是旧版的得分与指标；{zh_then}",
            "en": f"Version {version} of the model {name} learned from definitions that were edited since ({what_en}),"
            f" and its scores and figures are as then; {en_then}",
        }
    ]


def _learned_from(model: ModelDef, catalog: Catalog) -> dict[str, Any] | None:
    try:
        return model_digests(model, catalog)
    except GongbiError:
        return None  # It names what is no longer there; training it says what.


def warn_of_scores(ctx: Context, subject: str, tags: Iterable[str]) -> list[dict[str, Any]]:
    """Say so where some of these tags are scores of a model that learned from other definitions."""
    asked = frozenset(tags)
    models = (m for m in ctx.catalog().models.values() if m.subject == subject and asked & model_tags(m).keys())
    return [said for model in models for said in warn_of_model(ctx, model)]


def warn_of_tags(ctx: Context, subject: str, tags: Iterable[str]) -> list[dict[str, Any]]:
    """Say everything that must be known beside the values of these tags."""
    asked = frozenset(tags)
    warn = (warn_of_edits, warn_of_data, warn_of_scores, warn_of_expiry)
    return [said for one in warn for said in one(ctx, subject, asked)]


def warn_of_expiry(ctx: Context, _subject: str, tags: Iterable[str]) -> list[dict[str, Any]]:
    """Say which of these tags have expired, or will soon."""
    known = ctx.catalog().tags
    return expiry_warnings(ctx, (known[tag] for tag in sorted(tags) if tag in known))


def warn_of_request(ctx: Context, request: Request, others: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Say which tags that a group, a list or others rest on were edited since, and whether data have changed."""
    parts = [*request.columns.values(), *([request.where] if request.where is not None else [])]
    tags = {tag for part in parts for tag in ir.tags_used(part)}.union(others)
    return warn_of_tags(ctx, request.subject, tags)


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
