"""Kinds that learn from the rows of facts: a plan, what is learned from its rows, what is said of each member."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from gongbi.catalog.base import ModelDef
from gongbi.catalog.catalog import Catalog
from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.models import drift
from gongbi.models.base import Trained, Version
from gongbi.models.kind import Compare, Compared
from gongbi.models.reading import Work, only_asked
from gongbi.models.scoring import Columns


@dataclass(frozen=True)
class Facts:
    """Rows that a kind asked for, as of an instant.

    Attributes
    ----------
    tables
        What the plans gave, by their names.
    champion
        The version in use, where one is to be judged beside it.
    """

    tables: Mapping[str, pa.Table]
    as_of: datetime
    catalog: Catalog
    champion: Version | None = None

    @property
    def zone(self) -> str:
        """The workspace's zone."""
        return self.catalog.world.zone


@dataclass(frozen=True)
class OfFacts:
    """A kind that learns from rows of facts.

    Attributes
    ----------
    plan
        What it reads as of an instant, by name; whether it is to learn, and not only to score, is said last.
    learn, score
        From the rows to a model, and to one row of scores per member.
    """

    plan: Callable[[ModelDef, Catalog, Dialect, datetime, bool], Mapping[str, Plan]]
    learn: Callable[[ModelDef, Facts], Trained]
    score: Callable[[ModelDef, Mapping[str, Any], Facts], Columns]

    beside: Callable[[ModelDef, Facts, Sequence[Version]], Compared] | None = None

    def train(self, work: Work, champion: Version | None) -> Trained:
        """Read the rows, learn, check."""
        work.stage("histories")
        facts = replace(self._read(work, learning=True), champion=champion)
        work.stage("fit")
        return self.learn(work.model, facts)

    @property
    def compare(self) -> Compare | None:
        """Looks at the versions on the newest rows, where the kind has a way to."""
        return None if self.beside is None else self._compared

    def _compared(self, work: Work, versions: Sequence[Version]) -> Compared:
        assert self.beside is not None
        work.stage("histories")
        return self.beside(work.model, self._read(work, learning=True), versions)

    def scores(
        self,
        work: Work,
        artifact: Mapping[str, Any],
        seen: drift.Seen | None,  # noqa: ARG002
    ) -> Iterator[Columns]:
        """Score whom the rows name, or of them those whom the model is asked about."""
        facts = self._read(work, learning=False)
        yield only_asked(work, pa.table(self.score(work.model, artifact, facts)))

    def _read(self, work: Work, *, learning: bool) -> Facts:
        asked = self.plan(work.model, work.catalog, work.engine.dialect, work.as_of, learning)
        tables = {name: work.engine.query(plan) for name, plan in asked.items()}
        return Facts(tables, work.as_of, work.catalog)
