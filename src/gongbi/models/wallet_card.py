"""What the card of a model of wallets says: in a word, and in tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gongbi.catalog.base import Words
from gongbi.models.base import Figures
from gongbi.models.markets import Markets
from gongbi.models.sections import Format, stat, stats, table

#: What people call a tag with one of its values.
Called = Callable[[str, str], Words]


def sentence(figures: Figures) -> Words:
    """What the figures of the test allow to be said, and what not."""
    gap, seen = figures["difference"], figures["exceeded"]
    if gap["high"] < 0:
        verdict = "比人人用同一钱包更准", "more exact than the same wallet for everybody"
    elif gap["low"] > 0:
        verdict = "不如人人用同一钱包", "less exact than the same wallet for everybody"
    else:
        verdict = "无法断定比人人用同一钱包更准", "not shown to be more exact than the same wallet for everybody"
    should, best = 1 - figures["quantile"], figures["fifths"][0]
    share = f"{figures['share']:.0%}" if figures["share"] is not None else "–"
    then, came = best["then"]["estimate"], best["came_true"]
    turned = f"{came:.0%}" if came is not None else "–"
    return Words(
        f"{figures['cohort']}：{figures['members']:,} 人中 {seen['estimate']:.1%}（{seen['low']:.1%} ~"
        f" {seen['high']:.1%}）花得比同类的分位数多，应为 {should:.0%}；每人分位数损失 {figures['loss']:.2f}，"
        f"人人相同时 {figures['loss_of_the_same']:.2f}：{verdict[0]}。我们占钱包的 {share}。"
        f"潜力最大的五分之一此前每人花 {best['before']:,.0f}，钱包 {best['wallet']:,.0f}，后来花 {then:,.0f}："
        f"潜力的 {turned} 成真，其中一部分只是花得少的人回到常态。潜力是上限的草图，用来选先问谁，不是预测。",
        f"{figures['cohort']}: of {figures['members']:,} members {seen['estimate']:.1%} ({seen['low']:.1%} to"
        f" {seen['high']:.1%}) spent more than their peers' quantile, and {should:.0%} should. Its quantile loss per"
        f" member is {figures['loss']:.2f}, against {figures['loss_of_the_same']:.2f}: {verdict[1]}. We have"
        f" {share} of the wallets. The fifth with the most potential had spent {best['before']:,.0f} each, of a wallet"
        f" of {best['wallet']:,.0f}, and then spent {then:,.0f}: {turned} of the potential came, part of it only since"
        " those who had spent little came back to the usual. Potential is an upper sketch of whom to ask first,"
        " no forecast.",
    )


def sections(figures: Figures, markets: Markets | None, called: Called) -> list[Figures]:
    """Figures in a row, then tables."""
    found = [
        stats(
            stat(Words("花得比分位数多", "Spent more than the quantile"), figures["exceeded"]["estimate"], "percent",
                 figures["exceeded"]),
            stat(Words("应有", "Should be"), 1 - figures["quantile"], "percent"),
            stat(Words("分位数损失", "Quantile loss"), figures["loss"]),
            stat(Words("人人相同的损失", "That of the same for all"), figures["loss_of_the_same"]),
            stat(Words("两者之差", "Difference"), figures["difference"]["estimate"], "number", figures["difference"]),
            stat(Words("我们的份额", "Our share"), figures["share"], "percent"),
        ),
        table(
            Words("潜力会成真吗", "Does potential come true?"),
            Words(
                "按检验时刻的潜力分五组，多的在前，每人金额：钱包由当时所知算出，“后来”是此后一期实际花的。",
                "By fifths of potential at the instant of the test, most first, per member: the wallet is from what was"
                " known then, and what they then spent came over the horizon after it.",
            ),
            [
                (Words("人数", "Members"), "count"),
                (Words("此前花费", "Spent before"), "number"),
                (Words("钱包", "Wallet"), "number"),
                (Words("潜力", "Potential"), "number"),
                (Words("后来花费", "Then spent"), "number"),
                (Words("多花", "More"), "number"),
                (Words("下限", "Low"), "number"),
                (Words("上限", "High"), "number"),
                (Words("占潜力", "Of the potential"), "percent"),
            ],
            [
                [
                    *(one[key] for key in ("members", "before", "wallet", "potential")),
                    *(one["then"]["estimate"], one["more"]["estimate"], one["more"]["low"], one["more"]["high"]),
                    one["came_true"],
                ]
                for one in figures["fifths"]
            ],
        ),
    ]  # fmt: skip
    if (known := figures["known"]) is not None:
        found[0]["items"] += [
            stat(Words("已知钱包的人", "Wallets known"), known["members"], "count"),
            stat(Words("推断 / 实际的钱包", "Wallets said over true"), known["said"] / known["true"], "percent"),
            stat(Words("与实际的秩相关", "Rank correlation with the true"), known["rank_correlation"]),
        ]
    found += _by_level(Words("按人群", "By group"), figures["by_group"], called)
    found += _by_level(Words("公平性（受保护的标签）", "Fairness (protected tags)"), figures["fairness"], called)
    return found + (markets.sections() if markets is not None else [])


def _by_level(title: Words, tags: Mapping[str, Sequence[Figures]], called: Called) -> list[Figures]:
    rows = [(tag, one) for tag, levels in tags.items() for one in levels]
    if not rows:
        return []
    percent: Sequence[tuple[Words, Format]] = [
        (Words("花得比分位数多", "Spent more"), "percent"),
        (Words("下限", "Low"), "percent"),
        (Words("上限", "High"), "percent"),
        (Words("在钱包最高的五分之一里", "Among the highest fifth"), "percent"),
        (Words("与其他人之差", "Less the others"), "percent"),
    ]
    return [
        table(
            title,
            Words(
                "花得比分位数多的人在各组应占同样的比例；右边是钱包最高的五分之一里有多少这组的人。",
                "In each group as many should spend more than the quantile; on the right, which share of its members is"
                " among the fifth with the highest wallets.",
            ),
            [
                (Words("人群", "Group"), "text"),
                (Words("人数", "Members"), "count"),
                (Words("钱包", "Wallet"), "number"),
                (Words("后来花费", "Then spent"), "number"),
                *percent,
            ],
            [
                [
                    *(called(tag, one["level"]), one["members"], one["wallet"], one["spent"]),
                    *(one["exceeded"][end] for end in ("estimate", "low", "high")),
                    *(one["chosen"]["estimate"], one["difference"]["estimate"] if one["difference"] else None),
                ]
                for tag, one in rows
            ],
        )
    ]
