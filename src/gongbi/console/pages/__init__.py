"""One module per page; each gives its `PAGE`, or several."""

from __future__ import annotations

from gongbi.console import modelling
from gongbi.console.frame import PageDef
from gongbi.console.pages import (
    campaigns,
    customer,
    data,
    grading,
    insight,
    model,
    models,
    overview,
    personas,
    requests,
    runs,
    segments,
    tags,
    topics,
    worklists,
    yearbook,
)

PAGES: tuple[PageDef, ...] = (
    overview.PAGE,
    tags.PAGE,
    tags.NEW,  # Before the page of a tag, whose address fits it too.
    tags.DETAIL,
    requests.PAGE,
    segments.PAGE,
    insight.PAGE,
    customer.PAGE,
    customer.ONE,
    models.PAGE,
    model.PAGE,
    modelling.NEW,
    topics.PAGE,
    grading.PAGE,
    personas.PAGE,
    personas.ONE,
    worklists.PAGE,
    yearbook.PAGE,
    campaigns.PAGE,
    data.PAGE,
    runs.PAGE,
)
