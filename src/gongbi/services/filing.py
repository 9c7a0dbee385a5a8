"""How the library is filed: the tree of categories, the libraries, and which tags are overdue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gongbi.catalog.base import Refresh, TagDef
from gongbi.catalog.catalog import Catalog
from gongbi.catalog.naming import NO_WORDS
from gongbi.catalog.scheme import SchemeDef, scheme_of
from gongbi.errors import UnknownName
from gongbi.services.context import Context
from gongbi.store.builds import Build
from gongbi.translation.categories import part_of

#: What the tags that belong to no library are called.
ENTERPRISE = "enterprise"

#: After how long a tag is to be computed again; a day's work may begin an hour later than the day before.
DUE: Mapping[Refresh, timedelta | None] = {
    "manual": None,
    "hourly": timedelta(hours=2),
    "daily": timedelta(days=1, hours=6),
    "weekly": timedelta(days=8),
    "monthly": timedelta(days=32),
}


@dataclass(frozen=True)
class Filing:
    """Where tags stand in the tree."""

    schemes: tuple[SchemeDef, ...]

    def place(self, tag: TagDef) -> tuple[int, str]:
        """A sort key: in the order of the scheme; what it does not have comes last, by name."""
        scheme = scheme_of(tag.subject, self.schemes)
        paths = [category.path for category in scheme.categories] if scheme is not None else []
        path = tag.category
        while path and path not in paths:
            path = path.rpartition("/")[0]
        return (paths.index(path) if path else len(paths), tag.category)

    def named(self, tag: TagDef) -> dict[str, str]:
        """A tag's category in both languages, part by part: as its scheme calls it, else in usual words."""
        scheme = scheme_of(tag.subject, self.schemes)
        names = {c.path: c.name for c in scheme.categories} if scheme is not None else {}
        parts = tag.category.split("/")
        filed = [(part, names.get("/".join(parts[: i + 1]), NO_WORDS)) for i, part in enumerate(parts)]
        return {
            "zh": "/".join(name.zh or part for part, name in filed),
            "en": "/".join(name.en or part_of(part, "en") for part, name in filed),
        }


def filing(catalog: Catalog) -> Filing:
    """The filing of a set of definitions."""
    return Filing(tuple(catalog.schemes.values()))


def overdue(ctx: Context, tag: TagDef, build: Build | None) -> bool:
    """Whether a tag is older than its `refresh` allows; one that was never built is not overdue but missing."""
    limit = DUE[tag.refresh]
    if limit is None or build is None or tag.tag not in {one["name"] for one in build.tags}:
        return False
    return ctx.now() - (build.published_at or build.created_at) > limit


def check_library(catalog: Catalog, library: str | None) -> None:
    """Refuse the name of a library that nobody defined."""
    if library not in (None, ENTERPRISE) and library not in catalog.libraries:
        raise UnknownName("library", str(library), [ENTERPRISE, *catalog.libraries])


def scheme(ctx: Context) -> list[dict[str, Any]]:
    """The trees of categories, in order, each category with its names and how many tags are filed there."""
    catalog = ctx.catalog()
    found = []
    for one in catalog.schemes.values():
        tags = [tag for tag in catalog.tags.values() if tag.subject in one.subjects]
        found.append(
            {
                "scheme": one.scheme,
                "name": one.name.to_json(),
                "subjects": list(one.subjects),
                "strict": one.strict,
                "categories": [
                    {
                        "path": category.path,
                        "name": {
                            "zh": category.name.zh or category.path.rpartition("/")[2],
                            "en": category.name.en or category.path.rpartition("/")[2],
                        },
                        "about": category.about.to_json(),
                        "tags": sum(1 for tag in tags if f"{tag.category}/".startswith(f"{category.path}/")),
                    }
                    for category in one.categories
                ],
            }
        )
    return found


def libraries(ctx: Context) -> list[dict[str, Any]]:
    """The enterprise's library and those of departments and branches, with what they hold and refine."""
    catalog = ctx.catalog()
    both = {"zh": "企业标签库", "en": "Enterprise"}
    found: list[dict[str, Any]] = [{"library": ENTERPRISE, "name": both, "extends": "", "owner": ""}]
    for one in catalog.libraries.values():
        more = {"extends": one.extends or ENTERPRISE, "owner": one.owner}
        found.append({"library": one.library, "name": one.name.to_json(), **more})
    for row in found:
        mine = [tag for tag in catalog.tags.values() if tag.library == row["library"].removeprefix(ENTERPRISE)]
        row |= {"tags": len(mine), "refines": {tag.tag: tag.refines for tag in mine if tag.refines}}
    return found
