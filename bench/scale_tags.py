"""The three hundred tags of the bench at size, by kind; `bench/scale.sql` computes the same columns by hand."""

from __future__ import annotations

from gongbi.synthetic.retail import CATEGORIES, CHANNELS, MEDIA, PAGES, TOPICS

#: Days; None is all time.
WINDOWS: tuple[int | None, ...] = (7, 30, 90, 180, 365, None)
LONG: tuple[int | None, ...] = (90, None)
#: fact → what is computed over every window: name → (kind, expression of the rows).
MEASURES = {
    "order": {
        "n": ("count", "count(order)"),
        "amount": ("sum", "sum(order.amount)"),
        "mean": ("mean", "avg(order.amount)"),
        "most": ("extreme", "max(order.amount)"),
        "units": ("sum", "sum(order.quantity)"),
    },
    "view": {
        "n": ("count", "count(view)"),
        "seconds": ("sum", "sum(view.seconds)"),
        "mean": ("mean", "avg(view.seconds)"),
    },
    "visit": {
        "n": ("count", "count(visit)"),
        "minutes": ("sum", "sum(visit.minutes)"),
        "most": ("extreme", "max(visit.minutes)"),
    },
    "message": {"n": ("count", "count(message)"), "share": ("share", "share(message.opened)")},
    "service": {
        "n": ("count", "count(service)"),
        "minutes": ("sum", "sum(service.minutes)"),
        "satisfaction": ("mean", "avg(service.satisfaction)"),
    },
}
#: (fact, column, values, what is computed, windows): one tag per value and window.
BY_VALUE = (
    ("order", "category", CATEGORIES, "amount", LONG),
    ("order", "channel", CHANNELS, "amount", LONG),
    ("view", "page", PAGES, "n", (30, None)),
    ("view", "category", CATEGORIES, "n", (30, None)),
    ("message", "medium", MEDIA, "n", LONG),
    ("service", "topic", TOPICS, "n", LONG),
)


def tags() -> dict[str, tuple[str, str]]:
    """Tag → its kind and its expression, three hundred of them."""
    return {**_windowed(), **_once(), **_of_tags(), **_compared()}


def _windowed() -> dict[str, tuple[str, str]]:
    """What is computed over each window, also by value of a column."""
    found: dict[str, tuple[str, str]] = {}
    for fact, measures in MEASURES.items():
        for name, (kind, text) in measures.items():
            for days in WINDOWS:
                found[f"{fact}.{name}_{days or 'all'}"] = (kind, text + _within(days))
    for fact, flag in (("order", "promoted"), ("message", "opened"), ("message", "clicked")):
        for days in WINDOWS:
            found[f"{fact}.{flag}_{days or 'all'}"] = ("count", f"count({fact})" + _within(days, flag))
    for fact, column, values, measure, windows in BY_VALUE:
        for i, value in enumerate(values):
            for days in windows:
                text = MEASURES[fact][measure][1] + _within(days, f"{column} = '{value}'")
                found[f"{fact}.{column}_{i}_{days or 'all'}"] = ("by value", text)
    return found


def _once() -> dict[str, tuple[str, str]]:
    """Moments, favourites and traits."""
    found: dict[str, tuple[str, str]] = {}
    for fact in MEASURES:
        found[f"{fact}.days_since"] = ("moment", f"days_since(max({fact}.ts))")
        found[f"{fact}.days_first"] = ("moment", f"days_since(min({fact}.ts))")
    for fact, column in (("order", "category"), ("order", "channel"), ("view", "category"), ("visit", "store")):
        found[f"{fact}.favourite_{column}"] = ("favourite", f"mode({fact}.{column})")
    found["order.top_category"] = ("favourite", "top_by(order.category, order.amount)")
    found["order.stores"] = ("different", "count(distinct order.store)")
    found["visit.stores"] = ("different", "count(distinct visit.store)")
    found["view.entropy"] = ("favourite", "entropy(view.category)")
    found["order.median"] = ("median", "median(order.amount)")
    for name in ("city", "level", "gender"):
        found[f"trait.{name}"] = ("trait", f"customer.{name}")
    return found


def _compared() -> dict[str, tuple[str, str]]:
    """A window against all time, and against the one before it."""
    found: dict[str, tuple[str, str]] = {}
    for fact in MEASURES:
        for days in WINDOWS[:-1]:
            # The share of all that lies in the window.
            found[f"{fact}.lately_{days}"] = ("ratio", f"tag.{fact}.n_{days} / tag.{fact}.n_all")
        for days in WINDOWS[1:-1]:
            found[f"{fact}.before_{days}"] = ("count", f"count({fact}) filter (where within({days}, 'day', {days}))")
            found[f"{fact}.trend_{days}"] = ("ratio", f"tag.{fact}.n_{days} / tag.{fact}.before_{days}")
    return found


def _of_tags() -> dict[str, tuple[str, str]]:
    """Scores and thresholds: tags that rest on tags."""
    found = {
        "rfm.recency": ("score", "score(tag.order.days_since, 5)"),
        "rfm.frequency": ("score", "score(tag.order.n_365, 5)"),
        "rfm.monetary": ("score", "score(tag.order.amount_365, 5)"),
        "rfm.browsing": ("score", "score(tag.view.n_90, 5)"),
        "active.order": ("condition", "tag.order.n_30 > 0"),
        "active.view": ("condition", "tag.view.n_7 > 2"),
        "active.visit": ("condition", "tag.visit.n_90 > 0"),
        "quiet.order": ("condition", "tag.order.n_all > 0 and tag.order.n_180 = 0"),
    }
    for fact in MEASURES:
        n = f"tag.{fact}.n_365"
        tier = f"case when {n} >= 20 then 'high' when {n} >= 5 then 'middle' when {n} >= 1 then 'low' else 'none' end"
        found[f"{fact}.tier"] = ("condition", tier)
    return found


def _within(days: int | None, condition: str = "") -> str:
    parts = [*([condition] if condition else []), *([f"within({days}, 'day')"] if days else [])]
    return f" filter (where {' and '.join(parts)})" if parts else ""


def some(n: int) -> dict[str, tuple[str, str]]:
    """A smaller library of the same make: every k-th tag, and the tags that they rest on."""
    every = tags()
    chosen = dict(list(every.items())[:: max(len(every) // n, 1)][:n])
    plain = {name: tag for name, tag in chosen.items() if "tag." not in tag[1]}
    spare = iter(name for name, tag in every.items() if name not in plain and "tag." not in tag[1])
    while len(plain) < n:
        name = next(spare)
        plain[name] = every[name]
    return plain


def definitions() -> str:
    """The tags as YAML."""
    parts = [f'tag: {name}\ncategory: 规模/{kind}\nexpr: "{text}"\n' for name, (kind, text) in tags().items()]
    return "---\n".join(parts)
