"""Sentences about a group, each made of one figure. Pure: what no figure speaks of is not said."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gongbi.catalog.base import Words
from gongbi.translation.units import UNITS

#: Sentences of one field.
MOST_SENTENCES = 3
#: From this index on a trait sets a group apart; below the second it is the lack of it that does.
OVER, UNDER = 120.0, 70.0
#: A difference that chance would make less often, after correction for all that were compared.
SURE = 0.05
#: A trait of so many is typical, whether or not others have it as often.
TYPICAL = 0.5
PETALS = 6
YES_OR_NO = {"true": ("是", "yes"), "false": ("否", "no")}


@dataclass(frozen=True, slots=True)
class Trait:
    """What is known of a tag for writing a sentence."""

    name: Words
    unit: str | None
    is_truth: bool
    labels: Mapping[str, Words] = field(default_factory=dict)

    def called(self, label: str) -> tuple[str, str]:
        """A value or a range as people call it, in Chinese and English."""
        if label in self.labels:
            words = self.labels[label]
            return words.zh or words.en, words.en or words.zh
        short = plain(label)
        return short, short.replace("_", " ")


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
    zh_label, en_label = trait.called(row["label"])
    share, base = f"{100 * row['share']:.0f}%", f"{100 * row['base_share']:.0f}%"
    # Those of a named group may be companies: they are not spoken of as persons.
    who = " 的人" if among is None else " 的"
    base_zh, base_en = ("全体", "everybody") if among is None else (f"“{among.zh}”", f"“{among.en}”")
    unit = f" {trait.unit}" if trait.unit and row["kind"] == "range" else ""
    if trait.is_truth:
        yes = row["label"] == "true"
        zh = f"{share}{who}“{zh_name}”为{'是' if yes else '否'}"
        en = f"{en_name}: {'yes' if yes else 'no'} for {share}"
    else:
        zh_unit = f" {UNITS.get(trait.unit or '', trait.unit)}" if unit else ""
        zh = f"{share}{who}{zh_name}为 {zh_label}{zh_unit}"
        en = f"{en_name} is {en_label}{unit} for {share}"
    zh, en = f"{zh}，{base_zh}为 {base}{_times_zh(row)}。", f"{en}, against {base} of {base_en}{_times_en(row)}."
    source = {key: row[key] for key in ("tag", "label", "kind", "share", "base_share", "tgi", "low", "high")}
    return {"zh": zh, "en": en, "source": source | {"n": row["support"], "of": of}}


def plain(label: str) -> str:
    """A bin's label with numbers as people write them."""

    def short(word: str) -> str:
        try:
            value = float(word)
        except ValueError:
            return word
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

    return " ".join(short(word) for word in label.split(" "))


def _times_zh(row: Mapping[str, Any]) -> str:
    tgi = row["tgi"]
    return f"，是平均的 {tgi / 100:.1f} 倍" if tgi is not None and (tgi >= OVER or tgi <= UNDER) else ""


def _times_en(row: Mapping[str, Any]) -> str:
    tgi = row["tgi"]
    return f", {tgi / 100:.1f} times as often" if tgi is not None and (tgi >= OVER or tgi <= UNDER) else ""


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
        typical = sorted((row for row in mine if row["share"] >= TYPICAL), key=lambda row: -row["share"])
        said: dict[str, dict[str, Any]] = {}
        for row in (*apart, *typical):
            if row["tag"] not in said and len(said) < MOST_SENTENCES:
                said[row["tag"]] = sentence(row, traits[row["tag"]], of, among)
        found[name] = list(said.values())
    return found


def _sets_apart(row: Mapping[str, Any]) -> bool:
    sure = row["p_adjusted"] is not None and row["p_adjusted"] < SURE and row["tgi"] is not None
    return bool(sure and row["tgi"] >= OVER and row["support"] > 0)


def petals(rows: Sequence[Mapping[str, Any]], traits: Mapping[str, Trait]) -> list[dict[str, Any]]:
    """The traits that most set a group apart, one per tag: what its picture and its name are drawn from."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["kind"] in ("value", "range") and row["tag"] not in found and _sets_apart(row):
            name = traits[row["tag"]].name
            zh_label, en_label = YES_OR_NO.get(row["label"]) or traits[row["tag"]].called(row["label"])
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


def title(number: int, strongest: Sequence[Mapping[str, Any]], taken: Collection[str] = ()) -> Words:
    """What a persona is called until somebody names it: the two traits that most set it apart, of different topics.

    Its number stands before them where another persona is called so already, and alone where nothing sets it apart.
    """
    if not strongest:
        return Words(f"人物 {number}", f"Persona {number}")
    topic = _topic(strongest[0])
    other = next((one for one in strongest[1:] if _topic(one) != topic), None)
    said = [_in_words(one) for one in (strongest[0], other) if one is not None]
    zh, en = "，".join(zh for zh, _ in said), ", ".join(en for _, en in said)
    en = en[:1].upper() + en[1:]
    return Words(f"人物 {number}：{zh}", f"Persona {number}: {en}") if en in taken else Words(zh, en)


def _topic(trait: Mapping[str, Any]) -> str:
    return str(trait["tag"]).split(".", 1)[0]


def _in_words(trait: Mapping[str, Any]) -> tuple[str, str]:
    """A trait as people say it, in Chinese and English: a range of numbers is high, low or between."""
    name, value = trait["name"], trait["value"]
    if trait["kind"] != "range":
        return f"{name['zh']}：{value['zh']}", f"{_within(name['en'])}: {value['en']}"
    level_zh, level_en = {"<": ("低", "low"), "≥": ("高", "high")}.get(trait["label"][:1], ("居中", "middling"))
    return f"{name['zh']}{level_zh}", f"{level_en} {_within(name['en'])}"


def _within(name: str) -> str:
    """A name in the middle of a sentence: `Total discount` is small there, `RFM score` stays."""
    return name[:1].lower() + name[1:] if name[1:2].islower() else name
