"""Trained models: every version, and which one is the champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import func, insert, select, update

from gongbi.errors import UnknownName
from gongbi.store.repository import Repository
from gongbi.store.tables import models

ModelStatus = Literal["candidate", "champion", "retired"]


@dataclass(frozen=True, slots=True)
class Model:
    """One trained version. `window` says as of when it learned and which days it looked at."""

    name: str
    version: int
    algorithm: str
    trained_at: datetime
    window: dict[str, Any]
    metrics: dict[str, Any]
    params: dict[str, Any]
    artifact_path: str
    artifact_sha256: str
    status: ModelStatus


class Models(Repository):
    """The registry of models. A name has at most one champion."""

    def register(
        self,
        name: str,
        *,
        algorithm: str,
        trained_at: datetime,
        window: Mapping[str, Any],
        metrics: Mapping[str, Any],
        params: Mapping[str, Any],
        artifact_path: str,
        artifact_sha256: str,
    ) -> Model:
        """Keep a trained version as a candidate; versions count from 1."""
        values = {
            "name": name,
            "algorithm": algorithm,
            "trained_at": trained_at,
            "window": window,
            "metrics": metrics,
            "params": params,
            "artifact_path": artifact_path,
            "artifact_sha256": artifact_sha256,
            "status": "candidate",
        }
        with self._database.transaction() as connection:
            newest = connection.scalar(select(func.max(models.c.version)).where(models.c.name == name))
            change = insert(models).values(version=(newest or 0) + 1, **values)
            return Model(**connection.execute(change.returning(models)).mappings().one())

    def promote(self, name: str, version: int) -> Model:
        """Make a version the champion; the former one retires in the same moment."""
        with self._database.transaction() as connection:
            self.get(name, version)
            champions = (models.c.name == name) & (models.c.status == "champion") & (models.c.version != version)
            connection.execute(update(models).where(champions).values(status="retired"))
            return self._set(name, version, "champion")

    def retire(self, name: str, version: int) -> Model:
        """Take a version out of use, also the champion."""
        with self._database.transaction():
            self.get(name, version)
            return self._set(name, version, "retired")

    def champion(self, name: str) -> Model | None:
        """Return the version in use."""
        found = [model for model in self.list(name=name) if model.status == "champion"]
        return found[0] if found else None

    def get(self, name: str, version: int) -> Model:
        """Return one version."""
        versions = {model.version: model for model in self.list(name=name)}
        if not versions:
            raise UnknownName("model", name, {model.name for model in self.list()})
        if version not in versions:
            raise UnknownName(f"version of model {name}", str(version), map(str, versions))
        return versions[version]

    def list(self, *, name: str | None = None) -> tuple[Model, ...]:
        """Return versions by name, the newest first."""
        query = select(models)
        if name is not None:
            query = query.where(models.c.name == name)
        with self._database.reading() as connection:
            found = [Model(**row) for row in connection.execute(query).mappings()]
        return tuple(sorted(found, key=lambda model: (model.name, -model.version)))

    def _set(self, name: str, version: int, status: ModelStatus) -> Model:
        which = (models.c.name == name) & (models.c.version == version)
        change = update(models).where(which).values(status=status).returning(models)
        with self._database.transaction() as connection:
            return Model(**connection.execute(change).mappings().one())
