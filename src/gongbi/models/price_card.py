"""The card of a model of prices: what is said of elasticities, promotion, best prices and groups, and what is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import ndtri

from gongbi.catalog.base import ModelDef, Words
from gongbi.models.base import Figures
from gongbi.models.sections import Format, dots, stat, stats, table

#: Products in the chart, and in the tables; those with the most sales.
DRAWN, SHOWN = 20, 60
Z = float(ndtri(0.975))
_PRODUCT = Words("商品", "Product"), "text"
_ELASTICITY: list[tuple[Words, Format]] = [
    (Words("弹性", "Elasticity"), "number"),
    (Words("下限", "Low"), "number"),
    (Words("上限", "High"), "number"),
]
BOUNDS: Mapping[str | None, Words] = {
    None: Words("无", "nothing"),
    "margin floor": Words("最低毛利", "least margin"),
    "change": Words("最大变动", "largest change"),
}
NO_ANSWER = Words("看不出对价格的反应，不给价", "no answer to price is shown, so none is told")
FAIR = Words(
    "同样条件的同一商品，对所有人是一个价：最佳价格不按人、不按人群给；对价格不敏感不是多收钱的理由。",
    "A price is one for everybody who buys the same product on the same terms: best prices are never made per member or"
    " group, and not minding prices is no reason to be asked more.",
)


def sentence(told: Mapping[str, Any]) -> Words:
    """What the figures come to, in a word."""
    overall, products, check = told["overall"], told["products"], told["check"]
    low, high = overall["estimate"] - Z * overall["error"], overall["estimate"] + Z * overall["error"]
    zh = f"价格升 1%，{len(products):,} 种商品的销量平均变 {overall['estimate']:.2f}%（{low:.2f} ~ {high:.2f}）。"
    en = (
        f"A price 1 % higher changes the quantity of {len(products):,} products by {overall['estimate']:.2f} % on"
        f" average ({low:.2f} to {high:.2f})."
    )
    wrong = [one["product"] for one in products if one["elasticity"] >= 0]
    unsure = sum(one["elasticity"] < 0 <= one["high"] for one in products)
    if wrong:
        some = ", ".join(wrong[:3]) + (", …" if len(wrong) > 3 else "")
        zh += f"{len(wrong):,} 种的弹性是 0 或以上，即越贵卖得越多（{some}）：多半是别的原因在动，不能用来定价。"
        en += (
            f" Of {len(wrong):,} it is 0 or more, as if dearer sold better ({some}): something else moves them, so set"
            " no price by it."
        )
    if unsure:
        zh += f"另有 {unsure:,} 种的区间含 0。"
        en += f" The interval of {unsure:,} more reaches 0."
    if check is None:
        return Words(zh + "没有可检验的。", en + " There was nothing to check.")
    gap = check["difference"]
    better = ("更准", "more exact than") if gap["high"] < 0 else ("并不更准", "not shown to be more exact than")
    better = ("更差", "less exact than") if gap["low"] > 0 else better
    own, plain = check["error"]["estimate"], check["no_price"]["estimate"]
    zh += f"最后 {check['weeks']} 周：比不看价格{better[0]}（对数销量的平均误差 {own:.3f}，{plain:.3f}）。"
    en += (
        f" In the last {check['weeks']} weeks it was {better[1]} no price (mean error of log quantity {own:.3f} against"
        f" {plain:.3f})."
    )
    return Words(zh, en)


def sections(model: ModelDef, told: Mapping[str, Any], group: Words) -> list[Figures]:
    """The figures, chart and tables of the card; `group` is what the tag in `groups` is called."""
    found = [_figures(told), _chart(told["products"]), _products(told)]
    if told["check"]:
        found.append(_check(told["check"]))
    if model.controls:
        found.append(_promotion(model, told["promotion"]))
    if told["best"] is not None:
        found.append(_best(told["best"], model))
    if told["groups"] is not None:
        found.append(_groups(group, told["groups"]))
    return found


def _figures(told: Mapping[str, Any]) -> Figures:
    overall, counted = told["overall"], told["counted"]
    span = {"low": overall["estimate"] - Z * overall["error"], "high": overall["estimate"] + Z * overall["error"]}
    return stats(
        stat(Words("平均弹性", "Mean elasticity"), overall["estimate"], "number", span),
        stat(Words("学习的商品", "Products learned"), counted["learned"], "count"),
        stat(Words("它们占销售额", "Their share of sales"), counted["spend"], "percent"),
        stat(Words("学习的行（商品、地点、周）", "Rows: product, unit, week"), counted["rows"], "count"),
        stat(
            Words("没有数量或价格而略去", "Left out, no quantity or price"),
            counted["n_rows"] - counted["n_used"],
            "count",
        ),
    )


def _chart(products: Sequence[Figures]) -> Figures:
    return dots(
        Words("各商品的价格弹性", "Elasticity by product"),
        Words(
            "销售额最高的商品：价格升 1% 时销量变百分之几，线是 95% 区间；越靠左越敏感，碰到 0 的看不出反应。",
            "Products with the most sales: by how many per cent quantity changes when the price rises by 1 %, with the"
            " 95% interval. Farther left answers more; what touches 0 is not shown to answer.",
        ),
        [(one["product"], one["elasticity"], one["low"], one["high"]) for one in products[:DRAWN]],
    )


def _products(told: Mapping[str, Any]) -> Figures:
    products, second = told["products"], told["second"]
    also = {one["product"]: one for one in second or ()}
    columns: list[tuple[Words, Format]] = [
        (_PRODUCT[0], "text"),
        (Words("行", "Rows"), "count"),
        *_ELASTICITY,
        (Words("未收缩", "Unshrunk"), "number"),
        (Words("现价", "Price now"), "number"),
    ]
    columns += [(Words("双重学习", "Double learning"), "text")] if also else []
    zh = (
        f"向总体收缩后的弹性和 95% 区间，按销售额排；现价是最后几周的平均。共 {len(products):,} 种，列出前 {SHOWN} 种。"
    )
    en = (
        "Elasticities, drawn to the common one where rows are few, with 95% intervals, by sales. The price now is the"
        f" mean of the last weeks. The first {SHOWN} of {len(products):,}."
    )
    if len(products) <= SHOWN:
        zh, en = zh[: zh.index("共 ")], en[: en.index(" The first")]
    if second is None:
        zh += "没有安装附加组件 `price`，所以没有双重机器学习的旁证。"
        en += " Without the extra `price` there is no second opinion by double machine learning."
    elif also:
        zh += "双重学习：先用树去掉时间、地点和控制变量的影响，再看价格，是对最大几种的旁证。"
        en += " Double learning takes out time, place and controls by trees first: a second opinion on the largest."
    rows = [
        [
            *(one[key] for key in ("product", "rows", "elasticity", "low", "high", "raw", "price")),
            *([_told(also.get(one["product"]))] if also else []),
        ]
        for one in products[:SHOWN]
    ]
    return table(Words("商品", "Products"), Words(zh, en), columns, rows)


def _told(one: Figures | None) -> str | None:
    return None if one is None else f"{one['elasticity']:.2f} ({one['low']:.2f} ~ {one['high']:.2f})"


def _check(check: Figures) -> Figures:
    rows = [
        [words, check[key]["estimate"], check[key]["low"], check[key]["high"]]
        for key, words in (
            ("error", Words("本模型", "This model")),
            ("pooled", Words("所有商品同一弹性", "One elasticity for all")),
            ("no_price", Words("不看价格", "No price")),
            ("difference", Words("本模型减不看价格", "This model less no price")),
            ("difference_to_pooled", Words("本模型减同一弹性", "This model less one for all")),
        )
    ]
    drawn, weeks, n = check["drawn"], check["weeks"], check["rows"]
    return table(
        Words("最后几周的检验", "Held to the last weeks"),
        Words(
            f"对数销量的平均绝对误差：{n:,} 行，最后 {weeks} 周，没有从它们学习；95% 区间由{drawn['zh']}得出。",
            f"Mean absolute error of log quantity on {n:,} rows of the last {weeks} weeks, none of them learned from;"
            f" 95% intervals by {drawn['en']}.",
        ),
        [
            (Words("谁", "Who"), "text"),
            (Words("误差", "Error"), "fine"),
            (Words("下限", "Low"), "fine"),
            (Words("上限", "High"), "fine"),
        ],
        rows,
    )


def _promotion(model: ModelDef, added: Mapping[str, Sequence[float]]) -> Figures:
    rows: list[list[Any]] = []
    for i, control in enumerate(model.controls):
        # Where a control does not move there is nothing to tell of it.
        effects = np.expm1([slopes[i] for slopes in added.values() if slopes[i] != 0])
        shown = [None] * 3 if not len(effects) else np.quantile(effects, [0.5, 0.25, 0.75]).tolist()
        rows.append([control, len(effects), *shown])
    return table(
        Words("促销等的作用", "What promotion and the like add"),
        Words(
            "价格不变时，各商品的销量因它多百分之几：中位数，和居中一半商品的范围。",
            "By how much quantity rises with it at the same price: the median over products, and the range of the"
            " middle half of them.",
        ),
        [
            (Words("控制变量", "Control"), "text"),
            (Words("商品", "Products"), "count"),
            (Words("中位数", "Median"), "percent"),
            (Words("下限", "Low"), "percent"),
            (Words("上限", "High"), "percent"),
        ],
        rows,
    )


def _best(best: Sequence[Figures], model: ModelDef) -> Figures:
    zh = (
        f"以弹性推算、对所有人一样的最佳价格：毛利至少占价格的 {model.margin:.0%}，变动至多 {model.most_change:.0%}"
        "；销量和利润是现在的倍数，“受限于”说是什么挡住了更远的价格。折扣是从现价起利润最高的一档。"
    )
    en = (
        f"The best price by the elasticity, one for everybody: at least {model.margin:.0%} of it is left after cost,"
        f" and it changes by {model.most_change:.0%} at most. Quantity and profit are multiples of those now; bound"
        " says what kept it from going farther. The discount is the step below the price now with the most profit."
    )
    return table(
        Words("最佳价格与折扣", "Best prices and discounts"),
        Words(zh + FAIR.zh, f"{en} {FAIR.en}"),
        [
            (_PRODUCT[0], "text"),
            (Words("现价", "Price now"), "number"),
            (Words("成本", "Cost"), "number"),
            (Words("最佳价格", "Best price"), "number"),
            (Words("销量", "Quantity"), "number"),
            (Words("利润", "Profit"), "number"),
            (Words("受限于", "Bound by"), "text"),
            (Words("最佳折扣", "Best discount"), "percent"),
        ],
        [
            [one["product"], one["price"], one["cost"], None, None, None, NO_ANSWER, None]
            if one["why"]
            else [
                *(one[key] for key in ("product", "price", "cost", "best", "quantity", "profit")),
                BOUNDS[one["bound"]],
                one["discount"],
            ]
            for one in best[:SHOWN]
        ],
    )


def _groups(tag: Words, groups: Sequence[Figures]) -> Figures:
    shared = groups[0]["products"] if groups else 0
    zh = f"各群对 {shared:,} 种都常买的商品的平均弹性。人少的群有更多没有卖出的周，弹性因此偏向 0。只供了解：{FAIR.zh}"
    en = (
        f"The mean elasticity over {shared:,} products that all of them buy often. Small groups have more weeks without"
        f" a sale, which draws theirs to 0. To know, not to act on. {FAIR.en}"
    )
    return table(
        Words("各群的差别", "Groups"),
        Words(zh, en),
        [(tag, "text"), (Words("行", "Rows"), "count"), *_ELASTICITY],
        [[one["group"], one["rows"], *([None] * 3 if one["elasticity"] is None else _span(one))] for one in groups],
    )


def _span(one: Figures) -> list[float]:
    value, error = one["elasticity"], one["error"]
    return [value, value - Z * error, value + Z * error]
