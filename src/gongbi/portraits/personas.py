"""Sentences about a group, each made of one figure. Pure: what no figure speaks of is not said."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from gongbi.catalog.base import Words
from gongbi.core.types import TEXT, Type
from gongbi.portraits.spans import Span, amount, day
from gongbi.translation.units import SHARES

#: Sentences of one field.
MOST_SENTENCES = 3
#: From this index on a trait sets a group apart; below the second it is the lack of it that does.
OVER, UNDER = 120.0, 70.0
#: A difference that chance would make less often, after correction for all that were compared.
SURE = 0.05
#: A trait of so many is typical, whether or not others have it as often.
TYPICAL = 0.5
PETALS = 6
#: From this share on it is as good as all, and below that it is hardly anybody.
NEARLY_ALL, HARDLY_ANY = 0.995, 0.005
#: An index no farther than this from 100 is as that of the others.
ALIKE = 5.0
YES_OR_NO = {"true": ("是", "yes"), "false": ("否", "no")}
_LEVELS = {"low": ("低", "low"), "high": ("高", "high"), "middling": ("居中", "middling")}
_DAY_LEVELS = {"low": ("早", "early"), "high": ("近", "recent"), "middling": ("居中", "middling")}


@dataclass(frozen=True, slots=True)
class Trait:
    """What is known of a tag for writing a sentence."""

    name: Words
    unit: str | None
    type: Type = TEXT
    labels: Mapping[str, Words] = field(default_factory=dict)

    @property
    def said_unit(self) -> str | None:
        """The unit, unless the name says what is counted: `Campaigns received are 5`, not `5 campaigns`."""
        name, unit = self.name.en.lower(), self.unit
        if unit is None or unit in SHARES:
            return unit  # `Share of fresh food` is 60 %, whatever its name begins with.
        return None if name.startswith("number of ") or unit.lower() in name else unit

    def called(self, label: str) -> tuple[str, str]:
        """A value as people call it, in Chinese and English, with its unit where it is a number."""
        if label in self.labels:
            words = self.labels[label]
            return words.zh or words.en, words.en or words.zh
        if self.type.is_number:
            return amount(float(label), self.said_unit, "zh"), amount(float(label), self.said_unit, "en")
        if self.type.name == "date":
            return day(date.fromisoformat(label), "zh"), day(date.fromisoformat(label), "en")
        return label, label.replace("_", " ")


def sentence(row: Mapping[str, Any], trait: Trait, of: int, among: Words | None = None) -> dict[str, Any]:
    """One figure in words, with the figure as its source.

    Parameters
    ----------
    row
        An index as insight gives it: tag, label, share, base_share, tgi, its interval, support.
    of
        Members of the group.
    among
        What those are called whom it is set against; everybody where it is left out.
    """
    zh_name, en_name = trait.name.zh or row["tag"], trait.name.en or row["tag"]
    zh_share, en_share = _share(row["share"])
    # Those of a named group may be companies: they are not spoken of as persons.
    who = f"{zh_share}的{'人' if among is None else '成员'}"
    if trait.type.name == "boolean":
        yes = row["label"] == "true"
        zh = f"{who}{'' if yes else '不'}符合“{zh_name.removeprefix('是否')}”"
        en = f"“{en_name}” {'holds' if yes else 'does not hold'} for {en_share} of them"
    elif row["kind"] == "range":
        zh_span, en_span = Span.read(row["label"]).said(trait.type, trait.said_unit)
        zh, en = f"{who}{zh_name}{zh_span}", f"{en_name} {_be(en_name)} {en_span} for {en_share} of them"
    else:
        zh_label, en_label = trait.called(row["label"])
        zh, en = f"{who}{zh_name}为 {zh_label}", f"{en_name} {_be(en_name)} {en_label} for {en_share} of them"
    zh_base, en_base = ("全体", "everybody") if among is None else (f"“{among.zh}”", f"“{among.en}”")
    zh_more, en_more = _beside(row, zh_base, en_base)
    source = {key: row[key] for key in ("tag", "label", "kind", "share", "base_share", "tgi", "low", "high")}
    return {"zh": f"{zh}，{zh_more}。", "en": f"{en}, {en_more}.", "source": source | {"n": row["support"], "of": of}}


def _share(share: float) -> tuple[str, str]:
    """How many of a group, in words where a rounded figure would say all or nobody."""
    if share == 1:
        return "所有", "all"
    if share >= NEARLY_ALL:
        return "几乎所有", "nearly all"
    return (f"{100 * share:.0f}% ", f"{100 * share:.0f}%") if share >= HARDLY_ANY else ("不到 1% ", "under 1%")


def _beside(row: Mapping[str, Any], zh: str, en: str) -> tuple[str, str]:
    """How that compares with the base, whose share stands in brackets."""
    base, tgi = _share(row["base_share"]), row["tgi"]
    zh_base, en_base = f"{zh}（{base[0].strip()}）", f"among {en} ({base[1]})"
    if tgi is None:
        return f"{zh}中没有", f"for none of {en}"
    if abs(tgi - 100) < ALIKE or _share(row["share"]) == base:
        return f"与{zh_base}相近", f"much as {en_base}"
    if tgi >= OVER:
        times = f"{tgi / 100:.1f}".removesuffix(".0")
        return f"是{zh_base}的 {times} 倍", f"{'twice' if times == '2' else f'{times} times'} as often as {en_base}"
    if tgi <= UNDER:
        return f"远低于{zh_base}", f"much less often than {en_base}"
    more = tgi > 100
    return f"略{'高' if more else '低'}于{zh_base}", f"somewhat {'more' if more else 'less'} often than {en_base}"


def _be(name: str) -> str:
    """Whether an English name is or are: that of which the others are said, as in `Days since the last trip`."""
    head = re.split(r" (?:of|since|in|for|over|per|with|at|from|to|by|on)\b", name)[0].split(" ")
    noun = head[-2] if len(head) > 1 and head[-1].endswith("ed") else head[-1]
    return "are" if re.search(r"[^sui]s$", noun) else "is"


def drawn(
    rows: Sequence[Mapping[str, Any]],
    fields: Mapping[str, Sequence[str]],
    traits: Mapping[str, Trait],
    of: int,
    among: Words | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Field → its sentences: what sets the group apart first, then what is typical of it; none where nothing is.

    Parameters
    ----------
    rows
        Indices of the group, most different first.
    fields
        Field → the tags it is said from.
    of, among
        As of `sentence`.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for name, tags in fields.items():
        mine = [row for row in rows if row["tag"] in tags and row["kind"] in ("value", "range")]
        apart = [row for row in mine if _sets_apart(row)]
        typical = [row for row in mine if row["share"] >= TYPICAL and not _goes_without_saying(row, traits[row["tag"]])]
        typical.sort(key=lambda row: -row["share"])
        said: dict[str, dict[str, Any]] = {}
        for row in (*apart, *typical):
            if row["tag"] not in said and len(said) < MOST_SENTENCES:
                said[row["tag"]] = sentence(row, traits[row["tag"]], of, among)
        found[name] = list(said.values())
    return found


def _sets_apart(row: Mapping[str, Any]) -> bool:
    sure = row["p_adjusted"] is not None and row["p_adjusted"] < SURE and row["tgi"] is not None
    return bool(sure and row["tgi"] >= OVER and row["support"] > 0)


def _goes_without_saying(row: Mapping[str, Any], trait: Trait) -> bool:
    """What everybody is says nothing of a group; nor does what it is not, as the others are not either."""
    if row["base_share"] >= NEARLY_ALL:
        return bool(row["share"] >= NEARLY_ALL)
    return trait.type.name == "boolean" and row["label"] == "false" and abs(row["tgi"] - 100) < ALIKE


def petals(rows: Sequence[Mapping[str, Any]], traits: Mapping[str, Trait]) -> list[dict[str, Any]]:
    """The traits that most set a group apart, one per tag: what its picture and its name are drawn from."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["kind"] in ("value", "range") and row["tag"] not in found and _sets_apart(row):
            name = traits[row["tag"]].name
            zh_label, en_label = _short(row, traits[row["tag"]])
            zh_name, en_name = name.zh or row["tag"], name.en or row["tag"]
            found[row["tag"]] = {
                "tag": row["tag"],
                "label": row["label"],
                "kind": row["kind"],
                "tgi": row["tgi"],
                "share": row["share"],
                "name": {"zh": zh_name, "en": en_name},
                "value": {"zh": zh_label, "en": en_label},
                "zh": f"{zh_name} {zh_label}",
                "en": f"{en_name} {en_label}",
            }
        if len(found) == PETALS:
            break
    return list(found.values())


