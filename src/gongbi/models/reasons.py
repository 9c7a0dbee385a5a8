"""Why a score is what it is, in words: what moves each customer's chance most, feature by feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gongbi.catalog.base import Words

if TYPE_CHECKING:
    from gongbi.estimators.propensity import PropensityModel

#: Below this factor of the odds, up or down, a reason is not worth a word.
LEAST = 1.02


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature's part in one customer's score.

    Attributes
    ----------
    feature
        Its name, or that of the group of columns that it stands for.
    value
        The customer's value as text; None where it is absent, or the group has several columns.
    added
        What it adds to the log-odds, beside the average customer of the training rows.
    """

    feature: str
    value: str | None
    added: float
    title: Words

    @property
    def factor(self) -> float:
        """By how much it multiplies the odds."""
        return float(np.exp(self.added))

    @property
    def words(self) -> Words:
        """The reason as a sentence, in Chinese and in English."""
        return reason_words(self.title, None if self.value is None else Words(self.value, self.value), self.added)

    def to_json(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "feature": self.feature,
            "value": self.value,
            "added": self.added,
            "factor": self.factor,
            "words": self.words.to_json(),
        }


def reason_words(title: Words, value: Words | None, added: float) -> Words:
    """What a feature with a value adds to the log-odds, as a sentence."""
    zh = title.zh + (f"为 {value.zh}" if value is not None else "")
    en = title.en + (f" is {value.en}" if value is not None else "")
    by = f"{np.exp(abs(added)):.2g}"
    if added >= 0:
        return Words(f"{zh}：使可能性升高（几率 ×{by}）。", f"{en}: raises the chance (odds × {by}).")
    return Words(f"{zh}：使可能性降低（几率 ÷{by}）。", f"{en}: lowers the chance (odds ÷ {by}).")


def reasons(
    model: PropensityModel,
    rows: Any,
    *,
    most: int = 3,
    titles: Mapping[str, Words] | None = None,
    groups: Mapping[str, str] | None = None,
) -> list[tuple[Reason, ...]]:
    """The features that move each score most, strongest first; a tuple per row, at most `most` long.

    Parameters
    ----------
    rows
        A frame with the columns that the model learned from.
    titles
        Feature → what people call it; else its name.
    groups
        Column → the feature that it is part of: columns of one group are added up and speak once. Columns such as
        ``joined (days)`` and ``joined (weekday)`` that a file's time became belong to ``joined`` by themselves.
    """
    added = model.contributions(rows)
    names = list(model.feature_names_in_)
    of = {name: (groups or {}).get(name) or _whole(name, names) for name in names}
    features = list(dict.fromkeys(of.values()))
    together = np.zeros((len(added), len(features)))
    for i, name in enumerate(names):
        together[:, features.index(of[name])] += added[:, i]
    alone = {feature: [name for name in names if of[name] == feature] for feature in features}
    values = {f: rows[own[0]].to_numpy() for f, own in alone.items() if len(own) == 1}
    order = np.argsort(-np.abs(together), axis=1, kind="stable")[:, :most]
    found = []
    for row, best in enumerate(order):
        strongest = []
        for place in best:
            feature, amount = features[place], float(together[row, place])
            if abs(amount) < np.log(LEAST):
                break
            shown = _shown(values[feature][row]) if feature in values else None
            title = (titles or {}).get(feature) or Words(feature, feature)
            strongest.append(Reason(feature, shown, amount, title))
        found.append(tuple(strongest))
    return found


def _whole(name: str, names: Sequence[str]) -> str:
    """The column of times that a column of days or weekdays was made from."""
    for part in (" (days)", " (weekday)"):
        if name.endswith(part):
            base = name.removesuffix(part)
            if f"{base} (days)" in names and f"{base} (weekday)" in names:
                return base
    return name


def _shown(value: Any) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
