"""The operational store, on SQLite or PostgreSQL. Readers return frozen dataclasses; instants are in UTC."""

from gongbi.store.audit import Audit, Entry, Verified
from gongbi.store.builds import Build, Builds, BuildStatus, TagStats
from gongbi.store.campaigns import HELD_OUT, Assignment, CampaignRun, Campaigns
from gongbi.store.definitions import Applied, Change, Definition, DefinitionKey, Definitions, NewDefinition
from gongbi.store.exports import Export, Exports
from gongbi.store.loads import Load, Loads, LoadStatus
from gongbi.store.models import Model, Models, ModelStatus
from gongbi.store.requests import Request, Requests
from gongbi.store.runs import Run, Runs, RunStatus
from gongbi.store.settings import Settings
from gongbi.store.store import Store

__all__ = [
    "HELD_OUT",
    "Applied",
    "Assignment",
    "Audit",
    "Build",
    "BuildStatus",
    "Builds",
    "CampaignRun",
    "Campaigns",
    "Change",
    "Definition",
    "DefinitionKey",
    "Definitions",
    "Entry",
    "Export",
    "Exports",
    "Load",
    "LoadStatus",
    "Loads",
    "Model",
    "ModelStatus",
    "Models",
    "NewDefinition",
    "Request",
    "Requests",
    "Run",
    "RunStatus",
    "Runs",
    "Settings",
    "Store",
    "TagStats",
    "Verified",
]
