"""When and through which channel each member answers: learned from messages sent, judged on the last ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.catalog import Catalog
from gongbi.catalog.scores import by_channel
from gongbi.core import clock
from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.core.rows import row_condition, row_value, rows_query
from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray
from gongbi.estimators.sendtime import SendTimeModel
from gongbi.estimators.stats import position
from gongbi.models.base import Figures, Judgement, Trained, Version, worse
from gongbi.models.plan import check_hold_out, last_day, scored_plan
from gongbi.models.propensity import SEED
from gongbi.models.rivals import beside, fair, mean_interval, side_by_side, told_beside
from gongbi.models.sections import stat, stats, table

#: What versions are compared by.
LOSS = Words("最后的消息上的对数损失", "log loss of the last messages")
#: Fewer messages held out say nothing of hours.
FEWEST_JUDGED = 100
#: The share of messages at hours that promise most, shown beside the others.
LIKELIEST = 0.1
#: Groups that the card shows, the largest first.
SHOWN = 12
#: The basis of an hour that was drawn to learn more.
TRIAL = "trial"
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


def learn(
    model: ModelDef, tables: Mapping[str, pa.Table], as_of: datetime, zone: str, champion: Version | None = None
) -> Trained:
    """Learn from all messages; judge what is learned of those before the last `holdout_days` on the later ones.

    Raises
    ------
    InvalidInput
        Nothing was sent, nothing before the hold-out or through one of `channels`, or nobody answered.
    """
    sent = tables["sent"]
    learned = _fit(sent, _groups(model, tables["now"]))
    first = clock.local_date(pc.min(sent["ts"]).as_py().replace(tzinfo=UTC), zone)
    check_hold_out(model, first, last_day(as_of, zone))
    if strange := [one for one in model.channels if one not in learned.channels_.tolist()]:
        raise InvalidInput(
            f"Nothing was sent through the channel {strange[0]!r}, which `channels` names.",
            hint=f"There are: {', '.join(map(str, learned.channels_.tolist()))}.",
        )
    judged = _judged(model, tables, as_of, fair(champion, model.holdout_days, as_of, zone))
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
        "sections": _sections(model, sent, learned, rate, judged),
        "sentence": told_beside(_sentence(judged, model.holdout_days), judged or {}, LOSS).to_json(),
        "judgement": judgement.to_json(),
    }
    window = {"as_of": as_of.isoformat(), "holdout_days": model.holdout_days}
    params = {"width": learned.width, "day_share": learned.day_share}
    return Trained(model.model, "hours of the week, shrunk", learned.to_json(), metrics, params, window, judgement)


def scores(
    model: ModelDef, artifact: Mapping[str, Any], tables: Mapping[str, pa.Table], as_of: datetime
) -> dict[str, Any]:
    """Per member the best hour and channel, also of those to whom nothing was sent: they have their group's.

    The share `explore` of members is given an hour and channel drawn by Thompson's rule instead. Who and which follow
    from the member and the instant alone.
    """
    kept, sent, now = SendTimeModel.from_json(artifact), tables["sent"], tables["now"]
    _remember(kept, sent)
    members, group = now["id"].to_pylist(), list(_groups(model, now).values())
    own, known = set(sent["id"].to_pylist()), set(kept.groups_.tolist())
    asked = np.array([member in own for member in members], dtype=bool)
    # Those to whom nothing was sent are alike within a group: each group is asked about once.
    names, of = np.unique(np.array(group, dtype=object)[~asked], return_inverse=True)
    themselves = kept.best_in_each(
        [members[i] for i in np.flatnonzero(asked)], [group[i] for i in np.flatnonzero(asked)]
    )
    newcomers = kept.best_in_each([None] * len(names), names.tolist())
    shape = (len(members), len(kept.channels_))
    hours, chances = np.empty(shape, dtype=np.int64), np.empty(shape)
    for values, theirs, groups_ in zip((hours, chances), themselves, newcomers, strict=True):
        values[asked], values[~asked] = theirs, groups_[of]
    row, best = np.arange(len(members)), chances.argmax(axis=1)
    channel, hour, chance = kept.channels_[best].astype(object), hours[row, best], chances[row, best]
    basis = np.array(
        [
            "own" if a else "group" if model.groups and g in known else "everybody"
            for a, g in zip(asked, group, strict=True)
        ],
        dtype=object,
    )
    tried, seeds = _tried(model, members, as_of)
    whom = [members[i] if asked[i] else None for i in tried]
    channel[tried], hour[tried], chance[tried] = kept.draw_each(whom, seeds, [group[i] for i in tried])
    basis[tried] = TRIAL
    place = {name: c for c, name in enumerate(kept.channels_.tolist())}
    return {
        "id": now["id"],
        "weekday": pa.array(hour // 24 + 1, pa.int64()),
        "hour": pa.array(hour % 24, pa.int64()),
        **({"channel": pa.array(channel.astype(str), pa.string())} if model.channel else {}),
        "chance": pa.array(chance, pa.float64()),
        "basis": pa.array(basis.tolist(), pa.string()),
        # Of a channel that the kept version never learned from, nothing is known.
        **{
            by_channel(one): pa.array(chances[:, place[one]]) if one in place else pa.nulls(len(members), pa.float64())
            for one in model.channels
        },
    }


def _tried(model: ModelDef, members: Sequence[Any], as_of: datetime) -> tuple[list[int], list[int]]:
    """The places of those who are given a drawn hour, and what each draw is seeded by."""
    if not model.explore:
        return [], []
    salt, draw = as_of.isoformat(), f"model.{model.model}"
    tried = [i for i, member in enumerate(members) if position(draw, member, salt) < model.explore]
    return tried, [int(position(f"{draw}.hour", members[i], salt) * 2**53) for i in tried]


def compare(
    model: ModelDef, tables: Mapping[str, pa.Table], as_of: datetime, zone: str, versions: Sequence[Version]
) -> tuple[Figures, list[Figures]]:
    """Kept versions on the last messages; ``loss`` is minus the mean log-likelihood of the answers.

    Raises
    ------
    InvalidInput
        Too few messages in the last `holdout_days`.
    """
    before, after = _parted(model, tables, as_of)
    if len(after) < FEWEST_JUDGED:
        raise InvalidInput(
            f"Only {len(after)} messages in the last {model.holdout_days} days: too few to compare versions by.",
            hint="Give the model a longer `holdout_days`.",
        )
    group_of = _groups(model, tables["then"])
    kept = [_reminded(one, before) for one in versions]
    # Versions are asked about the same messages: those in channels that all of them know.
    after = _in_channels(after, set.intersection(*(set(one.channels_.tolist()) for one in kept)))
    losses = [-_likelihood(_foretold(one, after, group_of)[0], _yes(after)) for one in kept]
    fairly = [fair(one, model.holdout_days, as_of, zone) is not None for one in versions]
    told = {"days": model.holdout_days, "messages": len(after), "loss": "log loss"}
    return told, side_by_side(versions, losses, fairly, _units(after))


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
        raise InvalidInput(
            "Nothing was sent, so no hour can be learned.",
            hint="Load its source with `gongbi ingest`, or look at `fact` and `where`.",
        )
    who = sent["id"].to_pylist()
    return SendTimeModel(seed=SEED).fit(
        who,
        sent["hour"].to_pylist(),
        _yes(sent),
        channels=sent["channel"].to_pylist(),
        groups=[group_of.get(one, "") for one in who],
    )


def _remember(kept: SendTimeModel, sent: pa.Table) -> None:
    kept.remember(sent["id"].to_pylist(), sent["hour"].to_pylist(), _yes(sent), sent["channel"].to_pylist())


def _reminded(version: Version, before: pa.Table) -> SendTimeModel:
    """A kept version that knows of single customers what was known before the last messages."""
    kept = SendTimeModel.from_json(version.artifact)
    _remember(kept, before)
    return kept


def _parted(model: ModelDef, tables: Mapping[str, pa.Table], as_of: datetime) -> tuple[pa.Table, pa.Table]:
    """The messages before the last `holdout_days`, and those within them."""
    sent = tables["sent"]
    since = np.datetime64(_cut(model, as_of).replace(tzinfo=None), "us")
    late = sent["ts"].to_numpy(zero_copy_only=False).astype("datetime64[us]") >= since
    return sent.filter(pa.array(~late)), sent.filter(pa.array(late))


def _in_channels(sent: pa.Table, channels: Collection[str]) -> pa.Table:
    return sent.filter(pc.is_in(sent["channel"], pa.array(sorted(channels), sent["channel"].type)))


def _foretold(fitted: SendTimeModel, sent: pa.Table, group_of: Mapping[Any, str]) -> tuple[FloatArray, FloatArray]:
    """The chance of each answer at its hour, and by the member's rate in its channel."""
    who = sent["id"].to_pylist()
    groups = [group_of.get(one, "") for one in who]
    return fitted.foretell(who, sent["hour"].to_pylist(), sent["channel"].to_pylist(), groups)


