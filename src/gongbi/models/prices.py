"""How sales answer to prices: learned from weeks of sales, held to the last ones, told of members by what they buy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.called import tag_title
from gongbi.catalog.naming import NO_WORDS
from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray, as_groups
from gongbi.estimators.price import PriceElasticity
from gongbi.models.base import Figures, Judgement, Trained, Version, worse
from gongbi.models.evaluation.base import MODEL
from gongbi.models.evaluation.price import errors_of, fitted, judged_of
from gongbi.models.evaluation.splits import Part
from gongbi.models.plan import check_hold_out, last_day
from gongbi.models.price_card import sections, sentence
from gongbi.models.price_figures import best_of, by_group, of_products, second_opinions
from gongbi.models.propensity import SEED
from gongbi.models.reading import Work, only_asked
from gongbi.models.rivals import beside, fair, mean_interval, side_by_side, told_beside
from gongbi.models.sales import ELASTICITIES, Sales, bought_plan, plans

if TYPE_CHECKING:
    from gongbi.models import drift
    from gongbi.models.kind import Compared

FORMAT = 1
#: What versions are compared by.
LOSS = Words("最后几周对数销量的平均绝对误差", "mean absolute error of log quantity in the last weeks")
#: Fewer rows in the weeks held back say nothing.
FEWEST_JUDGED = 100
#: So many products, or units, make intervals by drawing them.
FEWEST_DRAWN = 10
#: Levels of sensitivity end where these shares of members do, from the strongest answer on.
SHARES = (0.25, 0.75)
#: Digits that are kept of members' elasticities, beyond which engines may differ.
DIGITS = 9
#: Keys that say what a version's prices, quantities and rows were.
ASKED = ("fact", "price", "quantity", "product", "unit", "controls", "where")


class Prices:
    """Elasticities by product, and what members' purchases make of them."""

    def train(self, work: Work, champion: Version | None) -> Trained:
        """Learn from all weeks, having first foretold the quantities of the last `holdout_days` from those before.

        Raises
        ------
        InvalidInput
            Nothing was sold at a price that differs.
        """
        work.stage("histories")
        tables = _tables(work)
        work.stage("fit")
        sales = _sales(work, tables["sales"])
        first, last = sales.week.min().astype(object), last_day(work.as_of, work.catalog.world.zone)
        check_hold_out(work.model, first, last)
        learned = fitted(sales.data)
        rival = fair(champion, work.model.holdout_days, work.as_of, work.catalog.world.zone)
        return _trained(work, tables, sales, learned, _bought(work, learned), _checked(work, sales, rival))

    def scores(
        self,
        work: Work,
        artifact: Mapping[str, Any],
        seen: drift.Seen | None,  # noqa: ARG002
    ) -> Iterator[dict[str, Any]]:
        """Say of members who bought within a year how what they buy answers to prices."""
        if artifact.get("format") != FORMAT:
            raise InvalidInput(f"The model was written in format {artifact.get('format')}; this is {FORMAT}.")
        found = _bought(work, PriceElasticity.from_json(artifact["model"]))
        value = _sensitivity(found)
        level = pa.array(_levels(value, artifact["bounds"]), pa.string())
        columns = {"id": found["id"], "sensitivity": pa.array(value, pa.float64(), from_pandas=True)}
        yield only_asked(work, pa.table({**columns, "on_offer": found["on_offer"].cast(pa.float64()), "level": level}))

    def compare(self, work: Work, versions: Sequence[Version]) -> Compared:
        """Foretell the quantities of the last weeks by each; of those that were asked for the same sales."""
        work.stage("histories")
        sales = _sales(work, _tables(work)["sales"])
        late = sales.taken(_parted(work, sales).judged)
        models = [_kept(one, work.model) for one in versions]
        known = np.ones(len(late.week), dtype=bool)
        for model in models:
            known &= _known(model, late) if model is not None else True
        late = late.taken(known)
        if len(late.week) < FEWEST_JUDGED:
            raise InvalidInput(
                f"Only {len(late.week)} rows of sales in the last {work.model.holdout_days} days: too few to compare"
                " versions by.",
                hint="Give the model a longer `holdout_days`.",
            )
        losses = [None if one is None else np.abs(_errors(one, late)) for one in models]
        zone, units = work.catalog.world.zone, _drawn(late)[0]
        fairly = [fair(one, work.model.holdout_days, work.as_of, zone) is not None for one in versions]
        told = {"days": work.model.holdout_days, "rows": len(late.week), "loss": "error of log quantity"}
        return told, side_by_side(versions, losses, fairly, units)


