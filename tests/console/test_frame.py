"""What a page does with an answer that is not there."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from gongbi.console.frame import Page
from gongbi.errors import EngineFailure, GongbiError, NotYet, UnknownName


class Asking(Page):
    """A page whose every question ends with one error."""

    def __init__(self, error: Exception) -> None:
        console: Any = SimpleNamespace(ws=SimpleNamespace(settings=SimpleNamespace(zone="UTC")))
        super().__init__(console, "overview", "en", "/")
        self.error = error

    async def call(self, verb: str, **params: Any) -> Any:
        raise self.error


def test_what_must_be_run_first_is_an_empty_answer() -> None:
    assert asyncio.run(Asking(NotYet("No tags were built yet.")).try_call("tags")) is None


@pytest.mark.parametrize("error", [EngineFailure("The disk is full."), UnknownName("tag", "x"), KeyError("x")])
def test_any_other_error_is_not_swallowed(error: Exception) -> None:
    with pytest.raises((GongbiError, KeyError)):
        asyncio.run(Asking(error).try_call("tags"))
