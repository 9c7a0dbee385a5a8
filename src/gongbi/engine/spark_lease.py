"""A Spark session that one call borrows, with the tables it reads registered by name."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gongbi.core.dialect import SPARK
from gongbi.core.plan import Plan
from gongbi.engine.spark_tables import Entry, SparkTables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class Lease:
    """A Spark session that one call uses at a time, and the views registered in it."""

    def __init__(self, spark: SparkSession, settings: Mapping[str, str], tables: SparkTables) -> None:
        self.spark = spark
        self._tables = tables
        self._shown: dict[str, Entry] = {}
        self._passing: list[str] = []
        self._persisted: list[DataFrame] = []
        self._group = f"gongbi-{uuid.uuid4().hex}"
        for key, value in settings.items():
            spark.conf.set(key, value)

    def begin(self) -> None:
        self._group = f"gongbi-{uuid.uuid4().hex}"
        self.spark.sparkContext.setJobGroup(self._group, "gongbi", interruptOnCancel=True)

    def cancel(self) -> None:
        self.spark.sparkContext.cancelJobGroup(self._group)

    def tasks_done(self) -> int:
        """Tasks finished since `begin`."""
        tracker = self.spark.sparkContext.statusTracker()
        done = 0
        for job in tracker.getJobIdsForGroup(self._group):
            info = tracker.getJobInfo(job)
            for stage in info.stageIds if info else ():
                state = tracker.getStageInfo(stage)
                done += state.numCompletedTasks if state else 0
        return done

    def read(self, entry: Entry) -> DataFrame:
        if not entry.parts:
            return self.spark.createDataFrame([], entry.ddl)
        paths = [self._tables.path(part).as_uri() for part in entry.parts]
        return self.spark.read.schema(entry.ddl).parquet(*paths)

    def show(self, tables: Mapping[str, Entry]) -> None:
        """Register tables as views; views of other tables go, so that nothing old is read by mistake."""
        for name in [name for name in self._shown if name not in tables]:
            self.spark.catalog.dropTempView(name)
            del self._shown[name]
        for name, entry in tables.items():
            if self._shown.get(name) != entry:
                self.read(entry).createOrReplaceTempView(SPARK.ident(name))
                self._shown[name] = entry

    def show_frame(self, name: str, frame: DataFrame) -> None:
        """Register a view for this call only."""
        frame.createOrReplaceTempView(SPARK.ident(name))
        self._shown.pop(name, None)
        self._passing.append(name)

    def frame(self, plan: Plan) -> DataFrame:
        """Return the plan's result, not yet computed; its steps become views."""
        heads, last = plan.steps[:-1], plan.result
        for step in heads:
            frame = self._select(step.sql)
            if step.materialize:
                frame = frame.persist()
                self._persisted.append(frame)
            self.show_frame(step.name, frame)
        return self._select(last.sql)

    def _select(self, sql: str) -> DataFrame:
        # Only a query can stand in parentheses; `sql` would run a command at once.
        self.spark._jsparkSession.sessionState().sqlParser().parsePlan(f"select * from (\n{sql}\n)")  # noqa: SLF001
        return self.spark.sql(sql)

    def tidy(self) -> None:
        """Forget what was for this call only."""
        for frame in self._persisted:
            frame.unpersist()
        for name in set(self._passing):
            self.spark.catalog.dropTempView(name)
        self._persisted, self._passing = [], []
        self.spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]
