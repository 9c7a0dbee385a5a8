"""Who belongs together along a relation, and what each member is in their circle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.catalog import Catalog
from gongbi.core import expr as ir
from gongbi.core.compiler import compile_members
from gongbi.core.dialect import Dialect
from gongbi.core.language import check_expression
from gongbi.core.plan import Plan
from gongbi.errors import InvalidInput
from gongbi.estimators.checks import IntArray
from gongbi.estimators.graph.circles import Circles
from gongbi.estimators.graph.network import Network, network
from gongbi.estimators.graph.roles import roles
from gongbi.estimators.graph.ties import households, referral_value
from gongbi.models.base import Figures, Judgement, Trained
from gongbi.models.plan import request_of, with_used
from gongbi.models.sections import drawn, stat, stats, table

FORMAT = 1
SEED = 20170101
#: Seeds whose circles are held against each other, and networks with ties dealt anew that say what chance gives.
AGAIN = 5
#: So many circles are listed, and drawn.
SHOWN = 25
#: Circles of fewer members are pairs and hermits, not told one by one.
FEWEST = 3


def ties_plan(model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime) -> Plan:
    """The pairs of the relation that hold at an instant.

    Grain: one row per pair and span. Columns: ``from_id``, ``to_id``, ``weight``, 1 where the model names no column.
    """
    relation, quote, now = catalog.world.relation(model.relation or ""), dialect.ident, dialect.literal(as_of)
    weight = f"cast({quote(model.weight)} as {dialect.types['double']})" if model.weight else "1.0"
    return Plan().then(
        "ties",
        f"select from_id, to_id, {weight} as weight from {quote(relation.table)}"
        f" where (valid_from is null or valid_from < {now}) and (valid_to is null or valid_to >= {now})"
        f" and from_id is not null and to_id is not null and coalesce({weight}, 0) > 0",
    )


def traits_plan(model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime) -> Plan:
    """What is asked of members: ``id``, and ``rival``, ``worth``, ``key_0``… where the model names them."""
    asked = {"rival": model.rival, "worth": model.worth} | {f"key_{i}": key for i, key in enumerate(model.keys)}
    read = {
        name: check_expression(text, catalog.world, model.subject, place=model.place)
        for name, text in asked.items()
        if text is not None
    }
    needed = sorted({tag for expr in read.values() for tag in ir.tags_used(expr)})
    columns = with_used(needed, catalog, model.subject) | {f"_{name}": expr for name, expr in read.items()}
    plan = compile_members(request_of(model.subject, columns, as_of), catalog.world, dialect)
    listed = "".join(f", {dialect.ident(f'_{name}')} as {name}" for name in read)
    return plan.then("_traits", f"select id{listed} from _result order by id")


def learn(model: ModelDef, tables: Mapping[str, pa.Table], as_of: datetime) -> Trained:
    """Find circles, and say how clear they are: against chance, and against other seeds.

    Raises
    ------
    InvalidInput
        The relation has no pair that holds at the instant.
    """
    from sklearn.metrics import normalized_mutual_info_score

    net = _network(model, tables)
    found = Circles(seed=SEED).fit(net)
    others = [Circles(seed=SEED + k).fit(net).labels_ for k in range(1, AGAIN + 1)]
    stability = float(np.mean([normalized_mutual_info_score(found.labels_, labels) for labels in others]))
    chance = float(np.mean([_by_chance(net, SEED + k) for k in range(AGAIN)]))
    told = _told(model, tables, net, found.labels_)
    circles = _circle_figures(net, found.labels_, told)
    real = int((found.sizes_ >= FEWEST).sum())
    judgement = _judge(found.modularity_, chance)
    metrics: Figures = {
        "headline": {
            "circles": real,
            "modularity": round(found.modularity_, 3),
            "modularity_by_chance": round(chance, 3),
            "stability": round(stability, 3),
        },
        "members": len(net.ids),
        "ties": int(net.ties.nnz // 2),
        "circles": circles,
        "sentence": _sentence(real, found.modularity_, chance, stability).to_json(),
        "judgement": judgement.to_json(),
    }
    metrics["sections"] = _sections(model, metrics, net, found.labels_)
    window = {"as_of": as_of.isoformat()}
    params = {"resolution": 1.0, "seed": SEED}
    kept = {"format": FORMAT, "seed": SEED}
    return Trained(model.model, "Leiden", kept, metrics, params, window, judgement)


def score(model: ModelDef, artifact: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> pa.Table:
    """What each member with a tie is: the circles are found again in the ties of the instant, by the same seed."""
    if artifact.get("format") != FORMAT:
        raise InvalidInput(f"The model was written in format {artifact.get('format')}; this is {FORMAT}.")
    net = _network(model, tables)
    labels = Circles(seed=artifact["seed"]).fit(net).labels_
    told = _told(model, tables, net, labels)
    sizes = np.bincount(labels)
    columns: dict[str, Any] = {
        "id": pa.array(net.ids, tables["ties"].schema.field("from_id").type),
        "circle": pa.array(labels + 1, pa.int64()),
        "size": pa.array(sizes[labels], pa.int64()),
        "role": pa.array(told["role"], pa.string()),
        "reach": pa.array(told["reach"], pa.float64()),
    }
    if model.rival is not None:
        columns["rivals"] = pa.array((np.bincount(labels, told["rival"]) / sizes)[labels], pa.float64())
    if model.worth is not None:
        columns["referral"] = pa.array(told["referral"], pa.float64())
    if model.keys:
        home = told["household"]
        columns["household"] = pa.array([None if k < 0 else int(k) + 1 for k in home], pa.int64())
    return pa.table(columns)


def _network(model: ModelDef, tables: Mapping[str, pa.Table]) -> Network:
    ties = tables["ties"]
    if not len(ties):
        raise InvalidInput(
            f"The relation {model.relation!r} has no pair at this instant.",
            hint="Load its source, or choose another instant.",
        )
    one, other = (np.asarray(ties[name].to_pylist()) for name in ("from_id", "to_id"))
    return network(one, other, ties["weight"].to_numpy(zero_copy_only=False))


def _told(model: ModelDef, tables: Mapping[str, pa.Table], net: Network, labels: IntArray) -> dict[str, Any]:
    """Role, reach and what rests on traits, in the order of the network."""
    known = roles(net, labels, seed=SEED)
    found: dict[str, Any] = {"role": known.titles(labels), "reach": known.reach, "within": known.within}
    traits = tables.get("traits")
    if traits is None:
        return found
    place = {member: i for i, member in enumerate(traits["id"].to_pylist())}
    at = [place.get(member) for member in net.ids.tolist()]

    def of(name: str) -> list[Any]:
        values = traits[name].to_pylist()
        return [None if i is None else values[i] for i in at]

    if model.rival is not None:
        found["rival"] = np.array([value is True for value in of("rival")], dtype=float)
    if model.worth is not None:
        worth = np.array([0.0 if value is None else float(value) for value in of("worth")])
        found["referral"] = referral_value(net, worth)
    if model.keys:
        found["household"] = households({key: of(f"key_{i}") for i, key in enumerate(model.keys)})
    return found


def _by_chance(net: Network, seed: int) -> float:
    """Modularity of the circles that are found where everybody has as many ties, and to anybody."""
    rng = np.random.default_rng(seed)
    near, far = net.owners, net.ties.indices
    once = near < far
    dealt = network(near[once], rng.permutation(far[once]), net.ties.data[once])
    found: float = Circles(seed=seed).fit(dealt).modularity_
    return found


def _circle_figures(net: Network, labels: IntArray, told: Mapping[str, Any]) -> list[Figures]:
    sizes, near, far = np.bincount(labels), net.owners, net.ties.indices
    inside = np.bincount(labels[near], np.where(labels[near] == labels[far], net.ties.data, 0.0))
    strength = np.bincount(labels, net.strength)
    rows = []
    for circle in np.flatnonzero(sizes >= FEWEST)[:SHOWN]:
        mine = np.flatnonzero(labels == circle)
        rows.append(
            {
                "circle": int(circle) + 1,
                "members": int(sizes[circle]),
                "inside": float(inside[circle] / strength[circle]) if strength[circle] else None,
                "core": str(net.ids[mine[told["within"][mine].argmax()]]),
                "bridges": sum(told["role"][i] == "bridge" for i in mine),
                "rivals": float(told["rival"][mine].mean()) if "rival" in told else None,
            }
        )
    return rows


def _judge(reached: float, chance: float) -> Judgement:
    if reached <= chance:
        return Judgement(
            False,
            Words(
                f"模块度 {reached:.2f} 不高于随机连线的 {chance:.2f}：这些关系里看不出圈子。",
                f"The modularity of {reached:.2f} is no higher than the {chance:.2f} of ties dealt at random: no"
                " circles are to be seen in these ties.",
            ),
        )
    return Judgement(
        True,
        Words("圈子比随机连线清楚。", "The circles are clearer than those of ties dealt at random."),
    )


def _sentence(circles: int, reached: float, chance: float, stability: float) -> Words:
    return Words(
        f"{circles} 个三人以上的圈子；模块度 {reached:.2f}，同样多的关系随机连线时为 {chance:.2f}；"
        f"换种子再算，一致性（归一化互信息）{stability:.2f}。",
        f"{circles} circles of three or more; modularity {reached:.2f}, {chance:.2f} where the same ties are dealt at"
        f" random; other seeds agree with them by {stability:.2f} (normalised mutual information).",
    )


def _sections(model: ModelDef, metrics: Figures, net: Network, labels: IntArray) -> list[Figures]:
    head, circles = metrics["headline"], metrics["circles"]
    columns: list[Any] = [
        (Words("圈子", "Circle"), "count"),
        (Words("成员", "Members"), "count"),
        (Words("圈内联系", "Ties inside"), "percent"),
        (Words("圈子核心", "Core member"), "text"),
        (Words("桥梁", "Bridges"), "count"),
    ]
    names = ["circle", "members", "inside", "core", "bridges"]
    if model.rival is not None:
        columns.append((Words("竞争对手占比", "Share of rivals"), "percent"))
        names.append("rivals")
    return [
        stats(
            stat(Words("圈子", "Circles"), head["circles"], "count"),
            stat(Words("模块度", "Modularity"), head["modularity"]),
            stat(Words("随机连线的模块度", "Modularity by chance"), head["modularity_by_chance"]),
            stat(Words("换种子的一致性", "Agreement of other seeds"), head["stability"]),
            stat(Words("成员", "Members"), metrics["members"], "count"),
            stat(Words("关系", "Ties"), metrics["ties"], "count"),
        ),
        _drawing(circles, net, labels),
        table(
            Words("圈子", "Circles"),
            Words("最大的圈子：多大、多紧、谁是核心。", "The largest: how large, how close, and who is at the core."),
            columns,
            [[one[name] for name in names] for one in circles],
        ),
    ]


def _drawing(circles: list[Figures], net: Network, labels: IntArray) -> Figures:
    """The largest circles as dots, and how strongly they are tied to each other."""
    shown = [one["circle"] - 1 for one in circles]
    near, far = labels[net.owners], labels[net.ties.indices]
    links = []
    for i, one in enumerate(shown):
        mine = near == one
        pull = np.bincount(far[mine], net.ties.data[mine], minlength=int(labels.max()) + 1)
        links += [(i, j, float(pull[other])) for j, other in enumerate(shown) if j > i and pull[other] > 0]
    return drawn(
        Words("圈子之间", "Between circles"),
        Words(
            "点越大，成员越多；线越粗，联系越多。",
            "The larger a dot the more members; the thicker a line the more ties.",
        ),
        [(f"{one['circle']}", one["members"]) for one in circles],
        links,
    )
