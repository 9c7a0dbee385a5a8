"""The tables of the operational store, with their grains.

Nobody's name, phone or address is kept here: `campaign_assignments` and `interviews` know customers by id,
nothing else knows them.
A change here needs a migration in `migrations/versions`; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)

from gongbi.store.values import Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ACTIVE_LOAD = text("status = 'loaded'")
CHAMPION = text("status = 'champion'")


def _json(name: str, *, nullable: bool = False) -> Column[object]:
    # JSON rather than JSONB on PostgreSQL: keys keep their order, and text comes back as it went in.
    return Column(name, JSON(none_as_null=nullable), nullable=nullable)


# One row per version of a definition. The highest published version is the current one, unless it was retired.
definitions = Table(
    "definitions",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _json("body"),
    Column("text_hash", Text, nullable=False),
    Column("file", Text),
    Column("applied_at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("retired_at", Instant),
)

# One row per version of a definition that began as a draft or was given a reason; any other is published.
definition_states = Table(
    "definition_states",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("why", Text, nullable=False),
)

# One row per change of the state of a version after it was kept; `how` is "apply" or "library", where it was asked for.
definition_changes = Table(
    "definition_changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("why", Text, nullable=False),
    Column("how", Text, nullable=False),
    Index("ix_definition_changes_key", "kind", "name"),
    sqlite_autoincrement=True,
)

# One row per question that somebody wants a tag for; who did what with it is in the audit trail.
tag_requests = Table(
    "tag_requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("question", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("subject", Text, nullable=False),
    Column("proposed", Text, nullable=False),
    Column("expression", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("tag", Text),
    Column("answer", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

# One row per attempt to load one file (or table) of a source. At most one is active for a (source, path).
loads = Table(
    "loads",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("rows_read", BigInteger, nullable=False),
    Column("rows_good", BigInteger, nullable=False),
    Column("rows_rejected", BigInteger, nullable=False),
    Column("rows_repeated", BigInteger, nullable=False),
    _json("rows_unmatched"),
    Column("rows_replaced", BigInteger, nullable=False),
    _json("schema"),
    Column("mapping_version", Integer),
    _json("schema_changes"),
    Column("status", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    _json("error", nullable=True),
    # An id is never given twice, so that rows stamped with it cannot change hands.
    sqlite_autoincrement=True,
)
Index(
    "uq_loads_active",
    loads.c.source,
    loads.c.path,
    unique=True,
    sqlite_where=ACTIVE_LOAD,
    postgresql_where=ACTIVE_LOAD,
)

# One row per piece of work that somebody started, however it ended.
runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    _json("params"),
    Column("actor", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("status", Text, nullable=False, index=True),
    Column("stage", Text),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("rows", BigInteger),
    Column("seconds", Float),
    _json("error", nullable=True),
    Column("parent_id", Integer, ForeignKey("runs.id"), index=True),
    Column("owner", Text, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    sqlite_autoincrement=True,
)

# One row per build of a subject's tags, kept after its table in the engine was dropped.
builds = Table(
    "builds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("definitions_fingerprint", Text, nullable=False),
    Column("data_version", Text, nullable=False),
    Column("table", Text, nullable=False),
    Column("members", BigInteger),
    _json("tags"),
    Column("seconds", Float),
    Column("status", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("published_at", Instant),
    Index("ix_builds_key", "subject", "as_of", "definitions_fingerprint", "data_version"),
    sqlite_autoincrement=True,
)

# One row per subject that has a current build: the pointer that readers follow.
current_builds = Table(
    "current_builds",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("build_id", Integer, ForeignKey("builds.id"), nullable=False),
    Column("changed_at", Instant, nullable=False),
)

# One row per build that a later one may start from: loads and definitions that it was made from, and how it was made.
build_origins = Table(
    "build_origins",
    metadata,
    Column("build_id", Integer, ForeignKey("builds.id", ondelete="CASCADE"), primary_key=True),
    _json("made_from"),
)

# One row per tag of a build: the base distribution. Gone once the build is dropped.
tag_stats = Table(
    "tag_stats",
    metadata,
    Column("build_id", Integer, ForeignKey("builds.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", Text, primary_key=True),
    Column("present", BigInteger, nullable=False),
    Column("coverage", Float, nullable=False),
    Column("distinct", BigInteger),
    _json("minimum", nullable=True),
    _json("maximum", nullable=True),
    Column("mean", Float),
    _json("histogram", nullable=True),
    _json("top", nullable=True),
)

# One row per build that broke limits of quality: which, and who published it all the same.
build_verdicts = Table(
    "build_verdicts",
    metadata,
    Column("build_id", Integer, ForeignKey("builds.id", ondelete="CASCADE"), primary_key=True),
    _json("refusal"),
    _json("accepted", nullable=True),
)

# One row per tag of a build: how good it is. Stays when the build is dropped, so that figures can be followed.
tag_quality = Table(
    "tag_quality",
    metadata,
    Column("build_id", Integer, ForeignKey("builds.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", Text, primary_key=True, index=True),
    Column("coverage", Float, nullable=False),
    Column("distinct", BigInteger),
    Column("base_build", Integer),
    Column("psi", Float),
    Column("absent_rise", Float),
    Column("edited", Boolean, nullable=False),
    Column("freshness_days", Float),
    Column("light", Text, nullable=False),
    _json("breaches"),
    _json("bins", nullable=True),
)

# One row per file handed out.
exports = Table(
    "exports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("actor", Text, nullable=False),
    Column("segment", Text),
    Column("expression", Text),
    _json("columns"),
    Column("rows", BigInteger, nullable=False),
    Column("format", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    _json("build_ids"),
    Column("as_of", Instant, nullable=False),
    Column("at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

# One row per act. Ids have no gaps and each hash covers the one before: a changed or missing row shows.
audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False, index=True),
    _json("details"),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

# One row per setting of the workspace.
settings = Table(
    "settings",
    metadata,
    Column("key", Text, primary_key=True),
    _json("value"),
    Column("changed_at", Instant, nullable=False),
)

# One row per time a campaign chose its audience.
campaign_runs = Table(
    "campaign_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign", Text, nullable=False, index=True),
    Column("as_of", Instant, nullable=False),
    Column("segment", Text, nullable=False),
    Column("salt", Text, nullable=False),
    Column("treated", BigInteger, nullable=False),
    Column("held_out", BigInteger, nullable=False),
    _json("figures"),
    Column("actor", Text, nullable=False),
    Column("at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

# One row per customer considered in a campaign run, known by id only.
campaign_assignments = Table(
    "campaign_assignments",
    metadata,
    Column("campaign_run_id", Integer, ForeignKey("campaign_runs.id", ondelete="CASCADE"), primary_key=True),
    Column("customer_id", Text, primary_key=True, index=True),
    Column("arm", Text, nullable=False),
    Column("reason", Text),
    Column("score", Float),
)

# One row per trained version of a model. At most one champion for a name.
models = Table(
    "models",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("algorithm", Text, nullable=False),
    Column("trained_at", Instant, nullable=False),
    _json("window"),
    _json("metrics"),
    _json("params"),
    Column("artifact_path", Text, nullable=False),
    Column("artifact_sha256", Text, nullable=False),
    Column("status", Text, nullable=False),
)
Index("uq_models_champion", models.c.name, unique=True, sqlite_where=CHAMPION, postgresql_where=CHAMPION)

# One row per persona of a cast, as it was last made.
personas = Table(
    "personas",
    metadata,
    Column("cast", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("place", Integer, nullable=False),
    _json("nickname", nullable=True),
    _json("body"),
    Column("made_at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
)

# One row per interview that was entered by hand; a customer who is known is known by id.
interviews = Table(
    "interviews",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cast", Text, nullable=False, index=True),
    Column("persona", Text, nullable=False),
    Column("member", Text, index=True),
    Column("conducted_by", Text, nullable=False),
    Column("conducted_on", Text, nullable=False),
    Column("consent", Boolean, nullable=False),
    _json("quotes"),
    Column("recorded_at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    sqlite_autoincrement=True,
)
