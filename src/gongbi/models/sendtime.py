"""When and through which channel each member answers: learned from messages sent, judged on the last ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.catalog import Catalog
from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.core.rows import row_condition, row_value, rows_query
from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.sendtime import SendTimeModel
from gongbi.estimators.stats import bootstrap_interval
from gongbi.models.base import Figures, Judgement, Trained
from gongbi.models.plan import scored_plan
from gongbi.models.propensity import SEED, interval_json
from gongbi.models.sections import stat, stats, table

RESAMPLES = 1000
#: Fewer messages held out say nothing of hours.
FEWEST_JUDGED = 100
#: The share of messages at hours that promise most, shown beside the others.
LIKELIEST = 0.1
#: Groups that the card shows, the largest first.
SHOWN = 12
#: The channel of messages where the model names none.
ONLY_ONE = ""
DAYS = tuple(
    Words(f"星期{zh}", en)
    for zh, en in zip("一二三四五六日", "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(), strict=True)
)


def plans(model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime, learning: bool) -> dict[str, Plan]:
    """The messages sent, and everybody with their group as of the instant; to learn, their group at the cut too.

    Grain of ``sent``: one row per message, with ``id``, ``ts``, ``hour`` (of the week, Monday 0:00 being 0, in the
    workspace's zone), ``answered`` and ``channel``.
    """
    world, fact = catalog.world, model.fact or ""
    texts = {"ts": f"{fact}.ts", "day": f"weekday({fact}.ts)", "hour": f"hour({fact}.ts)"}
    texts |= {"channel": model.channel} if model.channel else {}
    columns = {name: row_value(fact, text, world, model.subject) for name, text in texts.items()}
    answered = row_condition(fact, model.answered or "", world, model.subject)
    assert answered is not None
    columns["answered"] = answered
    where = row_condition(fact, model.where or "", world, model.subject)
    channel = f"cast(channel as {dialect.types['text']})" if model.channel else f"'{ONLY_ONE}'"
    sent = (
        Plan()
        .then("_rows", rows_query(fact, columns, where, model.subject, as_of, world, dialect))
        .then(
            "_sent",
            f"select _m as id, ts, 24 * (day - 1) + hour as hour, coalesce(answered, false) as answered,"
            f" {channel} as channel from _rows" + (" where channel is not null" if model.channel else ""),
        )
        # In an order of its own, so that sums do not hang on threads.
        .then("sent", "select * from _sent order by id, ts, hour, channel, answered")
    )
    everybody = replace(model, score=None, population=None)
    found = {"sent": sent, "now": scored_plan(everybody, model.groups, catalog, dialect, as_of, {})}
    if learning:
        found["then"] = scored_plan(everybody, model.groups, catalog, dialect, _cut(model, as_of), {})
    return found


def learn(model: ModelDef, tables: Mapping[str, pa.Table], as_of: datetime) -> Trained:
    """Learn from all messages; judge what is learned of those before the last `holdout_days` on the later ones.

    Raises
    ------
    InvalidInput
        Nothing was sent, or nobody answered.
    """
    sent = tables["sent"]
    learned = _fit(sent, _groups(model, tables["now"]))
    judged = _judged(model, tables, as_of)
    judgement = _judge(judged, model.holdout_days)
    rate = float(np.mean(sent["answered"].to_pylist()))
    metrics: Figures = {
        "headline": {"messages": len(sent), "answered": rate, **({"gain": judged["gain"]} if judged else {})},
        "members": len(set(sent["id"].to_pylist())),
        "messages": len(sent),
        "answered": rate,
        "group_trials": learned.group_trials_,
        "customer_trials": learned.customer_trials_,
        "check": judged,
        "sections": _sections(sent, learned, rate, judged),
        "sentence": _sentence(judged, model.holdout_days).to_json(),
        "judgement": judgement.to_json(),
    }
    window = {"as_of": as_of.isoformat(), "holdout_days": model.holdout_days}
    params = {"width": learned.width, "day_share": learned.day_share}
    return Trained(model.model, "hours of the week, shrunk", learned.to_json(), metrics, params, window, judgement)


def scores(model: ModelDef, artifact: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> dict[str, Any]:
    """Per member the best hour and channel, also of those to whom nothing was sent: they have their group's."""
    kept, sent, now = SendTimeModel.from_json(artifact), tables["sent"], tables["now"]
    group_of = _groups(model, now)
    kept.remember(sent["id"].to_pylist(), sent["hour"].to_pylist(), _yes(sent), sent["channel"].to_pylist())
    own, known = set(sent["id"].to_pylist()), set(kept.groups_.tolist())
    of_group: dict[str, tuple[Any, int, float]] = {}
    best, basis = [], []
    for member in now["id"].to_pylist():
        group = group_of[member]
        if member in own:
            best.append(kept.best(member, group, most=1)[0])
            basis.append("own")
            continue
        if group not in of_group:
            of_group[group] = kept.best(None, group, most=1)[0]
        best.append(of_group[group])
        basis.append("group" if model.groups and group in known else "everybody")
    return {
        "id": now["id"],
        "weekday": pa.array([hour // 24 + 1 for _, hour, _ in best], pa.int64()),
        "hour": pa.array([hour % 24 for _, hour, _ in best], pa.int64()),
        **({"channel": pa.array([str(name) for name, _, _ in best], pa.string())} if model.channel else {}),
        "chance": pa.array([chance for _, _, chance in best], pa.float64()),
        "basis": pa.array(basis, pa.string()),
    }


def _cut(model: ModelDef, as_of: datetime) -> datetime:
    return as_of - timedelta(days=model.holdout_days)


def _groups(model: ModelDef, members: pa.Table) -> dict[Any, str]:
    """Member → the value of the group's tag as a text, empty where it is absent or there is none."""
    if not model.groups:
        return dict.fromkeys(members["id"].to_pylist(), "")
    values = members[model.groups[0]].to_pylist()
    return {m: "" if v is None else str(v) for m, v in zip(members["id"].to_pylist(), values, strict=True)}


def _yes(sent: pa.Table) -> NDArray[np.bool_]:
    return np.array(sent["answered"].to_pylist(), dtype=bool)


def _fit(sent: pa.Table, group_of: Mapping[Any, str]) -> SendTimeModel:
    if not len(sent):
        raise InvalidInput("Nothing was sent, so no hour can be learned.", hint="Look at `fact` and `where`.")
    who = sent["id"].to_pylist()
    return SendTimeModel(seed=SEED).fit(
        who,
        sent["hour"].to_pylist(),
        _yes(sent),
        channels=sent["channel"].to_pylist(),
        groups=[group_of.get(one, "") for one in who],
    )


def _judged(model: ModelDef, tables: Mapping[str, pa.Table], as_of: datetime) -> Figures | None:
    """How much better hours foretell the last answers than each member's rate alone; None where too few are left."""
    sent = tables["sent"]
    since = np.datetime64(_cut(model, as_of).replace(tzinfo=None), "us")
    late = sent["ts"].to_numpy(zero_copy_only=False).astype("datetime64[us]") >= since
    before, after = sent.filter(pa.array(~late)), sent.filter(pa.array(late))
    channels = set(before["channel"].to_pylist())
    after = after.filter(pa.array([one in channels for one in after["channel"].to_pylist()], pa.bool_()))
    if len(after) < FEWEST_JUDGED or not _yes(before).any():
        return None
    group_of = _groups(model, tables["then"])
    fitted = _fit(before, group_of)
    place = {name: c for c, name in enumerate(fitted.channels_.tolist())}
    hour, channel = after["hour"].to_pylist(), after["channel"].to_pylist()
    by_hour, plain = np.empty(len(after)), np.empty(len(after))
    who = after["id"].to_pylist()
    curves: dict[Any, tuple[FloatArray, dict[Any, float]]] = {}
    for i, member in enumerate(who):
        if member not in curves:
            group = group_of.get(member, "")
            curves[member] = fitted.curve(member, group), fitted.channel_rates(member, group)
        curve, rates = curves[member]
        by_hour[i], plain[i] = curve[place[channel[i]], hour[i]], rates[channel[i]]
    yes = _yes(after)
    gain = _likelihood(by_hour, yes) - _likelihood(plain, yes)
    # Messages to one member go together, so members are drawn.
    names, unit = np.unique(np.asarray(who).astype(str), return_inverse=True)
    total, size = np.bincount(unit, weights=gain), np.bincount(unit)
    found = bootstrap_interval(lambda t, n: float(t.sum() / n.sum()), total, size, seed=SEED, resamples=RESAMPLES)
    best = by_hour >= np.quantile(by_hour, 1 - LIKELIEST)
    return {
        "messages": len(after),
        "members": len(names),
        "gain": interval_json(found),
        "likeliest": float(yes[best].mean()),
        "others": float(yes[~best].mean()) if (~best).any() else None,
    }


def _likelihood(chance: FloatArray, yes: NDArray[np.bool_]) -> FloatArray:
    p = np.clip(chance, 1e-6, 1 - 1e-6)
    return np.where(yes, np.log(p), np.log1p(-p))


def _judge(judged: Figures | None, days: int) -> Judgement:
    if judged is None:
        return Judgement(
            False,
            Words(f"最后 {days} 天的消息太少，无法检验。", f"Too few messages in the last {days} days to judge it by."),
        )
    if judged["gain"]["high"] < 0:
        return Judgement(
            False,
            Words(
                "在最后的消息上，按时段的预测比每人的平均回应率差，区间不含 0。",
                "On the last messages the hours foretell worse than each member's rate, with an interval without 0.",
            ),
        )
    return Judgement(
        True,
        Words(
            "在最后的消息上，按时段的预测不差于每人的平均回应率。",
            "On the last messages the hours are not shown to foretell worse than each member's rate.",
        ),
    )


def _sentence(judged: Figures | None, days: int) -> Words:
    if judged is None:
        return Words("没有可检验的。", "There was nothing to check.")
    gain = judged["gain"]
    sure = Words("时段确有作用", "the hour matters") if gain["low"] > 0 else Words("未能证明时段有作用", "not shown")
    return Words(
        f"最后 {days} 天的 {judged['messages']:,} 条消息：与只看每人回应率相比，加上时段后每条的对数似然变化"
        f" {gain['estimate']:+.4f}（{gain['low']:+.4f} ~ {gain['high']:+.4f}）：{sure.zh}。",
        f"On the {judged['messages']:,} messages of the last {days} days hours change the log-likelihood of each by"
        f" {gain['estimate']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f}) beside each member's rate: {sure.en}.",
    )


def _sections(sent: pa.Table, learned: SendTimeModel, rate: float, judged: Figures | None) -> list[Figures]:
    sizes = dict(zip(learned.groups_.tolist(), learned.group_sent_.tolist(), strict=True))
    largest = sorted(sizes, key=lambda name: (-sizes[name], str(name)))[:SHOWN]
    rows: list[list[Any]] = []
    for group, shown in [(None, Words("所有人", "Everybody")), *((g, g) for g in largest if g != "")]:
        channel, hour, chance = learned.best(None, group, most=1)[0]
        rows.append([shown, str(channel), DAYS[hour // 24], f"{hour % 24}:00", chance])
    return [
        stats(
            stat(Words("消息", "Messages"), len(sent), "count"),
            stat(Words("得到回应", "Answered"), rate, "percent"),
            stat(
                Words("最可能的一成消息的回应", "Answered of the likeliest tenth"),
                judged["likeliest"] if judged else None,
                "percent",
            ),
            stat(Words("其余的回应", "Answered of the others"), judged["others"] if judged else None, "percent"),
        ),
        table(
            Words("最佳时段", "Best hours"),
            Words("新客按所在组，没有组的按所有人。", "Newcomers have those of their group, or everybody's."),
            [
                (Words("组", "Group"), "text"),
                (Words("渠道", "Channel"), "text"),
                (Words("星期", "Day"), "text"),
                (Words("小时", "Hour"), "text"),
                (Words("回应率", "Answer rate"), "percent"),
            ],
            rows,
        ),
    ]
