"""Builds: versions of a subject's tag table, and the pointer to the current one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import delete, exists, func, insert, select, true, update

from gongbi.errors import InvalidInput, Refused, UnknownName
from gongbi.store.repository import Repository
from gongbi.store.tables import build_origins, build_verdicts, builds, current_builds, tag_quality, tag_stats

BuildStatus = Literal["building", "published", "refused", "failed", "dropped"]


@dataclass(frozen=True, slots=True)
class Build:
    """One wide table, one row per member of `subject`, as of an instant.

    `table` is its name in the engine; `tags` lists the columns as ``{"name": …, "type": …}``.
    """

    id: int
    subject: str
    as_of: datetime
    definitions_fingerprint: str
    data_version: str
    table: str
    members: int | None
    tags: list[dict[str, Any]]
    seconds: float | None
    status: BuildStatus
    created_at: datetime
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class TagStats:
    """The base distribution of one tag in one build.

    `present` members have a value, which is the share `coverage` of all. `minimum` and `maximum` are numbers or ISO
    text; `histogram` (of ordered values) and `top` (the commonest values) are lists of bins, as insight writes them.
    """

    tag: str
    present: int
    coverage: float
    distinct: int | None = None
    minimum: Any = None
    maximum: Any = None
    mean: float | None = None
    histogram: list[Any] | None = None
    top: list[Any] | None = None


class Builds(Repository):
    """The builds of every subject. The last good one stays current until another is made so."""

    def start(
        self,
        subject: str,
        *,
        as_of: datetime,
        definitions_fingerprint: str,
        data_version: str,
        now: datetime,
        table: str = "build_{id}",
    ) -> Build:
        """Put a build on record before it begins; ``{id}`` in `table` becomes the build's id."""
        values = {
            "subject": subject,
            "as_of": as_of,
            "definitions_fingerprint": definitions_fingerprint,
            "data_version": data_version,
            "table": table,
            "tags": [],
            "status": "building",
            "created_at": now,
        }
        with self._database.transaction() as connection:
            build_id = connection.execute(insert(builds).values(values).returning(builds.c.id)).scalar_one()
            return self._change(build_id, {"table": table.replace("{id}", str(build_id))})

    def publish(
        self,
        build_id: int,
        *,
        make_current: bool,
        now: datetime,
        members: int | None = None,
        tags: Sequence[Mapping[str, Any]] | None = None,
        seconds: float | None = None,
        stats: Iterable[TagStats] = (),
        quality: Sequence[Mapping[str, Any]] = (),
        refusal: Sequence[Mapping[str, Any]] | None = None,
        accepted: Mapping[str, Any] | None = None,
    ) -> Build:
        """Let readers see a build, with its figures, and make it the current one if asked: one transaction.

        Publishing a published build again moves the pointer to it, which is how one goes back to an older build. A
        refused one is published only with what `accepted` says of it (``actor``, ``reason``, ``at``), or where its
        `refusal` is none any more.
        """
        given: dict[str, Any] = {"members": members, "tags": tags, "seconds": seconds}
        values = {name: value for name, value in given.items() if value is not None}
        with self._database.transaction() as connection:
            build = self.get(build_id)
            may = build.status in {"building", "published"}
            if not may and not (build.status == "refused" and (accepted or refusal == [])):
                raise Refused(f"Build {build_id} is {build.status}; it cannot be published.")
            build = self._change(build_id, {**values, "status": "published", "published_at": build.published_at or now})
            self._describe(build_id, stats, quality)
            if refusal is not None or accepted is not None:
                self._judge(build_id, refusal, accepted)
            if make_current:
                connection.execute(delete(current_builds).where(current_builds.c.subject == build.subject))
                pointer = {"subject": build.subject, "build_id": build_id, "changed_at": now}
                connection.execute(insert(current_builds).values(pointer))
        return build

    def refuse(
        self,
        build_id: int,
        refusal: Sequence[Mapping[str, Any]],
        *,
        members: int,
        tags: Sequence[Mapping[str, Any]],
        seconds: float,
        stats: Iterable[TagStats],
        quality: Sequence[Mapping[str, Any]],
    ) -> Build:
        """Record that a build is whole and breaks limits of quality; nobody sees it, the pointer stays."""
        with self._database.transaction():
            if (build := self.get(build_id)).status != "building":
                raise Refused(f"Build {build_id} is {build.status}; it cannot be refused any more.")
            values = {"members": members, "tags": tags, "seconds": seconds}
            build = self._change(build_id, {**values, "status": "refused"})
            self._describe(build_id, stats, quality)
            self._judge(build_id, refusal, None)
        return build

    def hold_back(
        self,
        build_id: int,
        refusal: Sequence[Mapping[str, Any]],
        quality: Sequence[Mapping[str, Any]],
        *,
        instead: int | None,
        now: datetime,
    ) -> None:
        """Record that a build breaks limits of quality after all, and let readers see another one `instead`.

        Without one, a build that readers see stays published: they have no other.
        """
        with self._database.transaction():
            build = self.get(build_id)
            current = self.current(build.subject)
            seen = current is not None and current.id == build_id
            if instead is not None:
                self.publish(instead, make_current=True, now=now)
            if instead is not None or not seen:
                self._change(build_id, {"status": "refused"})
            self._describe(build_id, (), quality)
            self._judge(build_id, refusal, None)

    def _judge(
        self, build_id: int, refusal: Sequence[Mapping[str, Any]] | None, accepted: Mapping[str, Any] | None
    ) -> None:
        known, _ = self.verdict(build_id)
        row = {"build_id": build_id, "refusal": list(known if refusal is None else refusal), "accepted": accepted}
        with self._database.transaction() as connection:
            connection.execute(delete(build_verdicts).where(build_verdicts.c.build_id == build_id))
            connection.execute(insert(build_verdicts).values(row))

    def verdict(self, build_id: int) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """Return which limits of quality a build broke (none for most), and who published it all the same."""
        query = select(build_verdicts.c.refusal, build_verdicts.c.accepted)
        with self._database.reading() as connection:
            row = connection.execute(query.where(build_verdicts.c.build_id == build_id)).one_or_none()
        return ([], None) if row is None else (row.refusal, row.accepted)

    def _describe(self, build_id: int, stats: Iterable[TagStats], quality: Sequence[Mapping[str, Any]]) -> None:
        given = (
            (tag_stats, [{"build_id": build_id, **asdict(item)} for item in stats]),
            (tag_quality, [{"build_id": build_id, **item} for item in quality]),
        )
        with self._database.transaction() as connection:
            for table, rows in given:
                if rows:
                    connection.execute(delete(table).where(table.c.build_id == build_id))
                    connection.execute(insert(table), rows)

    def fail(self, build_id: int) -> Build:
        """Record that a build came to nothing; its table, if any, may be dropped."""
        with self._database.transaction():
            if (build := self.get(build_id)).status != "building":
                raise Refused(f"Build {build_id} is {build.status}; it cannot fail any more.")
            return self._change(build_id, {"status": "failed"})

    def drop(self, build_id: int) -> Build:
        """Record that a build's table is gone, and forget its distributions. The current build is refused."""
        with self._database.transaction() as connection:
            build = self.get(build_id)
            current = self.current(build.subject)
            if current is not None and current.id == build_id:
                raise Refused(
                    f"Build {build_id} is the current one of {build.subject!r}.", hint="Publish another first."
                )
            connection.execute(delete(tag_stats).where(tag_stats.c.build_id == build_id))
            connection.execute(delete(build_origins).where(build_origins.c.build_id == build_id))
            return self._change(build_id, {"status": "dropped"})

    def get(self, build_id: int) -> Build:
        """Return one build."""
        with self._database.reading() as connection:
            row = connection.execute(select(builds).where(builds.c.id == build_id)).mappings().one_or_none()
        if row is None:
            raise UnknownName("build", str(build_id), [str(build.id) for build in self.list(limit=12)])
        return Build(**row)

    def note_origin(self, build_id: int, made_from: Mapping[str, Any]) -> None:
        """Put on record what a build was made from, before others see it."""
        with self._database.transaction() as connection:
            connection.execute(delete(build_origins).where(build_origins.c.build_id == build_id))
            connection.execute(insert(build_origins).values(build_id=build_id, made_from=made_from))

    def made_from(self, build_id: int) -> dict[str, Any] | None:
        """Return what a build was made from, so that a later one may start from it; None where nobody noted it."""
        query = select(build_origins.c.made_from).where(build_origins.c.build_id == build_id)
        with self._database.reading() as connection:
            found: dict[str, Any] | None = connection.scalar(query)
        return found

    def find(
        self,
        subject: str,
        as_of: datetime | None,
        definitions_fingerprint: str,
        data_version: str,
        *,
        status: BuildStatus = "published",
    ) -> Build | None:
        """Return the newest published (or refused) build of exactly that key: what need not be built again.

        Without an instant, that of any.
        """
        query = (
            select(builds)
            .where(builds.c.subject == subject, builds.c.status == status)
            .where(true() if as_of is None else builds.c.as_of == as_of)
            .where(builds.c.definitions_fingerprint == definitions_fingerprint)
            .where(builds.c.data_version == data_version)
            .order_by(builds.c.id.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else Build(**row)

    def current(self, subject: str) -> Build | None:
        """Return the build that readers of a subject see."""
        query = select(builds).join(current_builds, current_builds.c.build_id == builds.c.id)
        with self._database.reading() as connection:
            row = connection.execute(query.where(current_builds.c.subject == subject)).mappings().one_or_none()
        return None if row is None else Build(**row)

    def list(
        self, *, subject: str | None = None, status: BuildStatus | None = None, limit: int | None = None
    ) -> tuple[Build, ...]:
        """Return builds, newest first."""
        query = select(builds).order_by(builds.c.id.desc()).limit(limit)
        if subject is not None:
            query = query.where(builds.c.subject == subject)
        if status is not None:
            query = query.where(builds.c.status == status)
        with self._database.reading() as connection:
            return tuple(Build(**row) for row in connection.execute(query).mappings())

    def droppable(self, *, keep: int, subject: str | None = None) -> tuple[Build, ...]:
        """Return what retention may drop, oldest first: failed builds, and per subject all but `keep` published ones.

        The current build is never named, and does not count among those kept. A refused build waits to be accepted for
        as long as nothing newer was published or refused.
        """
        if keep < 0:
            raise InvalidInput(f"A number of builds to keep cannot be {keep}.")
        pointed_at = exists().where(current_builds.c.build_id == builds.c.id)
        query = select(builds).where(builds.c.status.in_(["published", "refused", "failed"]), ~pointed_at)
        if subject is not None:
            query = query.where(builds.c.subject == subject)
        with self._database.reading() as connection:
            found = [Build(**row) for row in connection.execute(query.order_by(builds.c.id.desc())).mappings()]
        kept: dict[str, int] = {}
        newest: dict[str, int] = {}
        with self._database.reading() as connection:
            last = select(builds.c.subject, func.max(builds.c.id)).where(builds.c.status.in_(["published", "refused"]))
            newest |= {row[0]: row[1] for row in connection.execute(last.group_by(builds.c.subject))}
        leaving = []
        for build in found:
            if build.status == "refused" and newest[build.subject] == build.id:
                continue
            if build.status == "published" and kept.get(build.subject, 0) < keep:
                kept[build.subject] = kept.get(build.subject, 0) + 1
            else:
                leaving.append(build)
        return tuple(reversed(leaving))

    def stats(self, build_id: int) -> tuple[TagStats, ...]:
        """Return the distributions of a build's tags, by name."""
        columns = [column for column in tag_stats.c if column.name != "build_id"]
        query = select(*columns).where(tag_stats.c.build_id == build_id)
        with self._database.reading() as connection:
            found = [TagStats(**row) for row in connection.execute(query).mappings()]
        return tuple(sorted(found, key=lambda item: item.tag))

    def quality(self, build_id: int) -> tuple[dict[str, Any], ...]:
        """Return how good the tags of a build are, by name; columns as in ``tag_quality``."""
        query = select(tag_quality).where(tag_quality.c.build_id == build_id).order_by(tag_quality.c.tag)
        with self._database.reading() as connection:
            return tuple(dict(row) for row in connection.execute(query).mappings())

    def quality_over_time(self, subject: str, tag: str, *, limit: int) -> tuple[dict[str, Any], ...]:
        """Return the figures of one tag in the newest builds that were published or refused, oldest first.

        With ``as_of``, ``created_at``, ``status`` and ``accepted`` of the build, without its bins.
        """
        about = (builds.c.as_of, builds.c.created_at, builds.c.status, builds.c.members, build_verdicts.c.accepted)
        query = (
            select(*(c for c in tag_quality.c if c.name != "bins"), *about)
            .join(builds, builds.c.id == tag_quality.c.build_id)
            .outerjoin(build_verdicts, build_verdicts.c.build_id == builds.c.id)
            .where(builds.c.subject == subject, tag_quality.c.tag == tag)
            .order_by(builds.c.id.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            return tuple(dict(row) for row in connection.execute(query).mappings())[::-1]

    def _change(self, build_id: int, values: Mapping[str, Any]) -> Build:
        with self._database.transaction() as connection:
            change = update(builds).where(builds.c.id == build_id).values(**values).returning(builds)
            return Build(**connection.execute(change).mappings().one())
