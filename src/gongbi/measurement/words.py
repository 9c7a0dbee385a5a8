"""A measurement told in sentences, in Chinese and English: the figures, and what they can and cannot prove."""

from __future__ import annotations

from gongbi.catalog.base import Words
from gongbi.estimators.stats import Interval
from gongbi.measurement.base import LEVEL, UNBALANCED, Comparison, Measurement, Overlap

#: Shares of receivers left out of the comparison above this are pointed out.
MANY_DROPPED = 0.1


def sentences(measured: Measurement, overlap: Overlap | None) -> list[Words]:
    """Tell a measurement; the order goes from what was counted over what was estimated to what stays open."""
    return [
        *_reach(measured),
        *_effect(measured),
        *_placebo(measured),
        *_balance(measured),
        *_limits(measured),
        *(_overlap(overlap) if overlap else []),
    ]


def _percent(interval: Interval) -> str:
    return f"{interval.estimate:.1%} ({interval.low:.1%} – {interval.high:.1%})"


def _amount(interval: Interval, unit: str | None) -> str:
    tail = f" {unit}" if unit else ""
    return f"{interval.estimate:+,.2f}{tail} ({interval.low:+,.2f} – {interval.high:+,.2f})"


def _reach(measured: Measurement) -> list[Words]:
    first, last = measured.funnel[0], measured.funnel[-1]
    rate = _percent(measured.response)
    found = [
        Words(
            f"{measured.known:,} 位已知客户中，{first.count:,} 位收到了活动；其中 {last.alone:,} 位响应：{rate}。",
            f"{first.count:,} of {measured.known:,} known customers received the campaign; "
            f"{last.alone:,} of them responded: {rate}.",
        )
    ]
    if last.alone != last.count:
        found.append(
            Words(
                f"其中 {last.alone - last.count:,} 位响应者没有走过漏斗里的某一步，漏斗因此以 {last.count:,} 位结束。",
                f"{last.alone - last.count:,} of those who responded are not seen at some earlier step, so the funnel "
                f"ends with {last.count:,}.",
            )
        )
    return found


def _effect(measured: Measurement) -> list[Words]:
    found, unit = measured.comparison.found, measured.unit
    if found is None:
        assert measured.comparison.why_not is not None
        return [measured.comparison.why_not]
    amount, naive = _amount(found.effect, unit), _amount(measured.naive, unit)
    direction, others = _direction(found.effect), measured.known - measured.funnel[0].count
    words = [
        Words(
            f"不做匹配，收到者在活动期内与未收到的 {others:,} 位已知客户人均相差 {naive}："
            "这主要反映名单选了谁，而不是活动改变了什么。",
            f"Without matching, receivers differ from the {others:,} known customers who did not receive it by {naive} "
            "each in the campaign's period: that mostly shows who was put on the list, not what the campaign changed.",
        ),
        Words(
            f"与 {found.control_matched:,} 位相似的未收到者相比，"
            f"{found.treated_matched:,} 位收到者的人均变化相差 {amount}；{direction.zh}",
            f"Compared with {found.control_matched:,} similar customers who did not receive it, the change of "
            f"{found.treated_matched:,} receivers differs by {amount} each; {direction.en}",
        ),
    ]
    if found.treated_dropped > MANY_DROPPED * (found.treated_dropped + found.treated_matched):
        words.append(
            Words(
                f"注意：{found.treated_dropped:,} 位收到者找不到相似的未收到者，估计不涉及他们。",
                f"Note: {found.treated_dropped:,} receivers had nobody like them among the others; "
                "the estimate says nothing about them.",
            )
        )
    return words


def _direction(interval: Interval) -> Words:
    if interval.low > 0:
        return Words("区间在零以上。", "the interval lies above zero.")
    if interval.high < 0:
        return Words("区间在零以下。", "the interval lies below zero.")
    return Words("区间包含零：看不出变化。", "the interval holds zero: no change can be told from chance.")


def _placebo(measured: Measurement) -> list[Words]:
    found, unit = measured.placebo.found, measured.unit
    if found is None:
        return [
            Words(
                "没有足够的数据在上一个时期做同样的比较（安慰剂检验），所以无法检验这一方法。",
                "There are too few data to repeat the comparison one period earlier (placebo): nothing was checked.",
            )
        ]
    amount = _amount(found.effect, unit)
    if measured.placebo_near_zero:
        wide = found.effect.high - found.effect.low
        return [
            Words(
                f"安慰剂检验：活动之前一个时期的同样比较得到 {amount}，与零一致；"
                f"区间宽 {wide:,.2f}，更小的偏差看不出来。",
                f"Placebo: the same comparison a period earlier, before the campaign reached anybody, gives {amount}, "
                f"consistent with zero; a bias smaller than the interval's width of {wide:,.2f} would not show.",
            )
        ]
    effect = measured.comparison.found
    size = ""
    if effect is not None and effect.effect.estimate:
        size = f"{abs(found.effect.estimate / effect.effect.estimate):.0%}"
    return [
        Words(
            f"警告：安慰剂检验没有通过。活动之前一个时期的同样比较得到 {amount}，本应接近零"
            + (f"（相当于所估效果的 {size}）" if size else "")
            + "。收到者与匹配的客户在活动之前就走势不同（或名单正是按那一时期的表现挑选的），"
            "上面的差异不能当作活动的效果。",
            f"WARNING: the placebo check failed. The same comparison one period earlier, before this campaign "
            f"reached anybody, gives {amount} where it should be near zero"
            + (f" ({size} of the estimated effect in size)" if size else "")
            + ". Receivers and their matches were moving apart before the campaign (or the list was chosen by what "
            "customers did in that very period); the difference above must not be read as the campaign's effect.",
        )
    ]


