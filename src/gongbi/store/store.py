"""The operational store: what is defined, what was loaded, built, exported and decided, and by whom."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from gongbi.store.audit import Audit
from gongbi.store.builds import Builds
from gongbi.store.campaigns import Campaigns
from gongbi.store.database import Database
from gongbi.store.definitions import Definitions
from gongbi.store.exports import Exports
from gongbi.store.loads import Loads
from gongbi.store.migrate import migrate
from gongbi.store.models import Models
from gongbi.store.personas import Interviews, Personas
from gongbi.store.requests import Requests
from gongbi.store.runs import Runs
from gongbi.store.settings import Settings


class Store:
    """SQLite by default, PostgreSQL by URL; open it with `Store.open`. Safe to share between threads.

    Attributes
    ----------
    definitions, loads, runs, builds, exports, audit, settings, campaigns, models, requests, personas,
    interviews
        The parts. Each of their methods is a transaction; `transaction` makes one of several.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.definitions = Definitions(database)
        self.loads = Loads(database)
        self.runs = Runs(database)
        self.builds = Builds(database)
        self.exports = Exports(database)
        self.audit = Audit(database)
        self.settings = Settings(database)
        self.campaigns = Campaigns(database)
        self.models = Models(database)
        self.requests = Requests(database)
        self.personas = Personas(database)
        self.interviews = Interviews(database)

    @classmethod
    def open(cls, url: str | Path) -> Self:
        """Open a store, bring its tables up to date, and create it where there is none.

        Parameters
        ----------
        url
            ``sqlite:///path/to/file``, ``postgresql://user@host/database``, or the path of a SQLite file. ``sqlite://``
            is a store in memory, which ends with the process.
        """
        database = Database(url)
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    @property
    def url(self) -> str:
        """Where the store is, without its password."""
        return self._database.url.render_as_string(hide_password=True)

    @property
    def generation(self) -> int:
        """Grows with every write of this process: what was read at one generation holds while it lasts.

        The owner of a workspace is the only one who writes to its store.
        """
        return self._database.generation

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make one of all writes by this thread: they stand or fall together, and others see none or all.

        Writers take turns, so keep it short and do not `await` inside. A transaction inside another can fail by itself.
        """
        with self._database.transaction():
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let several reads by this thread see one and the same state; writing inside is refused."""
        with self._database.reading():
            yield

    def close(self) -> None:
        """Let go of the database. Closing twice is harmless."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
