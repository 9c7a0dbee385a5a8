"""What was sold at which price, by product, place and week; and at which prices each member bought. Pure plans."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gongbi.catalog.base import ModelDef
from gongbi.catalog.catalog import Catalog
from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.core.rows import row_condition, row_value, rows_query
from gongbi.core.types import decimal
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.price import FEWEST
from gongbi.estimators.traits import refuse_sensitive
from gongbi.models.plan import last_day, last_week, scored_plan

#: Products that are learned from, those with the most rows and then the most sales; and the most rows of them all.
MOST_PRODUCTS, MOST_ROWS = 500, 1_000_000
#: How far back members' purchases are looked at, in days, and those that say whether they bought on offer.
YEAR, HALF_YEAR = 365, 182
#: A piece is on offer where it costs so much less, as a share, than usual; usual is the median of so many weeks.
OFFER, FEWEST_WEEKS = 0.05, 8
#: Name of the Arrow table that says how sales of a product answer.
ELASTICITIES = "_elasticities"


@dataclass(frozen=True, slots=True)
class Sales:
    """Sales as arrays, a row per product, unit and week.

    Attributes
    ----------
    data
        ``quantity``, ``price``, ``product``, ``unit``, ``group`` (one for all where none was asked for) and
        ``controls`` of shape (n, k), as `models.evaluation.price` takes them.
    week
        The Monday of each row.
    cost
        Of one piece; None where the model names none.
    """

    data: dict[str, Any]
    week: NDArray[np.datetime64]
    cost: FloatArray | None

    @classmethod
    def of(cls, rows: pa.Table, model: ModelDef) -> Sales:
        """Take them from the rows of a plan."""
        k, n = len(model.controls), len(rows)
        data = {
            "quantity": _floats(rows["quantity"]),
            "price": _floats(rows["price"]),
            "product": _texts(rows["product"]),
            "unit": _texts(rows["unit"]),
            "group": _texts(rows["grp"]) if "grp" in rows.column_names else np.zeros(n, dtype=object),
            "controls": np.column_stack([_floats(rows[f"c{i}"]) for i in range(k)]) if k else np.zeros((n, 0)),
        }
        week = rows["week"].cast(pa.date32()).to_numpy(zero_copy_only=False).astype("datetime64[D]")
        return cls(data, week, _floats(rows["cost"]) if model.cost else None)

    def taken(self, rows: Any) -> Sales:
        """Only some of the rows."""
        cost = None if self.cost is None else self.cost[rows]
        return Sales({name: values[rows] for name, values in self.data.items()}, self.week[rows], cost)


def _floats(column: pa.ChunkedArray) -> FloatArray:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _texts(column: pa.ChunkedArray) -> NDArray[np.object_]:
    return np.array(column.to_pylist(), dtype=object)


def plans(model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime) -> dict[str, Plan]:
    """The sales to learn from: ``sales``, ``counted`` (one row about all) and with `groups` ``by_group``.

    Grain of ``sales``: product × unit × local week, of weeks that the data cover whole. Columns ``product``, ``unit``
    (texts), ``week`` (its Monday), ``quantity``, ``price`` (what was paid over quantity), ``c0``, ``c1``, … (means of
    the controls over rows; of a truth the share for which it is true) and ``cost``. Rows whose price or quantity is not
    above 0, or that name no product or unit, are left out. Only the `MOST_PRODUCTS` products with the most rows, and
    `FEWEST` at least, are in it.
    """
    cells = _cells(Plan(), model, catalog, dialect, as_of)
    ordered = "select s.* from _cells s join _learned l on s.product = l.product order by s.product, s.unit, s.week"
    found = {
        "sales": cells.then("sales", ordered),
        "counted": cells.then(
            "counted",
            "select (select count(*) from _sale_rows) as n_rows, (select count(*) from _sold) as n_used,"
            " (select count(distinct product) from _cells) as products,"
            " (select sum(quantity * price) from _cells) as spend",
        ),
    }
    if model.groups:
        tag = model.groups[0]
        refuse_sensitive(tag, catalog.privacy.get(tag))
        everybody = replace(model, score=None, population=None)
        members = scored_plan(everybody, (tag,), catalog, dialect, as_of, {})
        grouped = _cells(members, model, catalog, dialect, as_of, group=tag)
        found["by_group"] = grouped.then("by_group", ordered.replace("s.unit,", "s.unit, s.grp,"))
    return found


def _cells(
    plan: Plan, model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime, group: str | None = None
) -> Plan:
    """Sales by product, unit and week (``_cells``), and the products that are learned (``_learned``)."""
    world = catalog.world
    controls = [f"c{i}" for i in range(len(model.controls))]
    fact, columns = model.fact or "", {}
    for name, text in zip(controls, model.controls, strict=True):
        columns[name] = row_value(fact, text, world, model.subject)
    truths = {name for name, value in columns.items() if value.type.name == "boolean"}
    if model.cost:
        columns["cost"] = row_value(fact, model.cost, world, model.subject)
    sold = _sold(plan, model, catalog, dialect, as_of, columns)
    # Exact sums: the order in which threads add rows must not show in the figures. What is unknown is not true.
    told = [
        f"{_sum(f'case when {c} then 1 else 0 end', dialect)} / count(*) as {c}"
        if c in truths
        else f"{_sum(c, dialect)} / nullif(count({c}), 0) as {c}"
        for c in controls
    ]
    told += [f"{_sum('cost * quantity', dialect)} / {_sum('quantity', dialect)} as cost"] if model.cost else []
    keys = ["product", "unit", *(["grp"] if group else []), "week"]
    source, held = "_sold", " and ".join(f"{c} is not null" for c in controls) or "true"
    if group:
        named = f"cast(g.{dialect.ident(group)} as {dialect.types['text']})"
        source = f"(select s.*, {named} as grp from _sold s join _scored g on g.id = s._m) t"
        held += " and grp is not null"
    whole = f"week >= (select min(day) from _sold) and week <= {dialect.literal(last_week(as_of, world.zone))}"
    money = f"{_sum('price * quantity', dialect)} / {_sum('quantity', dialect)} as price"
    summed = ", ".join([*keys, f"{_sum('quantity', dialect)} as quantity", money, *told])
    spent = _sum("quantity * price", dialect)
    sizes = f"select product, count(*) as n, {spent} as spent from _cells group by product"
    order = "order by n desc, spent desc, product"
    placed = (
        f"select product, n, row_number() over ({order}) as place, sum(n) over"
        f" ({order} rows between unbounded preceding and current row) as running from ({sizes}) z"
    )
    return (
        sold.then(
            "_cells",
            f"select * from (select {summed} from {source} where {whole} group by {', '.join(keys)}) c where {held}",
            materialize=True,
        )
        .then("_placed", placed)
        .then(
            "_learned",
            f"select product from _placed where n >= {FEWEST}"
            f" and (place = 1 or (place <= {MOST_PRODUCTS} and running <= {MOST_ROWS}))",
        )
    )


def _sold(
    plan: Plan, model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime, columns: dict[str, Any]
) -> Plan:
    """The rows with a sale (``_sold``): who, day, week, product, unit, quantity, price, and the `columns` asked for."""
    world, fact = catalog.world, model.fact or ""
    double, text = dialect.types["double"], dialect.types["text"]
    texts = {
        "day": f"date({fact}.ts)",
        "week": f"start_of('week', {fact}.ts)",
        "price": model.price or "",
        "quantity": model.quantity or "",
        "product": model.product or "",
        **({"unit": model.unit} if model.unit else {}),
    }
    read = {name: row_value(fact, one, world, model.subject) for name, one in texts.items()} | columns
    where = row_condition(fact, model.where or "", world, model.subject)
    unit = f"cast(unit as {text})" if model.unit else "''"
    more = "".join(f", {name}" for name in columns)
    kept = "product is not null and quantity > 0 and price > 0" + (" and unit is not null" if model.unit else "")
    return plan.then("_sale_rows", rows_query(fact, read, where, model.subject, as_of, world, dialect)).then(
        "_sold",
        f"select _m, day, week, cast(product as {text}) as product, {unit} as unit, cast(quantity as {double}) as"
        f" quantity, cast(price as {double}) as price{more} from _sale_rows where {kept}",
    )


def _sum(expression: str, dialect: Dialect) -> str:
    exact, double = dialect.type(decimal(6)), dialect.types["double"]
    return f"cast(sum(cast({expression} as {exact})) as {double})"


def bought_plan(model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime) -> Plan:
    """At which prices members bought. It reads the input `ELASTICITIES`: ``product``, ``elasticity``.

    Grain: one row per member who bought within `YEAR` days. Columns ``id``; ``sensitivity``, the elasticity of what
    they bought by what they paid, absent where none of it was learned; ``on_offer``, the share of their pieces of the
    last `HALF_YEAR` days that cost at least `OFFER` less than usual, absent where nothing of it has a usual price.
    Usual is the median of the weekly prices of the product in that unit over the same days, of `FEWEST_WEEKS` at least.
    """
    last = last_day(as_of, catalog.world.zone)
    year, half = (_after(last - timedelta(days=days), dialect) for days in (YEAR, HALF_YEAR))
    quantity = _sum("quantity", dialect)
    cheap = _sum(f"case when s.price <= {1 - OFFER} * u.usual then s.quantity else 0 end", dialect)
    weekly = (
        f"select product, unit, week, {_sum('price * quantity', dialect)} / {quantity} as price from _sold"
        f" where {half} group by product, unit, week"
    )
    return (
        _sold(Plan(), model, catalog, dialect, as_of, {})
        .then(
            "_paid",
            f"select _m as id, product, {_sum('price * quantity', dialect)} as paid from _sold where {year}"
            " group by _m, product",
        )
        .then(
            "_answers",
            f"select p.id, sum(p.paid * e.elasticity) / sum(case when e.elasticity is not null then p.paid end) as"
            f" sensitivity from _paid p left join {ELASTICITIES} e on e.product = p.product group by p.id",
        )
        .then("_weekly", weekly)
        .then(
            "_ordered",
            "select product, unit, price, row_number() over (partition by product, unit order by price) as place,"
            " count(*) over (partition by product, unit) as weeks from _weekly",
        )
        .then(
            "_usual",
            f"select product, unit, avg(price) as usual from _ordered where weeks >= {FEWEST_WEEKS}"
            # Of an odd number the one in the middle, of an even one the two.
            " and 2 * place between weeks and weeks + 2 group by product, unit",
        )
        .then(
            "_offers",
            f"select s._m as id, {cheap} / {_sum('s.quantity', dialect)} as on_offer from _sold s"
            f" join _usual u on u.product = s.product and u.unit = s.unit where {half} group by s._m",
        )
        .then(
            "bought",
            "select a.id, a.sensitivity, o.on_offer from _answers a left join _offers o on o.id = a.id order by a.id",
        )
    )


def _after(day: date, dialect: Dialect) -> str:
    return f"day > {dialect.literal(day)}"