def _units(sent: pa.Table) -> IntArray:
    """The number of each message's member: messages to one member go together, so members are drawn."""
    return np.asarray(np.unique(np.asarray(sent["id"].to_pylist()).astype(str), return_inverse=True)[1], dtype=np.int64)


def _judged(
    model: ModelDef, tables: Mapping[str, pa.Table], as_of: datetime, champion: Version | None
) -> Figures | None:
    """How much better hours foretell the last answers than each member's rate alone; None where too few are left."""
    before, after = _parted(model, tables, as_of)
    after = _in_channels(after, set(before["channel"].to_pylist()))
    if len(after) < FEWEST_JUDGED or not _yes(before).any():
        return None
    group_of = _groups(model, tables["then"])
    by_hour, plain = _foretold(_fit(before, group_of), after, group_of)
    yes, unit = _yes(after), _units(after)
    best = by_hour >= np.quantile(by_hour, 1 - LIKELIEST)
    found: Figures = {
        "messages": len(after),
        "members": int(unit.max()) + 1,
        "gain": mean_interval(_likelihood(by_hour, yes) - _likelihood(plain, yes), unit),
        "likeliest": float(yes[best].mean()),
        "others": float(yes[~best].mean()) if (~best).any() else None,
    }
    if champion is not None:
        rival = _reminded(champion, before)
        both = np.isin(np.asarray(after["channel"].to_pylist()), rival.channels_)
        if both.any():
            theirs = _likelihood(_foretold(rival, after.filter(pa.array(both)), group_of)[0], yes[both])
            own = _likelihood(by_hour[both], yes[both])
            found["champion"] = beside(champion, -own, -theirs, np.unique(unit[both], return_inverse=True)[1])
    return found


def _likelihood(chance: FloatArray, yes: NDArray[np.bool_]) -> FloatArray:
    p = np.clip(chance, 1e-6, 1 - 1e-6)
    return np.where(yes, np.log(p), np.log1p(-p))


def _judge(judged: Figures | None, days: int) -> Judgement:
    if judged is None:
        return Judgement(
            False,
            Words(f"最后 {days} 天的消息太少，无法检验。", f"Too few messages in the last {days} days to judge it by."),
        )
    if (waits := worse(judged, LOSS)) is not None:
        return waits
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


def _sections(
    model: ModelDef, sent: pa.Table, learned: SendTimeModel, rate: float, judged: Figures | None
) -> list[Figures]:
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
            stat(Words("给试探时段的成员", "Members given a trial hour"), model.explore, "percent"),
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