def _balance(measured: Measurement) -> list[Words]:
    found: Comparison = measured.comparison
    if found.found is None:
        return []
    if not found.unbalanced:
        worst = max((abs(b.before) for b in found.found.balance), default=0.0)
        return [
            Words(
                f"匹配后各列的标准化差异都在 {UNBALANCED} 以内（匹配前最大为 {worst:.2f}）；没有记录的差别仍可能存在。",
                f"After matching every column differs by at most {UNBALANCED} standard deviations (at most {worst:.2f} "
                "before); differences that were not recorded may remain.",
            )
        ]
    listed = ", ".join(f"{b.column} {b.after:+.2f}" for b in found.unbalanced)
    return [
        Words(
            f"匹配后仍不平衡（标准化差异超过 {UNBALANCED}）：{listed}；估计中做了线性校正，但校正未必充分。",
            f"Still unbalanced after matching (beyond {UNBALANCED} standard deviations): {listed}; the estimate "
            "corrects for them by a straight line, which may not be enough.",
        )
    ]


def _limits(measured: Measurement) -> list[Words]:
    words = [
        Words(
            "这不是随机试验：名单由商家挑选，偏向好客户。"
            "只有当相似的客户若没有活动也会同样变化时，差异才等于效果，而数据无法证明这一点。",
            "This was no experiment: the mailing list was chosen by the sender, for its good customers. The difference "
            "is the effect only if like customers would have changed alike without the campaign; no data here can "
            "prove that.",
        ),
        Words(
            "未收到者可能从家人邻居处得知活动，或同时收到别的活动（溢出）；这会使差异偏小或偏大。",
            "Those who did not receive it may have heard of it from others, or received other campaigns at the same "
            "time (spill-over); that can make the difference smaller or larger than the effect.",
        ),
        Words(
            "决策中的对照组只是事后演算：活动当时没有留出任何人，所以它不能用来证明效果。"
            "下次发送前先留出对照组，才能证明。",
            "The hold-out of the decision is counterfactual: nobody was really held out, so it proves nothing about "
            "this campaign. Holding some back before the next one is sent would.",
        ),
    ]
    estimated = sum(part.comparison.found is not None for part in measured.by)
    if estimated > 1:
        words.append(
            Words(
                f"分群结果有 {estimated} 个区间，各自 {LEVEL:.0%}：即使处处无效果，"
                "约每二十个也会有一个不含零，宜作线索而非结论。",
                f"The split shows {estimated} intervals of {LEVEL:.0%} each: without any effect about one in twenty "
                "would miss zero, so they are leads, not findings.",
            )
        )
    return words


def _overlap(found: Overlap) -> list[Words]:
    chosen, rest = found.chosen_rate, found.rest_rate
    if not found.chosen_received:
        return [
            Words(
                f"决策选出的 {found.chosen:,} 位都不在真实名单上，无从比较其响应。",
                f"None of the {found.chosen:,} chosen by the decision had been on the real list.",
            )
        ]
    zh = (
        f"决策选出的 {found.chosen:,} 位中 {found.chosen_received:,} 位在真实名单上，"
        f"其中 {found.chosen_responded:,} 位响应：{_percent(chosen)}。"
    )
    en = (
        f"Of the {found.chosen:,} chosen by the decision {found.chosen_received:,} had been on the real list, and "
        f"{found.chosen_responded:,} of these responded: {_percent(chosen)}."
    )
    if found.rest_received:
        zh += f"名单上其余 {found.rest_received:,} 位中 {found.rest_responded:,} 位响应：{_percent(rest)}。"
        en += f" Of the other {found.rest_received:,} on it {found.rest_responded:,} did: {_percent(rest)}."
    words = [Words(zh, en)]
    missed = found.chosen - found.chosen_received
    words.append(
        Words(
            f"选出的另外 {missed:,} 位当时没有收到活动，他们会不会响应无从得知；响应率高也不等于销售被活动改变。",
            f"The other {missed:,} chosen received nothing then, so whether they would have responded is unknown; and "
            "a higher response rate does not mean that more was changed.",
        )
    )
    return words
