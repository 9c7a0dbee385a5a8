"""The one Spark session of a process: found or started, with errors in our words."""

from __future__ import annotations

import atexit
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gongbi.engine.base import too_large
from gongbi.errors import Cancelled, EngineFailure, GongbiError, InvalidInput, WorkspaceProblem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DEFAULT_MASTER = "local-cluster[2,1,1024]"
NEEDED_JAVA = 17

#: Settings that plans rely on. They are set on every session, also on one that was given to us.
SESSION_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "true",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # Text literals are read back as they were written: backslashes escape, and ${...} means nothing.
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.variable.substitute": "false",
    # No `select * from parquet.'/some/file'`.
    "spark.sql.runSQLOnFiles": "false",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    # List files in the driver; a job for it takes longer below some thousands.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "5000",
}
_LOGGING = """\
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n
# Says at the top of its voice what the exception says anyway.
logger.executor.name = org.apache.spark.executor
logger.executor.level = fatal
logger.scheduler.name = org.apache.spark.scheduler
logger.scheduler.level = fatal
logger.writer.name = org.apache.spark.sql.execution.datasources
logger.writer.level = fatal
logger.util.name = org.apache.spark.util
logger.util.level = fatal
"""

_mutex = threading.Lock()
_shared: SparkSession | None = None


def missing() -> str | None:
    """Say what is missing to run Spark here, or None when nothing is."""
    try:
        import pyspark  # noqa: F401
    except ImportError:
        return "pyspark is not installed: pip install 'gongbi[spark]'"
    java = _java()
    if java is None:
        return f"Spark needs Java {NEEDED_JAVA}, and no java was found in JAVA_HOME or on the path"
    try:
        run = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    except OSError as error:
        return f"Spark needs Java {NEEDED_JAVA}, and {java} cannot be run: {error}"
    said = (run.stderr or run.stdout).strip()
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < NEEDED_JAVA:
        return f"Spark needs Java {NEEDED_JAVA} or later, and {java} is: {said.splitlines()[0] if said else 'silent'}"
    return None


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    if home and (java := Path(home, "bin", "java")).exists():
        return str(java)
    return shutil.which("java")


def shared_session(master: str, folder: Path, shuffle_partitions: int) -> SparkSession:
    """Return the process's session; the first caller starts it, and its settings hold for the others.

    Parameters
    ----------
    master
        As in Spark: ``local-cluster[2,1,1024]`` is two executor processes with one core and 1 GB each.
    folder
        Where the first session spills and logs.
    shuffle_partitions
        Into how many pieces joins and groups are cut, unless an engine says otherwise for its own calls.
    """
    global _shared  # noqa: PLW0603
    with _mutex:
        if _shared is not None and _shared.sparkContext._jsc is not None:  # noqa: SLF001
            return _shared
        if what := missing():
            raise WorkspaceProblem(f"The Spark engine cannot start: {what}.")
        _shared = _start(master, folder, shuffle_partitions)
        atexit.register(stop_shared_session)
        return _shared


def _start(master: str, folder: Path, shuffle_partitions: int) -> SparkSession:
    from pyspark.sql import SparkSession

    folder.mkdir(parents=True, exist_ok=True)
    log4j = folder / "log4j2.properties"
    log4j.write_text(_LOGGING, encoding="ascii")
    settings = {
        **SESSION_SETTINGS,
        "spark.app.name": "gongbi",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile=file://{log4j}",
        "spark.local.dir": str(folder / "spill"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.shuffle.partitions": str(shuffle_partitions),
    }
    # Its Python processes are this Python, where our packages are, and not the first one on the path.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master)
    for key, value in settings.items():
        builder = builder.config(key, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:
        raise EngineFailure(f"Spark did not start: {error}", hint=f"The master was {master!r}.") from error
    # PySpark prints every failing query as JSON; we raise it.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL + 1)
    logging.getLogger("DataFrameQueryContextLogger").setLevel(logging.CRITICAL + 1)
    return session


def stop_shared_session() -> None:
    """Stop Spark, and remove the logs that a local cluster leaves in Spark's own folder."""
    import pyspark

    global _shared
    with _mutex:
        session, _shared = _shared, None
        if session is None:
            return
        context = session.sparkContext
        application, home = context.applicationId, os.environ.get("SPARK_HOME") or Path(pyspark.__file__).parent
        with suppress(Exception):
            session.stop()
        if application:
            shutil.rmtree(Path(home, "work", application), ignore_errors=True)


_STATE = re.compile(r"SQLSTATE: (\w{2})\w{3}")
_NAMED = re.compile(r"\[[A-Z][A-Z0-9_.]+\] [^\n]*")


def translated(error: Exception) -> GongbiError:
    """Return Spark's error as one of ours."""
    text = str(error)
    named = _NAMED.search(text)
    line = _STATE.sub("", (named[0] if named else (text.strip().splitlines() or [type(error).__name__])[0])).strip()
    if "SPARK_JOB_CANCELLED" in text:
        # Ctrl-C reaches Spark's own handler first, which cancels every job.
        return Cancelled("The work was stopped on request.")
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return EngineFailure(f"Out of disk space: {line}", hint="Free some space below the engine's root.")
    if "OutOfMemoryError" in text:
        return EngineFailure(f"Out of memory: {line}", hint="Give executors more, or raise shuffle_partitions.")
    state = _STATE.search(text)
    if state and state[0].endswith("22003"):
        return too_large(line.partition(". ")[0])  # without its advice to switch the check off
    # SQLSTATE classes: 21 and 22 are data that do not fit, 42 is a wrong statement.
    if state and state[1] in ("21", "22", "42"):
        return InvalidInput(line)
    if type(error).__name__ in ("ParseException", "AnalysisException", "IllegalArgumentException"):
        return InvalidInput(line)
    if type(error).__name__.startswith("Py4JNetwork") or isinstance(error, ConnectionError):
        return EngineFailure("Spark's driver has died.", hint="Close the workspace and open it again.")
    return EngineFailure(line)
