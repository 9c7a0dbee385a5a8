"""All verbs by name, as the doors call them: the workspace in this process, or the owner's local door.

A verb's module is imported when it is first called, so that a count does not wait for the libraries of a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

#: name → module of `gongbi.services`, function. A use case takes a Context first and plain JSON values after, and gives
#: plain values and Arrow tables.
_PLACES: Mapping[str, tuple[str, str]] = {
    "apply": ("definitions", "apply"),
    "export_definitions": ("definitions", "export_definitions"),
    "pending": ("definitions", "pending"),
    "tags": ("definitions", "tags"),
    "search": ("finding", "search"),
    "fields": ("finding", "fields"),
    "scheme": ("filing", "scheme"),
    "libraries": ("filing", "libraries"),
    "save_tag": ("library", "save_tag"),
    "save_segment": ("library", "save_segment"),
    "drafts": ("library", "drafts"),
    "submit_tag": ("library", "submit_tag"),
    "approve_tag": ("library", "approve_tag"),
    "reject_tag": ("library", "reject_tag"),
    "retire_tag": ("library", "retire_tag"),
    "restore_tag": ("library", "restore_tag"),
    "tag_versions": ("library", "tag_versions"),
    "tag_diff": ("library", "tag_diff"),
    "tag_impact": ("impact", "tag_impact"),
    "unused_tags": ("impact", "unused_tags"),
    "governance": ("library", "governance"),
    "add_request": ("requests", "add_request"),
    "requests": ("requests", "requests"),
    "request_card": ("requests", "request_card"),
    "assign_request": ("requests", "assign_request"),
    "answer_request": ("requests", "answer_request"),
    "close_request": ("requests", "close_request"),
    "makers": ("makers", "makers"),
    "tag_form": ("makers", "tag_form"),
    "draft_tag": ("makers", "draft_tag"),
    "set_tag": ("given", "set_tag"),
    "import_tag": ("given", "import_tag"),
    "preview_tag": ("given", "preview_tag"),
    "given_values": ("given", "given_values"),
    "ingest": ("sources", "ingest"),
    "sources": ("sources", "sources"),
    "loads": ("sources", "loads"),
    "undo": ("sources", "undo"),
    "rejects": ("sources", "rejects"),
    "export_rejects": ("sources", "export_rejects"),
    "repair": ("sources", "repair"),
    "build": ("build", "build"),
    "quality": ("quality", "quality"),
    "explain": ("explain", "explain"),
    "history": ("history", "history"),
    "backfill": ("history", "backfill"),
    "changes": ("history", "changes"),
    "lineage": ("explain", "lineage"),
    "segments": ("segments", "segments"),
    "count": ("segments", "count"),
    "members": ("segments", "members"),
    "insight": ("insight", "insight"),
    "hidden": ("insight", "hidden"),
    "drill": ("drill", "drill"),
    "rules": ("baskets", "rules"),
    "next_items": ("baskets", "next_items"),
    "flows": ("flows", "flows"),
    "growth": ("flows", "growth"),
    "success": ("flows", "success"),
    "funnel": ("paths", "funnel"),
    "paths": ("paths", "paths"),
    "save_lookalike": ("lookalike", "save_lookalike"),
    "lookalike": ("lookalike", "lookalike"),
    "export": ("segments", "export"),
    "exports": ("segments", "exports"),
    "overlap": ("overlap", "overlap"),
    "waterfall": ("overlap", "waterfall"),
    "sample": ("samples", "sample"),
    "segment_sql": ("samples", "segment_sql"),
    "tag_sql": ("samples", "tag_sql"),
    "try_segment": ("samples", "try_segment"),
    "try_tag": ("samples", "try_tag"),
    "build_cost": ("costs", "build_cost"),
    "lists": ("lists", "lists"),
    "save_list": ("lists", "save_list"),
    "save_list_of": ("lists", "save_list_of"),
    "list_left": ("lists", "list_left"),
    "drop_list": ("lists", "drop_list"),
    "customer": ("customers", "customer"),
    "evidence": ("customers", "evidence"),
    "train": ("models", "train_on_record"),
    "models": ("models", "models"),
    "model_card": ("models", "model_card"),
    "print_model_card": ("cards", "print_model_card"),
    "assign_clusters": ("models", "assign_clusters"),
    "hot_topics": ("hot", "hot_topics"),
    "draft_model": ("modelling", "draft_model"),
    "promote_model": ("promotion", "promote_model"),
    "rollback_model": ("promotion", "rollback_model"),
    "retire_model": ("promotion", "retire_model"),
    "compare_models": ("promotion", "compare_models"),
    "gradings": ("grading", "gradings"),
    "grading": ("grading", "grading"),
    "care": ("grading", "care"),
    "yearbooks": ("yearbook", "yearbooks"),
    "yearbook": ("yearbook", "yearbook"),
    "print_yearbook": ("yearbook", "print_yearbook"),
    "personas": ("personas", "personas"),
    "persona": ("personas", "persona"),
    "make_personas": ("personas", "make_personas"),
    "rename_persona": ("personas", "rename_persona"),
    "print_personas": ("personas", "print_personas"),
    "interviews": ("personas", "interviews"),
    "add_interview": ("personas", "add_interview"),
    "remove_interview": ("personas", "remove_interview"),
    "worklists": ("worklists", "worklists"),
    "worklist": ("worklists", "worklist"),
    "export_worklist": ("worklists", "export_worklist"),
    "campaigns": ("campaigns", "campaigns"),
    "campaign": ("campaigns", "campaign"),
    "decide": ("campaigns", "decide"),
    "measure": ("campaigns", "measure"),
    "runs": ("runs", "runs"),
    "run": ("runs", "run"),
    "cancel": ("runs", "cancel"),
    "resume": ("runs", "resume"),
    "report": ("report", "report"),
    "overview": ("overview", "overview"),
    "demo": ("demo", "demo"),
}


class _Verbs(Mapping[str, Callable[..., Any]]):
    """Name → use case; the module is imported when the verb is looked up."""

    def __getitem__(self, name: str) -> Callable[..., Any]:
        module, function = _PLACES[name]
        found: Callable[..., Any] = getattr(import_module(f"gongbi.services.{module}"), function)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)

    def __contains__(self, name: object) -> bool:
        return name in _PLACES


VERBS: Mapping[str, Callable[..., Any]] = _Verbs()
