"""What a kind of model is asked to do: learn, score, and look at its versions side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from gongbi.models import drift
from gongbi.models.base import Trained, Version
from gongbi.models.reading import Work
from gongbi.models.scoring import Columns

#: What versions were judged on, and per version its figures: ``version``, ``fair`` (it learned nothing from what it is
#: judged on), and where it can still be asked those of its kind, with the ``difference`` to the first one.
Compared = tuple[dict[str, Any], list[dict[str, Any]]]
Compare = Callable[[Work, Sequence[Version]], Compared]


class Kind(Protocol):
    """How models of one estimator learn and score."""

    def train(self, work: Work, champion: Version | None) -> Trained:
        """Learn as of the instant, judge on what was not learned from; a `champion` is the version in use."""
        ...

    def scores(self, work: Work, artifact: Mapping[str, Any], seen: drift.Seen | None) -> Iterator[Columns]:
        """Score members with a kept model, page by page, with the columns of `score_table` but the instant.

        `seen` is shown each page, so that it can tell the drift since the training.
        """
        ...

    @property
    def compare(self) -> Compare | None:
        """Looks at kept versions side by side on the newest outcome that is known; None where none judges them."""
        ...
