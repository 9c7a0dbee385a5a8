"""`evaluate price`: how sales answer to price, judged by how well sales at other prices are foretold.

The headline is the mean absolute error of log quantity on rows held out. The file's rows are sales of one product in
one unit and period; rows without a sale (or with a price of 0) are left out, and said to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gongbi.catalog.base import Words
from gongbi.errors import InvalidInput
from gongbi.models.evaluation.base import ERROR, MODEL, Chart, Evaluation, Kind, Line, Option, Request
from gongbi.models.evaluation.reading import numbers_of, times_of
from gongbi.models.evaluation.splits import Part, carried_out, splits_for

if TYPE_CHECKING:
    from gongbi.estimators.checks import FloatArray, IntArray
    from gongbi.estimators.price import PriceElasticity

BASELINES = {
    "pooled": Words("所有商品同一弹性", "one elasticity for all products"),
    "no_price": Words("不看价格，只看水平与促销", "levels and promotion, no price"),
}
TITLES: Mapping[str, Any] = {
    "mae_log": (Words("对数销量的平均绝对误差", "Mean absolute error of log quantity"), "low", ERROR),
    "rmse_log": (Words("对数销量的均方根误差", "Root mean squared error of log quantity"), "low", ERROR),
}
#: Products whose elasticities are told; the ones with the most rows.
TOLD = 200
FEWEST = 60
#: Distinct values a control of text may have.
LEVELS = 30


def run(frame: Any, request: Request) -> Evaluation:
    """Judge `PriceElasticity` on sales."""
    data, notes = sales_of(frame, request)
    times = None
    if request.split == "time" and request.time is not None:
        times = times_of(frame, request.time)[data.pop("rows")]
    data.pop("rows", None)
    splits = splits_for(
        request, len(data["quantity"]), times=times, strata=None if times is not None else data["product"]
    )

    def one(parts: tuple[Part, ...], seed: int) -> Mapping[str, Mapping[str, float]]:  # noqa: ARG001 (no chance in it)
        errors: dict[str, list[FloatArray]] = {}
        for part in parts:
            for who, error in errors_of(data, part).items():
                errors.setdefault(who, []).append(error)
        whole = {who: np.concatenate(found) for who, found in errors.items()}
        return {
            "mae_log": {who: float(np.mean(np.abs(error))) for who, error in whole.items()},
            "rmse_log": {who: float(np.sqrt(np.mean(error**2))) for who, error in whole.items()},
        }

    seeds, measures = carried_out(one, request, splits, TITLES)
    model = fitted(data)
    table = sorted(model.table_, key=lambda row: -row["rows"])[:TOLD]
    return Evaluation(
        kind="price",
        model=Words("对数需求，弹性逐层收缩（PriceElasticity）", "log-log demand, elasticities shrunk by level"),
        baselines=BASELINES,
        rows=len(data["quantity"]),
        split=splits.words,
        seeds=seeds,
        measures=measures,
        charts=(chart(table),),
        sentences=sentences(model, table),
        notes=tuple(notes),
        details={"elasticities": table, "overall": model.overall_, "promotion": _promotion(model, data["names"])},
    )


def sales_of(frame: Any, request: Request) -> tuple[dict[str, Any], list[Words]]:
    """Columns of the rows that can be used, and what was done to the file."""
    quantity = numbers_of(frame, request.needed("quantity"))
    if request.text("log") in ("yes", "true", "1", "是"):
        quantity = np.exp(quantity)
    price = numbers_of(frame, request.needed("price"))
    extra, names = controls_of(frame, request.columns("controls"))
    keep = (quantity > 0) & (price > 0) & np.isfinite(quantity) & np.isfinite(extra).all(axis=1)
    notes = []
    for option in ("product", "unit", "segment"):
        if (column := request.text(option)) is not None:
            keep &= frame[column].notna().to_numpy()
    if not keep.all():
        lost = int((~keep).sum())
        notes.append(
            Words(
                f"{lost} 行没有销量、价格或其他值，未用。",
                f"{lost} rows without a sale, a price or another value are left out.",
            )
        )
    if keep.sum() < FEWEST:
        raise InvalidInput(
            f"{int(keep.sum())} rows have a quantity and a price above 0; {FEWEST} are the least to learn from.",
            hint="Give a file with more rows.",
        )
    data: dict[str, Any] = {
        "quantity": quantity[keep],
        "price": price[keep],
        "controls": extra[keep],
        "names": names,
        "rows": np.flatnonzero(keep),
    }
    for option, name in (("product", "product"), ("unit", "unit"), ("segment", "group")):
        column = request.text(option)
        data[name] = np.zeros(int(keep.sum()), dtype=object) if column is None else _texts(frame[column][keep])
    if request.text("product") is None:
        data["product"] = np.full(int(keep.sum()), "all", dtype=object)
    return data, notes


def _texts(values: Any) -> Any:
    shown = [str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in values.tolist()]
    return np.array(shown, dtype=object)


def controls_of(frame: Any, names: Sequence[str]) -> tuple[FloatArray, list[str]]:
    """Numbers as they are; of texts a column per value, but the most frequent."""
    parts, told = [], []
    for name in names:
        column = frame[name]
        if column.dtype.kind in "fiub":
            parts.append(np.asarray(column, dtype=np.float64))
            told.append(name)
            continue
        levels = column.value_counts().index[1:LEVELS]
        for level in levels:
            parts.append(np.asarray(column == level, dtype=np.float64))
            told.append(f"{name} = {level}")
    return (np.column_stack(parts) if parts else np.zeros((len(frame), 0))), told


def fitted(data: Mapping[str, Any], rows: Any = slice(None), product: Any = None) -> PriceElasticity:
    """The model, learned from some rows."""
    from gongbi.estimators.price import PriceElasticity

    products = data["product"] if product is None else product
    return PriceElasticity().fit(
        data["quantity"][rows],
        data["price"][rows],
        products[rows],
        group=data["group"][rows],
        unit=data["unit"][rows],
        controls=data["controls"][rows],
    )


def judged_of(data: Mapping[str, Any], part: Part) -> IntArray:
    """The rows to be judged by; those of products or groups not learned from are judged by nobody."""
    known = np.ones(len(part.judged), dtype=bool)
    for name in ("product", "group"):
        # Not np.isin, which compares texts one by one.
        there = set(data[name][part.learned].tolist())
        known &= np.array([one in there for one in data[name][part.judged].tolist()], dtype=bool)
    return part.judged[known]


def errors_of(data: Mapping[str, Any], part: Part) -> dict[str, FloatArray]:
    """Log quantity less what each foretold, of the rows that `judged_of` has."""
    learned, judged = part.learned, judged_of(data, part)
    y = np.log(data["quantity"])
    model = fitted(data, learned)
    given = {"group": data["group"][judged], "unit": data["unit"][judged], "controls": data["controls"][judged]}
    price, product = data["price"], data["product"]
    found = {MODEL: y[judged] - model.predict(price[judged], product[judged], **given)}
    # The baselines are least squares within the same cells: product and unit.
    cells = np.unique([f"{a}\t{b}" for a, b in zip(product, data["unit"], strict=True)], return_inverse=True)[1]
    for who, columns in (
        ("pooled", np.column_stack([np.log(price), data["controls"]])),
        ("no_price", data["controls"]),
    ):
        found[who] = y[judged] - _plain(cells, columns, y, learned, judged)
    return found


def _plain(cells: Any, columns: FloatArray, y: FloatArray, learned: Any, judged: Any) -> FloatArray:
    size = np.bincount(cells[learned], minlength=int(cells.max()) + 1)

    def means(values: FloatArray) -> FloatArray:
        total = np.bincount(cells[learned], values[learned], minlength=len(size))
        found: FloatArray = np.where(size > 0, total / np.maximum(size, 1), values[learned].mean())
        return found

    level = means(y)
    plain: FloatArray = level[cells[judged]]
    if not columns.shape[1]:
        return plain
    centre = np.column_stack([means(column) for column in columns.T])
    slope = np.linalg.lstsq(columns[learned] - centre[cells[learned]], (y - level[cells])[learned], rcond=None)[0]
    foretold: FloatArray = plain + (columns[judged] - centre[cells[judged]]) @ slope
    return foretold


def _promotion(model: PriceElasticity, names: Sequence[str]) -> dict[str, dict[str, float]]:
    return {str(p): dict(zip(names, added, strict=True)) for p, added in list(model.promotion_.items())[:TOLD]}


def sentences(model: PriceElasticity, table: Sequence[Mapping[str, Any]]) -> tuple[Words, ...]:
    """What may be said of the elasticities."""
    values = [row["elasticity"] for row in table]
    positive = [str(row["product"]) for row in table if row["high"] > 0]
    said = [
        Words(
            f"价格升 1%，销量平均变 {model.overall_:.2f}%；各商品的弹性从 {min(values):.2f} 到 {max(values):.2f}。",
            f"A price 1 % higher changes quantity by {model.overall_:.2f} % on average;"
            f" elasticities from {min(values):.2f} to {max(values):.2f}.",
        )
    ]
    if positive:
        some = ", ".join(positive[:8])
        said.append(
            Words(
                f"以下商品的区间含 0 以上，不能说涨价会少卖：{some}。",
                f"The interval reaches above 0, so no answer to price can be shown, for: {some}.",
            )
        )
    said.append(
        Words(
            "弹性来自历史价格的变动，不是试验：同时影响价格与销量的因素请列为 --controls。",
            "Elasticities come from prices as they moved, not from a trial: name what moves both as --controls.",
        )
    )
    return tuple(said)


def chart(table: Sequence[Mapping[str, Any]]) -> Chart:
    """Elasticities with intervals, of the products with the most rows."""
    shown = table[:20]
    names = [str(row["product"]) + ("" if row["group"] in (0, "0") else f" · {row['group']}") for row in shown]
    line = Line(
        Words("弹性", "Elasticity"),
        names,
        [row["elasticity"] for row in shown],
        [row["low"] for row in shown],
        [row["high"] for row in shown],
    )
    title = Words("各商品的价格弹性", "Price elasticity by product")
    return Chart("elasticities", title, Words("商品", "Product"), Words("弹性", "Elasticity"), (line,), draw="bars")


KIND = Kind(
    name="price",
    title=Words("价格弹性评估", "Evaluation of price"),
    about=Words("评估「销量如何随价格变」：每行一次销售。", "How sales answer to price: a row per sale or period."),
    options=(
        Option("quantity", Words("销量列。", "Column: how many were sold."), required=True),
        Option("price", Words("价格列。", "Column: price of one."), required=True),
        Option("product", Words("商品列。", "Column: the product.")),
        Option("unit", Words("单位列，如门店：水平可不同。", "Column: store or other unit with a level of its own.")),
        Option("segment", Words("客群列：弹性可不同。", "Column: groups whose elasticities may differ.")),
        Option("controls", Words("促销、季节等列。", "Columns: promotion, season …, with commas."), takes="columns"),
        Option("log", Words("yes：销量列已取对数。", "yes where quantity is a logarithm."), takes="text"),
    ),
    run=run,
    splits=("random", "time", "folds"),
)
