"""Sentences about a group, each made of one figure. Pure: what no figure speaks of is not said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def sentence(row: Mapping[str, Any], trait: Trait, of: int) -> dict[str, Any]:
    """One figure in words, with the figure as its source.

    Parameters
    ----------
    row
        An index as insight gives it: tag, label, share, base_share, tgi, its interval, support.
    of
        Members of the group.
    """
    zh_name, en_name = trait.name.zh or row["tag"], trait.name.en or row["tag"]
    zh_label, en_label = trait.called(row["label"])
    share, base = f"{100 * row['share']:.0f}%", f"{100 * row['base_share']:.0f}%"
    unit = f" {trait.unit}" if trait.unit and row["kind"] == "range" else ""
    if trait.is_truth:
        yes = row["label"] == "true"
        zh = f"{share} 的人“{zh_name}”为{'是' if yes else '否'}"
        en = f"{en_name}: {'yes' if yes else 'no'} for {share}"
    else:
        zh_unit = f" {UNITS.get(trait.unit or '', trait.unit)}" if unit else ""
        zh = f"{share} 的人{zh_name}为 {zh_label}{zh_unit}"
        en = f"{en_name} is {en_label}{unit} for {share}"
    zh, en = f"{zh}，全体为 {base}{_times_zh(row)}。", f"{en}, against {base} of everybody{_times_en(row)}."
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
    rows: Sequence[Mapping[str, Any]], fields: Mapping[str, Sequence[str]], traits: Mapping[str, Trait], of: int
) -> dict[str, list[dict[str, Any]]]:
    """Field → its sentences: what sets the group apart first, then what is typical of it; none where nothing is.

    Parameters
    ----------
    rows
        Indices of the group, most different first.
    fields
        Field → the tags it is said from.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for name, tags in fields.items():
        mine = [row for row in rows if row["tag"] in tags and row["kind"] in ("value", "range")]
        apart = [row for row in mine if _sets_apart(row)]
        typical = sorted((row for row in mine if row["share"] >= TYPICAL), key=lambda row: -row["share"])
        said: dict[str, dict[str, Any]] = {}
        for row in (*apart, *typical):
            if row["tag"] not in said and len(said) < MOST_SENTENCES:
                said[row["tag"]] = sentence(row, traits[row["tag"]], of)
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
            zh_label, en_label = traits[row["tag"]].called(row["label"])
            found[row["tag"]] = {
                "tag": row["tag"],
                "label": row["label"],
                "tgi": row["tgi"],
                "share": row["share"],
                "zh": _called(name.zh or row["tag"], zh_label, "是", "否"),
                "en": _called(name.en or row["tag"], en_label, "yes", "no"),
            }
        if len(found) == PETALS:
            break
    return list(found.values())


def _called(name: str, label: str, yes: str, no: str) -> str:
    return f"{name} {({'true': yes, 'false': no}).get(label, label)}"


def title(number: int, strongest: Sequence[Mapping[str, Any]]) -> Words:
    """What a persona is called until somebody names it: its number and what most sets it apart."""
    if not strongest:
        return Words(f"人物 {number}", f"Persona {number}")
    return Words(f"人物 {number}：{strongest[0]['zh']}", f"Persona {number}: {strongest[0]['en']}")
