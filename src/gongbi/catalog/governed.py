"""Which kinds of definition can be governed, and how; settings name them before anything else is read."""

from __future__ import annotations

from collections.abc import Mapping

#: Kinds that can be governed, with the setting that says so.
GOVERNED: Mapping[str, str] = {"tag": "tags", "segment": "segments"}
#: With `open`, applying a folder publishes; with `reviewed`, it makes drafts that somebody else approves.
MODES = ("open", "reviewed")