def _tables(work: Work) -> dict[str, pa.Table]:
    asked = plans(work.model, work.catalog, work.engine.dialect, work.as_of)
    return {name: work.engine.query(plan) for name, plan in asked.items()}


def _sales(work: Work, rows: pa.Table) -> Sales:
    if not len(rows):
        raise InvalidInput(
            f"No product of {work.model.fact!r} was sold in 20 whole weeks at a price above 0.",
            hint="Look at `price`, `quantity`, `product`, `unit` and `where`, or load more of the past.",
        )
    return Sales.of(rows, work.model)


def _bought(work: Work, model: PriceElasticity) -> pa.Table:
    """What members bought, and how sales of it answer."""
    answers = pa.table({"product": model.products_, "elasticity": model.elasticity_[:, 0].tolist()})
    plan = bought_plan(work.model, work.catalog, work.engine.dialect, work.as_of)
    return work.engine.query(plan, inputs={ELASTICITIES: answers})


def _sensitivity(members: pa.Table) -> FloatArray:
    return np.asarray(members["sensitivity"].cast(pa.float64()).to_numpy(zero_copy_only=False), float).round(DIGITS)


def _levels(value: FloatArray, bounds: Sequence[float]) -> list[str | None]:
    """High where sales fall most with the price, low where least; None where there is no elasticity."""
    low, high = bounds
    names = np.select([value < low, value > high], ["high", "low"], "usual")
    return [None if np.isnan(one) else str(name) for one, name in zip(value, names, strict=True)]


def _parted(work: Work, sales: Sales) -> Part:
    """Weeks that begin after the cut are judged on, those before the first of them learned from."""
    cut = np.datetime64(last_day(work.as_of, work.catalog.world.zone) - timedelta(days=work.model.holdout_days))
    late = sales.week > cut
    return Part(np.flatnonzero(~late), np.flatnonzero(late))


def _errors(model: PriceElasticity, sales: Sales) -> FloatArray:
    """Log quantity less what was foretold."""
    data = sales.data
    given = {"unit": data["unit"], "controls": data["controls"]}
    found: FloatArray = np.log(data["quantity"]) - model.predict(data["price"], data["product"], **given)
    return found


def _known(model: PriceElasticity, sales: Sales) -> Any:
    names = set(model.products_)
    return np.array([one in names for one in sales.data["product"]], dtype=bool)


def _kept(version: Version, model: ModelDef) -> PriceElasticity | None:
    """What a version learned; None where its prices or quantities were others, so that it cannot be asked."""
    return PriceElasticity.from_json(version.artifact["model"]) if version.artifact["asked"] == _asked(model) else None


def _asked(model: ModelDef) -> list[Any]:
    given = [getattr(model, key) for key in ASKED]
    return [list(one) if isinstance(one, tuple) else one for one in given]


def _drawn(sales: Sales) -> tuple[IntArray, Words]:
    """By what rows are drawn together for intervals: a product's slope is in all its rows, a store's habits too."""
    data = sales.data
    for name, words in (
        ("product", Words("按商品重抽样", "drawing products")),
        ("unit", Words("按地点重抽样", "drawing units")),
    ):
        numbers = as_groups(name, data[name])
        if numbers.max(initial=-1) + 1 >= FEWEST_DRAWN:
            return numbers, words
    weeks = [f"{product}\t{week}" for product, week in zip(data["product"], sales.week, strict=True)]
    return as_groups("week", np.array(weeks, dtype=object)), Words("按商品与周重抽样", "drawing weeks of products")


