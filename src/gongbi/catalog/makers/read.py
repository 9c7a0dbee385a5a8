"""Expression → maker: which short form writes an expression, and with what in its fields.

Every reader below only guesses from the shape of the tree; a guess counts if it writes the same tree again. So what
is read never means anything else than what was written, and `read(form.expression())` gives the form back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from decimal import Decimal
from typing import Any

from gongbi.catalog.forms.read import unbracketed
from gongbi.catalog.makers.base import ShortForm
from gongbi.catalog.makers.groups import Distribution, Similarity
from gongbi.catalog.makers.members import LifeCycle, Rank, Rfm, Tiers
from gongbi.catalog.makers.rows import FirstLast, Metric, Periodicity, Preference, Trend
from gongbi.core.parser import parse
from gongbi.core.syntax import Apply, Literal, Name, Node, walk
from gongbi.errors import GongbiError

Fields = dict[str, Any]
#: In this order: those that say most of an expression come first.
READ: Mapping[str, type[ShortForm]] = {
    "rfm": Rfm,
    "life_cycle": LifeCycle,
    "trend": Trend,
    "periodicity": Periodicity,
    "tiers": Tiers,
    "preference": Preference,
    "distribution": Distribution,
    "similarity": Similarity,
    "first_last": FirstLast,
    "metric": Metric,
    "rank": Rank,
}


def read(text: str) -> tuple[str, Fields] | None:
    """The maker that writes an expression, with the fields that are not as usual; None where no form does.

    Raises
    ------
    InvalidExpression
        It cannot be read at all. Names and types are not looked at.
    """
    node = parse(text)
    tree = bare(node)
    for name, class_ in READ.items():
        for given in getattr(_Reader(text), f"read_{name}")(node):
            try:
                form = class_(**given)
                if bare(parse(form.expression())) == tree:
                    return name, filled(form)
            except (GongbiError, ValueError):
                continue
    return None


def filled(form: Any) -> Fields:
    """The fields of a form that are not as they are by default, as YAML has them."""
    found = {}
    for one in fields(form):
        value = getattr(form, one.name)
        if one.default is MISSING or value != one.default:
            found[one.name] = list(value) if isinstance(value, tuple) else value
    return found


def bare(node: Node) -> tuple[Any, ...]:
    """A tree without the places of its parts: equal where the same was written, however it was spaced."""
    match node:
        case Literal():
            return ("literal", type(node.value).__name__, node.value)
        case Name():
            return ("name", node.parts)
    inner = bare(node.filter) if node.filter is not None else None
    named = tuple((key, bare(value)) for key, value in node.named)
    return (node.function, tuple(map(bare, node.args)), node.distinct, node.star, inner, named)


def _is(node: Node, function: str, count: int) -> bool:
    return isinstance(node, Apply) and node.function == function and len(node.args) == count


def _calls(node: Node, function: str) -> list[Apply]:
    """All calls of a function, in the order in which they are written."""
    found = [one for one in walk(node) if isinstance(one, Apply) and one.function == function]
    return sorted(found, key=lambda one: one.span.start)


def _number(node: Node) -> Any:
    if isinstance(node, Literal) and isinstance(node.value, int | Decimal) and not isinstance(node.value, bool):
        return node.value if isinstance(node.value, int) else float(node.value)
    raise ValueError("no number")


def _word(node: Node) -> str:
    if isinstance(node, Literal) and isinstance(node.value, str):
        return node.value
    raise ValueError("no text")


def _null(node: Node) -> bool:
    return isinstance(node, Literal) and node.value is None


def _window(node: Node) -> str | None:
    """``within(90, 'day')`` → ``90 day``; so with the stretch before it, ``within(90, 'day', 90)``."""
    if isinstance(node, Apply) and node.function == "within" and len(node.args) in (2, 3):
        values = [arg.value for arg in node.args if isinstance(arg, Literal)]
        if len(values) == len(node.args) and isinstance(values[0], int) and values[2:] in ([], [values[0]]):
            return f"{values[0]} {values[1]}"
    return None


class _Reader:
    """The readers of one text: each gives what its maker's fields may be, or nothing."""

    def __init__(self, source: str) -> None:
        self.source = source

    def text(self, node: Node) -> str:
        """A part as it was written, without brackets around the whole of it."""
        return unbracketed(self.source[node.span.start : node.span.end])

    def _filter(self, call: Node) -> Fields:
        """The stretch of time and the condition that an aggregate is filtered by."""
        if not isinstance(call, Apply) or call.filter is None:
            return {}
        whole = call.filter
        among = list(whole.args) if isinstance(whole, Apply) and whole.function == "and" else [whole]
        found: Fields = {}
        if (within := _window(among[0])) is not None:
            found["within"] = within
            among = among[1:]
        if among:
            found["where"] = unbracketed(self.source[among[0].span.start : among[-1].span.end])
        return found

    def _steps(self, node: Node) -> Iterator[tuple[Node, Fields]]:
        """A figure in steps: the figure, and where its steps begin and what they are called."""
        if not isinstance(node, Apply) or node.function != "case" or len(node.args) < 4:
            return
        pairs = list(zip(node.args[::2], node.args[1::2], strict=False))
        if any(not isinstance(when, Apply) or len(when.args) != 2 for when, _ in pairs):
            return
        whens = [when for when, _ in pairs if isinstance(when, Apply)]
        try:
            cuts = [_number(when.args[1]) for when in whens[:-1]][::-1]
            names = [_word(then) for _, then in pairs][::-1]
            otherwise = node.args[-1] if len(node.args) % 2 else None
            absent = None if otherwise is None or _null(otherwise) else _word(otherwise)
        except ValueError:
            return
        yield whens[0].args[0], {"cuts": tuple(cuts), "names": tuple(names), "absent": absent}

    def read_tiers(self, node: Node) -> Iterator[Fields]:
        for figure, given in self._steps(node):
            yield {"of": self.text(figure), **given}

    def read_rank(self, node: Node) -> Iterator[Fields]:
        if not isinstance(node, Apply) or not node.args:
            return
        by = {"rank": "place", "percent_rank": "share", "score": "score"}.get(node.function)
        if by is None:
            return
        figure, more = node.args[0], dict[str, Any](by=by)
        if by == "score" and len(node.args) == 2:
            more |= {"groups": _number(node.args[1]) if isinstance(node.args[1], Literal) else 0}
        if isinstance(figure, Apply) and figure.function == "negative":
            yield {"of": self.text(figure.args[0]), "lowest_first": True, **more}
        yield {"of": self.text(figure), **more}

    def read_metric(self, node: Node) -> Iterator[Fields]:
        more: Fields = {}
        if isinstance(node, Apply) and _is(node, "coalesce", 2) and isinstance(node.args[1], Literal):
            more, node = {"empty": node.args[1].value}, node.args[0]
            if isinstance(more["empty"], Decimal):
                more["empty"] = float(more["empty"])
        if isinstance(node, Apply) and _is(node, "days_since", 1):
            last = node.args[0]
            if isinstance(last, Apply) and _is(last, "max", 1) and (fact := _fact_of(last.args[0])):
                yield {"measure": "days_since", "of": fact, **self._filter(last), **more}
            return
        if not isinstance(node, Apply) or len(node.args) != 1:
            return
        (arg,), more = node.args, {**self._filter(node), **more}
        if node.function == "count" and node.distinct:
            if isinstance(arg, Apply) and _is(arg, "date", 1) and (fact := _fact_of(arg.args[0])):
                yield {"measure": "days", "of": fact, **more}
            yield {"measure": "distinct", "of": self.text(arg), **more}
        elif node.function in ("count", "sum", "avg", "median", "min", "max", "stddev"):
            yield {"measure": node.function, "of": self.text(arg), **more}

    def read_first_last(self, node: Node) -> Iterator[Fields]:
        if isinstance(node, Apply) and node.function in ("first", "last") and len(node.args) == 1:
            yield {"which": node.function, "of": self.text(node.args[0]), **self._filter(node)}

    def read_preference(self, node: Node) -> Iterator[Fields]:
        more: Fields = {}
        if isinstance(node, Apply) and _is(node, "if", 3) and _is(node.args[0], ">=", 2) and _null(node.args[2]):
            limit = node.args[0].args[1]  # type: ignore[union-attr]
            more, node = {"least": _number(limit) if isinstance(limit, Literal) else 0}, node.args[1]
        if not isinstance(node, Apply) or node.function not in ("mode", "top_by"):
            return
        more = {"of": self.text(node.args[0]), **self._filter(node), **more}
        if node.function == "mode":
            yield more
            return
        weight = node.args[1]
        pairs: list[tuple[Node | None, Node]] = [(None, weight)]
        if isinstance(weight, Apply) and _is(weight, "*", 2):
            pairs.append((weight.args[0], weight.args[1]))
        for own, fading in pairs:
            if not isinstance(fading, Apply) or not _is(fading, "power", 2) or not _is(fading.args[1], "/", 2):
                continue
            half = fading.args[1].args[1]  # type: ignore[union-attr]
            if isinstance(half, Literal):
                known = {"weight": self.text(own)} if own is not None else {}
                yield {**more, **known, "by": "recency", "half_life": _number(half)}
        yield {**more, "by": "share", "weight": self.text(weight)}

    def read_distribution(self, node: Node) -> Iterator[Fields]:
        part = "shares"
        if isinstance(node, Apply) and _is(node, "top_of", 1):
            part, node = "top", node.args[0]
        if not isinstance(node, Apply) or node.function not in ("distribution", "entropy") or not node.args:
            return
        more = {"weight": self.text(node.args[1])} if len(node.args) == 2 else {}
        part = "spread" if node.function == "entropy" else part
        yield {"of": self.text(node.args[0]), "part": part, **more, **self._filter(node)}

    def read_trend(self, node: Node) -> Iterator[Fields]:
        if not isinstance(node, Apply):
            return
        more: Fields = {}
        match node.function, len(node.args):
            case "-", 2:
                now, more = node.args[0], {"by": "change"}
            case "/", 2:
                now, more = node.args[0], {"by": "ratio"}
            case "case", 6 | 7:  # An `else` may be there.
                falling, rising = node.args[0], node.args[2]
                if not isinstance(falling, Apply) or not isinstance(rising, Apply) or len(rising.args) != 2:
                    return
                now, limit = falling.args[0], rising.args[1]
                if not isinstance(limit, Apply) or not _is(limit, "*", 2) or not isinstance(limit.args[1], Literal):
                    return
                if not all(isinstance(node.args[i], Literal) for i in (1, 3, 5)):
                    return
                names = tuple(str(node.args[i].value) for i in (1, 5, 3))  # type: ignore[union-attr]
                more = {"steady": round(_number(limit.args[1]) - 1, 9), "names": names}
            case _:
                return
        if not isinstance(now, Apply) or now.function not in ("count", "sum", "avg") or len(now.args) != 1:
            return
        given = self._filter(now)
        if "within" in given:
            over = given.pop("within")
            yield {"measure": now.function, "of": self.text(now.args[0]), "over": over, **given, **more}

    def read_periodicity(self, node: Node) -> Iterator[Fields]:
        if not isinstance(node, Apply) or not _is(node, "if", 3) or not _is(node.args[0], ">=", 2):
            return
        days, least = node.args[0].args  # type: ignore[union-attr]
        times = _calls(days, "date")
        fact = _fact_of(times[0].args[0]) if times and times[0].args else None
        if fact is None or not isinstance(least, Literal) or not isinstance(least.value, int):
            return
        more = {"fact": fact, "least": least.value, **self._filter(days)}
        yield {**more, "by": "interval"}
        yield {**more, "by": "spread"}
        for _, given in self._steps(node.args[1]):
            yield {**more, "by": "name", "cuts": given["cuts"], "names": given["names"]}

    def read_life_cycle(self, node: Node) -> Iterator[Fields]:
        if not isinstance(node, Apply) or node.function != "case" or len(node.args) != 9:
            return
        whens, thens = node.args[0:8:2], (*node.args[1:8:2], node.args[8])
        try:
            days = [_number(when.args[1]) for when in whens[1:] if isinstance(when, Apply) and len(when.args) == 2]
            names = tuple(map(_word, thens))
        except ValueError:
            return
        counted = _calls(whens[0], "count")
        if len(days) == 3 and counted and len(counted[0].args) == 1:
            new, active, slipping = days
            fact = self.text(counted[0].args[0])
            yield {"fact": fact, "new": new, "active": active, "slipping": slipping, "names": names}

    def read_similarity(self, node: Node) -> Iterator[Fields]:
        shares, middles = _calls(node, "group_share"), _calls(node, "group_avg")
        if shares or any(_calls(middle, "percent_rank") for middle in middles):
            yield from self._mixed(middles, shares)
            return
        if not middles or any(len(middle.args) != 2 for middle in middles):
            return
        figures = {}
        for middle in middles:
            scored = _calls(middle.args[0], "z_score")
            if not scored or not scored[0].args:
                return
            figures[bare(scored[0].args[0])] = self.text(scored[0].args[0])
        by = "cosine" if isinstance(node, Apply) and node.function == "clamp" else "distance"
        yield {"seed": self.text(middles[0].args[1]), "figures": tuple(figures.values()), "by": by}

    def _mixed(self, middles: Sequence[Apply], shares: Sequence[Apply]) -> Iterator[Fields]:
        """Of similarity by Gower's measure; each part stands there twice."""
        if any(len(call.args) != 2 for call in (*middles, *shares)):
            return
        places = [call for middle in middles for call in _calls(middle.args[0], "percent_rank") if call.args]
        found = [{bare(x.args[0]): self.text(x.args[0]) for x in calls} for calls in (places, shares)]
        figures, traits = (tuple(one.values()) for one in found)
        seed = self.text((*middles, *shares)[0].args[1])
        yield {"seed": seed, "figures": figures, "by": "gower", "traits": traits}

    def read_rfm(self, node: Node) -> Iterator[Fields]:
        last = [fact for call in _calls(node, "max") if call.args and (fact := _fact_of(call.args[0]))]
        sums = [call for call in _calls(node, "sum") if len(call.args) == 1]
        if not isinstance(node, Apply) or not last or not sums or node.function == "score":
            return
        more: Fields = {"fact": last[0], "amount": self.text(sums[0].args[0]), **self._filter(sums[0])}
        scored = _calls(node, "score")
        try:
            if scored:
                more["scores"] = _number(scored[0].args[1])
            else:
                more |= _fixed(node)
            match node.function:
                case "||":
                    more["part"] = "cell"
                case "+":
                    more |= {"part": "total", "weights": tuple(_weights(node))}
                case "case" if _null(node.args[1]):
                    reached = [one for one in _calls(node.args[2], ">=") if isinstance(one.args[1], Literal)]
                    names = (*node.args[3::2], node.args[-1])
                    high = _number(max(reached, key=lambda one: one.span.end).args[1])
                    more |= {"part": "group", "high": high, "names": tuple(map(_word, names))}
                case "case":
                    for part in ("recency", "frequency", "monetary"):
                        yield {**more, "part": part}
                    return
                case _:
                    return
        except (ValueError, IndexError):
            return
        if more["part"] == "group" and more["high"] == more.get("scores", 0) // 2 + 1:
            more["high"] = None  # What holds where nothing is said.
        yield more


