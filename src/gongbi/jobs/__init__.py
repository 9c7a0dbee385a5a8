"""Schedules and durable workflows; they call services.

`JobHost` runs inside `gongbi serve` only. Nothing that `gongbi.open` imports comes here: a notebook never loads DBOS.
"""

from gongbi.jobs.host import JobHost

__all__ = ["JobHost"]
