"""How each market and product grew: sums over members, as of a training, and what their growth is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.catalog import Catalog
from gongbi.catalog.predictions import wallet_target
from gongbi.core import expr as ir
from gongbi.core.compiler import compile_members
from gongbi.core.dialect import Dialect
from gongbi.core.language import check_expression
from gongbi.core.plan import Plan
from gongbi.core.rows import row_value, rows_query
from gongbi.core.types import decimal
from gongbi.errors import InvalidInput
from gongbi.estimators.wallet import Cells, Growth, growth_of_cells
from gongbi.models.base import Figures
from gongbi.models.cohorts import horizon
from gongbi.models.features import amounts
from gongbi.models.plan import MARKET, request_of, with_used
from gongbi.models.sections import Format, dots, table

#: More markets or products say nothing to anybody, and fill memory.
MOST_NAMES = 300
#: Cells that the card shows of those that gain, and of those that lose; and those that it draws, the largest.
SHOWN, DRAWN = 7, 20


def cells_plan(model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime) -> Plan:
    """What `gongbi.estimators.wallet.Cells` holds, of all members, over the last horizon and the one before.

    Grain: one row per market and product with a row of the fact in that time. What a member has brought back beyond
    what they bought counts as nothing bought.
    """
    world, subject, fact = catalog.world, model.subject, model.fact or ""
    span = horizon(wallet_target(model, world))
    assert span is not None
    quote, double, exact = dialect.ident, dialect.types["double"], dialect.type(decimal(6))
    market = check_expression(model.market or "", world, subject)
    where = {**with_used(ir.tags_used(market), catalog, subject), MARKET: market}
    columns = {
        name: row_value(fact, text, world, subject)
        for name, text in {"product": model.product or "", "amount": model.amount or "", "at": f"{fact}.ts"}.items()
    }
    begin, cut = dialect.literal(as_of - 2 * span), dialect.literal(as_of - span)

    def summed(condition: str) -> str:
        money = f"case when {quote('at')} {condition} {cut} then cast(amount as {exact}) else 0 end"
        return f"greatest(cast(coalesce(sum({money}), 0) as {double}), 0)"

    sums = ("before", "after", "before * before", "before * after", "after * after")
    names = ("before", "after", "before_squared", "both", "after_squared")
    added = ", ".join(f"sum({sql}) as {name}" for sql, name in zip(sums, names, strict=True))
    return (
        compile_members(request_of(subject, where, as_of), world, dialect)
        .then("_bought", rows_query(fact, columns, None, subject, as_of, world, dialect))
        .then(
            "_sold",
            f"select _m, product, {summed('<')} as before, {summed('>=')} as after from _bought"
            f" where {quote('at')} >= {begin} and product is not null group by _m, product",
        )
        .then(
            "_cells",
            f"select cast(r.{quote(MARKET)} as {dialect.types['text']}) as market,"
            f" cast(s.product as {dialect.types['text']}) as product, count(*) as rows, {added}"
            f" from _sold s join _result r on r.id = s._m where r.{quote(MARKET)} is not null"
            f" and (before > 0 or after > 0) group by r.{quote(MARKET)}, s.product order by 1, 2",
        )
    )


@dataclass(frozen=True, slots=True)
class Markets:
    """Growth of every market and product, the most money gained first.

    Attributes
    ----------
    growth
        Market → growth over all its products: that of its cells, weighted by what was sold in them before.
    """

    cells: tuple[Growth, ...]
    growth: dict[str, float]

    @classmethod
    def of(cls, rows: pa.Table) -> Markets:
        """Learn it from the rows of `cells_plan`.

        Raises
        ------
        InvalidInput
            There are too many markets or products, or too few sales to compare.
        """
        names = {name: rows[name].to_pylist() for name in ("market", "product")}
        for key, told in names.items():
            if (n := len(set(told))) > MOST_NAMES:
                raise InvalidInput(
                    f"`{key}` has {n:,} values, and growth is told of {MOST_NAMES} at most.",
                    hint="Name something coarser, such as a region or a department.",
                )
        sums = [amounts(rows[name]) for name in ("rows", "before", "after", "before_squared", "both", "after_squared")]
        found = growth_of_cells(Cells(np.array(names["market"]), np.array(names["product"]), *sums))
        by_market: dict[str, list[Growth]] = defaultdict(list)
        for one in found:
            by_market[one.market].append(one)
        growth = {
            market: sum(one.growth * one.before for one in some) / before
            for market, some in sorted(by_market.items())
            if (before := sum(one.before for one in some)) > 0
        }
        return cls(tuple(found), growth)

    def to_json(self) -> Figures:
        """Return it as JSON data."""
        keys = ("market", "product", "before", "after", "raw", "growth", "low", "high")
        return {"markets": self.growth, "cells": [{key: getattr(one, key) for key in keys} for one in self.cells]}

    def sections(self) -> list[Figures]:
        """The markets in a table, the largest cells drawn, and those that gain and lose most in a table."""
        sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for one in self.cells:
            sums[one.market][0] += one.before
            sums[one.market][1] += one.after
        largest = sorted(self.growth, key=lambda market: -sums[market][1])
        money: list[tuple[Words, Format]] = [
            (Words("上一期", "Before"), "count"),
            (Words("最近一期", "Last"), "count"),
            (Words("增长", "Growth"), "percent"),
        ]
        gaining = [one for one in self.cells if one.growth > 0 and one.before > 0][:SHOWN]
        losing = [one for one in self.cells if one.growth < 0][-SHOWN:]
        drawn = sorted(self.cells, key=lambda one: -one.before)[:DRAWN]
        return [
            table(
                Words("各市场的增长", "Growth of markets"),
                Words(
                    "所有人在最近一期与上一期的花费；增长是各品类的增长按上一期花费加权。",
                    "Spend of all members, over the last horizon and the one before; growth is that of its products,"
                    " weighted by what was spent on them before.",
                ),
                [(Words("市场", "Market"), "text"), *money],
                [[market, *sums[market], self.growth[market]] for market in largest],
            ),
            dots(
                Words("最大的市场与品类的增长", "Growth of the largest markets and products"),
                Words(
                    "上一期花费最多的：增长百分之几，线是 95% 区间；碰到 0 的看不出增减。",
                    "Those with most spent before: growth in per cent, with the 95% interval. What touches 0 is not"
                    " shown to grow or shrink.",
                ),
                [(f"{o.market} · {o.product}", 100 * o.growth, 100 * o.low, 100 * o.high) for o in drawn],
            ),
            table(
                Words("增减最多的市场与品类", "Markets and products that gain and lose most"),
                Words(
                    "按增减的金额排列；增长向市场和品类的共同走势收缩，区间为 95%。",
                    "By money gained or lost; growth is pulled towards what market and product do; intervals of 95%.",
                ),
                [
                    (Words("市场", "Market"), "text"),
                    (Words("品类", "Product"), "text"),
                    *money,
                    (Words("下限", "Low"), "percent"),
                    (Words("上限", "High"), "percent"),
                ],
                [[o.market, o.product, o.before, o.after, o.growth, o.low, o.high] for o in (*gaining, *losing)],
            ),
        ]