def _short(row: Mapping[str, Any], trait: Trait) -> tuple[str, str]:
    """A value or a range beside a name, in Chinese and English."""
    if row["kind"] == "range":
        return Span.read(row["label"]).said(trait.type, trait.said_unit)
    return YES_OR_NO[row["label"]] if trait.type.name == "boolean" else trait.called(row["label"])


def title(number: int, strongest: Sequence[Mapping[str, Any]], taken: Collection[str] = ()) -> Words:
    """What a persona is called until somebody names it: the two traits that most set it apart, of different topics.

    What it is comes before what it is not.
    Its number stands before them where another persona is called so already, and alone where nothing sets it apart.
    """
    if not strongest:
        return Words(f"人物 {number}", f"Persona {number}")
    first, *others = sorted(strongest, key=lambda one: bool(one["value"]["en"] == YES_OR_NO["false"][1]))
    other = next((one for one in others if _topic(one) != _topic(first)), None)
    said = [_in_words(one) for one in (first, other) if one is not None]
    zh, en = "，".join(zh for zh, _ in said), ", ".join(en for _, en in said)
    en = en[:1].upper() + en[1:]
    return Words(f"人物 {number}：{zh}", f"Persona {number}: {en}") if en in taken else Words(zh, en)


def _topic(trait: Mapping[str, Any]) -> str:
    return str(trait["tag"]).split(".", 1)[0]


def _in_words(trait: Mapping[str, Any]) -> tuple[str, str]:
    """A trait as people say it, in Chinese and English: a range of numbers is high, low or between."""
    name, value = trait["name"], trait["value"]
    if value["en"] == YES_OR_NO["true"][1]:
        return name["zh"].removeprefix("是否"), _within(name["en"])
    if trait["kind"] != "range":
        return f"{name['zh']}：{value['zh']}", f"{_within(name['en'])}: {value['en']}"
    span = Span.read(trait["label"])
    zh, en = (_DAY_LEVELS if span.is_of_days else _LEVELS)[span.place]
    return f"{name['zh']}{zh}", f"{en} {_within(name['en'])}"


def _within(name: str) -> str:
    """A name in the middle of a sentence: `Total discount` is small there, `RFM score` stays."""
    return name[:1].lower() + name[1:] if name[1:2].islower() else name