def _checked(work: Work, sales: Sales, champion: Version | None) -> Figures | None:
    """The last weeks foretold from those before, beside no price and one elasticity for all; None where too few."""
    part = _parted(work, sales)
    try:
        errors = {who: np.abs(found) for who, found in errors_of(sales.data, part).items()}
    except InvalidInput:
        return None
    late = sales.taken(judged_of(sales.data, part))
    if len(late.week) < FEWEST_JUDGED:
        return None
    numbers, drawn = _drawn(late)
    found: Figures = {
        "rows": len(late.week),
        "weeks": len(np.unique(late.week)),
        "drawn": drawn.to_json(),
        "error": mean_interval(errors[MODEL], numbers),
        **{who: mean_interval(errors[who], numbers) for who in ("no_price", "pooled")},
        "difference": mean_interval(errors[MODEL] - errors["no_price"], numbers),
        "difference_to_pooled": mean_interval(errors[MODEL] - errors["pooled"], numbers),
    }
    rival = None if champion is None else _kept(champion, work.model)
    if champion is not None and rival is not None and (known := _known(rival, late)).any():
        both = late.taken(known)
        theirs = np.abs(_errors(rival, both))
        found["champion"] = beside(champion, errors[MODEL][known], theirs, _drawn(both)[0])
    return found


def _judge(check: Figures | None, days: int) -> Judgement:
    if check is None:
        return Judgement(
            False,
            Words(
                f"最后 {days} 天里没有足够的销售可供检验。",
                f"Too little was sold in the last {days} days, or before them, to check it.",
            ),
        )
    if (waits := worse(check, LOSS)) is not None:
        return waits
    if check["difference"]["low"] > 0:
        return Judgement(
            False,
            Words(
                "预测最后几周的销量，不如完全不看价格，区间不含 0。",
                "It foretold the last weeks' quantities worse than without any price, with an interval without 0.",
            ),
        )
    return Judgement(True, Words("不显著差于不看价格。", "It is not shown to be worse than no price at all."))


def _trained(
    work: Work,
    tables: Mapping[str, pa.Table],
    sales: Sales,
    learned: PriceElasticity,
    members: pa.Table,
    check: Figures | None,
) -> Trained:
    model, judgement = work.model, _judge(check, work.model.holdout_days)
    value = _sensitivity(members)
    known = value[~np.isnan(value)]
    # From the strongest answer on, which is the most negative.
    bounds = np.quantile(known, SHARES).round(DIGITS).tolist() if len(known) else [0.0, 0.0]
    (counted,) = tables["counted"].to_pylist()
    work.stage("second opinion")
    products = of_products(sales, learned)
    told: Figures = {
        "members": len(members),
        "with_sensitivity": len(known),
        "counted": {
            **{key: int(counted[key]) for key in ("n_rows", "n_used", "products")},
            "learned": len(products),
            "rows": len(sales.week),
            "spend": sum(one["spend"] for one in products) / counted["spend"],
        },
        "overall": {"estimate": learned.overall_, "error": learned.overall_error_},
        "products": products,
        "best": [best_of(one, model) for one in products if one["cost"] is not None] if model.cost else None,
        "second": second_opinions(sales, products),
        "promotion": {str(name): added for name, added in learned.promotion_.items()},
        "groups": by_group(Sales.of(tables["by_group"], model), learned.products_) if model.groups else None,
        "bounds": bounds,
        "check": check,
    }
    metrics: Figures = {
        "headline": {
            "products": len(products),
            "elasticity": learned.overall_,
            **({"error": check["error"], "error_without_price": check["no_price"]} if check else {}),
        },
        **told,
        "sections": sections(model, told, tag_title(work.catalog, model.groups[0]) if model.groups else NO_WORDS),
        "sentence": told_beside(sentence(told), check or {}, LOSS).to_json(),
        "judgement": judgement.to_json(),
    }
    artifact = {"format": FORMAT, "model": learned.to_json(), "bounds": bounds, "asked": _asked(model)}
    window = {"as_of": work.as_of.isoformat(), "holdout_days": model.holdout_days}
    return Trained(model.model, "log-log demand, shrunk by level", artifact, metrics, {"seed": SEED}, window, judgement)
