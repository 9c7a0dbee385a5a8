"""What a campaign decides: who is chosen, in which arm, why, and how far down the ranking it went."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gongbi.catalog.base import CampaignDef, Words
from gongbi.catalog.encode import to_json
from gongbi.store.campaigns import HELD_OUT

TREATED = "treated"
ARMS = (TREATED, HELD_OUT)


@dataclass(frozen=True, slots=True)
class Chosen:
    """One customer of the audience. `reason` counts the definition's reasons from 0; None where none is true."""

    id: int | str
    arm: str
    reason: int | None
    score: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The audience of a campaign, best score first.

    Attributes
    ----------
    as_of
        The instant of decision.
    eligible
        How many could have been chosen: `eligible` true. `scored` of them have a score.
    chosen
        The first `limit` of those.
    """

    campaign: CampaignDef
    as_of: datetime
    eligible: int
    scored: int
    chosen: tuple[Chosen, ...]

    @property
    def cut_off(self) -> float:
        """The lowest score that was chosen."""
        return self.chosen[-1].score

    def reason_words(self, reason: int | None) -> Words | None:
        """The words of a reason by its number."""
        return None if reason is None else list(self.campaign.reasons.values())[reason]

    def fingerprint(self) -> str:
        """The same for the same definition, instant and outcome of the decision, and for no other."""
        rows = [[str(c.id), c.arm, c.reason, c.score] for c in self.chosen]
        whole = [to_json(self.campaign), self.as_of.isoformat(), self.eligible, self.scored, rows]
        return hashlib.sha256(json.dumps(whole, ensure_ascii=False).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the figures: counts by arm and by reason, and the score at which the choice ended."""
        numbers: list[int | None] = [*range(len(self.campaign.reasons)), None]
        counts = {n: sum(c.reason == n for c in self.chosen) for n in numbers}
        return {
            "as_of": self.as_of.isoformat(),
            "eligible": self.eligible,
            "scored": self.scored,
            "chosen": len(self.chosen),
            "arms": {arm: sum(c.arm == arm for c in self.chosen) for arm in ARMS},
            "reasons": [
                {**_spoken(self.reason_words(n)), "count": count}
                for n, count in counts.items()
                if n is not None or count
            ],
            "cut_off": self.cut_off,
            "fingerprint": self.fingerprint(),
        }


def _spoken(words: Words | None) -> dict[str, str]:
    return (words or Words("没有单独的理由", "No reason of its own")).to_json()
