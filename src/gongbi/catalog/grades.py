"""A grading written as tags, so that builds, segments, history and both engines know it like any other tag."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gongbi.catalog.base import CategoryType, TagDef
from gongbi.catalog.naming import Words
from gongbi.catalog.portraits import LEVELS, GradingDef

CATEGORY = "消费特征/分级"
ABOUT = {
    "type": (
        "购买方式的两类之一；条件未知者归第二类。",
        "One of the two ways of buying; the unknown are of the second.",
    ),
    "volume": ("分级所用的规模；没有则为 0。", "The volume by which members are levelled; 0 where there is none."),
    "level": ("按规模从 1 到 5 级，5 最大。", "By volume from 1 to 5, the largest; nobody is without."),
    "post": ("负责这一类这一级的岗位。", "Who looks after members of the type and level."),
    "days": ("至少每隔这么多天联系一次。", "A contact is wanted at least every so many days."),
    "quiet": (
        "距上次联系的整天数；从未联系则缺失。",
        "Whole days since the last contact; absent where there was none.",
    ),
    "due": ("距上次联系达到联系周期，或从未联系。", "The last contact is as long ago as the rhythm, or never was."),
}


def grading_tags(grading: GradingDef) -> list[TagDef]:
    """The tags of a grading, each after those it uses."""
    own, (one, other) = f"tag.{grading.prefix}", list(grading.types)
    limits = grading.cuts or grading.shares
    reached = f"{own}.volume" if grading.cuts else f"percent_rank({own}.volume)"
    rising = list(enumerate(limits, start=2))
    levels = " ".join(f"when {reached} >= {_number(limit)} then {level}" for level, limit in reversed(rising))
    cells = [
        (f"{own}.type = '{type_}' and {own}.level = {level}", care)
        for type_, levels_ in grading.care.items()
        for level, care in enumerate(levels_, start=1)
    ]
    posts = " ".join(f"when {cell} then '{care.post}'" for cell, care in cells)
    days = " ".join(f"when {cell} then {care.days}" for cell, care in cells)
    return [
        _tag(
            grading, "type", ("购买方式", "way of buying"),
            f"case when {grading.first} then '{one}' else '{other}' end",
            CategoryType((one, other)), labels=grading.types,
        ),
        _tag(grading, "volume", ("规模", "volume"), f"coalesce({grading.volume}, 0)", unit=grading.unit),
        _tag(
            grading, "level", ("等级", "level"), f"case {levels} else 1 end",
            CategoryType(tuple(range(1, LEVELS + 1)), ordered=True),
        ),
        _tag(
            grading, "post", ("责任岗位", "responsible post"), f"case {posts} end",
            CategoryType(tuple(dict.fromkeys(grading.posts))), labels=grading.posts,
        ),
        _tag(grading, "days", ("联系周期", "rhythm of care"), f"case {days} end", unit="days"),
        _tag(grading, "quiet", ("距上次联系", "days without contact"), f"days_since({grading.contact})", unit="days"),
        _tag(grading, "due", ("应联系", "due for care"), f"coalesce({own}.quiet >= {own}.days, true)"),
    ]  # fmt: skip


def _tag(
    grading: GradingDef,
    part: str,
    words: tuple[str, str],
    expr: str,
    type_: CategoryType | None = None,
    unit: str | None = None,
    labels: Mapping[str, Words] = MappingProxyType({}),
) -> TagDef:
    zh, en = (grading.name.zh or grading.grading), (grading.name.en or grading.grading)
    about = ABOUT[part]
    return TagDef(
        f"{grading.prefix}.{part}",
        expr,
        name=Words(f"{zh}：{words[0]}", f"{en}: {words[1]}"),
        subject=grading.subject,
        category=CATEGORY,
        type_=type_,
        unit=unit,
        owner=grading.owner,
        about=Words(*about),
        labels=labels,
        place=grading.place,
    )


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