def _fact_of(node: Node) -> str | None:
    """The fact of a row's time."""
    if isinstance(node, Name) and len(node.parts) == 2 and node.parts[1] == "ts":
        return node.parts[0]
    return None


def _fixed(node: Node) -> Fields:
    """The fixed limits of three scores, by what each is about."""
    found: Fields = {}
    for case in _calls(node, "case"):
        first = case.args[0]
        if not isinstance(first, Apply) or len(first.args) != 2 or _null(case.args[1]):
            continue
        about = {"days_since": "recency", "count": "frequency", "sum": "monetary"}
        key = about.get(first.args[0].function) if isinstance(first.args[0], Apply) else None
        if key is not None:
            # The last step has no limit of its own, and an `else` may stand after it.
            whens = case.args[0 : 2 * (len(case.args) // 2) : 2][:-1]
            cuts = [_number(when.args[1]) for when in whens if isinstance(when, Apply)]
            found.setdefault(f"{key}_cuts", tuple(cuts if key == "recency" else cuts[::-1]))
    return found


def _weights(node: Node) -> list[Any]:
    """How much each of the three scores counts in a sum."""
    terms: list[Node] = []
    while isinstance(node, Apply) and _is(node, "+", 2):
        terms.insert(0, node.args[1])
        node = node.args[0]
    terms.insert(0, node)
    weights: list[Any] = [0, 0, 0]
    for term in terms:
        place = 2 if _calls(term, "sum") else 1 if _calls(term, "count") else 0
        weights[place] = _number(term.args[0]) if isinstance(term, Apply) and _is(term, "*", 2) else 1
    return weights
