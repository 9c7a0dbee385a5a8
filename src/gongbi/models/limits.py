"""What a model cannot be asked to tell, in words, from its own figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.called import tag_title, trait_title
from gongbi.catalog.catalog import Catalog

FEW = 500
#: So many names are told.
NAMED = 5
#: What no figure of a kind can show, however good it is.
OF_KINDS: Mapping[str, Words] = {
    "propensity": Words(
        "分数说明谁更可能，不说明联系谁会改变什么：那要用增益（uplift）模型和对照实验。",
        "The score says who tends to do it, not whom a contact changes: that takes an uplift model and a randomised"
        " trial.",
    ),
    "newcomers": Words(
        "少数人带来大部分价值：用它排序和估总数，不要当作某一个人会花的钱。",
        "A few bring most of the value: order and add up by it, do not read it as what one person will spend.",
    ),
    "wallet": Words(
        "潜力是像的人里花得多的人所花的，不是此人会花的：从不在别处买的人看上去也一样。不得凭钱包给同样的东西定更高的价。",
        "Potential is what those spend who are alike and spend much, not what this member will: somebody who never buys"
        " elsewhere looks the same. A wallet must not set a higher price for the same thing.",
    ),
    "stages": Words(
        "阶段是按购买的节奏定的规则，不是客户说的；转移只说明过去的周期。",
        "Stages are a rule about the rhythm of purchases, not what customers say; transitions tell of past periods.",
    ),
    "contracts": Words(
        "只看合同开始时已知的；说明谁可能离开，不说明挽留谁会有用。",
        "It knows what was known when a contract began; it says who tends to leave, not whom an offer would keep.",
    ),
    "recurring": Words(
        "日期是按以往的节奏推算的：停下来的人，要过了日期才看得出来。",
        "Dates follow the rhythm so far: who has stopped is seen only once a date has passed.",
    ),
    "life_event": Words(
        "哪些购买是迹象由定义说了算；买了是否就意味着此事，数字说明不了。事情的结束不作推断。",
        "The definition says which purchases are signs; whether buying them means the event, the figures cannot show."
        " The end of an event is not told.",
    ),
    "send_time": Words(
        "只从发过消息的时段学习：从未发过的时段是靠邻近时段推的。得到回应不等于多卖出。",
        "It learns from the hours at which something was sent; others lean on those near them. An answer is no sale.",
    ),
    "trait": Words(
        "用已申报的人检验：没有申报的人可能是另一类人。",
        "It is judged by those who declared; those who did not may be of another kind.",
    ),
    "uplift": Words(
        "说的是这次处理、这群人：换一个优惠或换一批人，要再做实验。",
        "It tells of this treatment and these members: another offer, or others, take another trial.",
    ),
    "clusters": Words(
        "分群是描述，不是预测：一群人相像，不等于会有一样的反应。",
        "Clusters describe and foretell nothing: to be alike is not to answer alike.",
    ),
    "texts": Words(
        "情感与心情没有逐条由人核对；反话和含蓄的话常被看错。话题的名字只是它最常见的词。",
        "Sentiment and mood were not checked by people one by one; irony is often misread. A topic's name is no more"
        " than its commonest words.",
    ),
    "circles": Words(
        "只看得见登记在册的关系；边上的人属于哪个圈子会随每次打分变化。",
        "It sees the ties on record alone; to which circle those at the edge belong may change with each scoring.",
    ),
    "price": Words(
        "弹性来自历史价格的变动，不是试验：节日、对手的价格等同时影响价格与销量的，不列为控制变量就混在里面；没有卖出的周看不见。"
        "它写出的标签不得用来向任何人多收钱。",
        "Elasticities come from prices as they moved, not from a trial: what moves price and sales together, such as a"
        " holiday or a rival's price, is in them unless a control says so. Weeks without a sale are not seen. Its tags"
        " must never be used to ask anybody more.",
    ),
}


def limits(
    model: ModelDef, metrics: Mapping[str, Any], drift: Mapping[str, Any] | None, catalog: Catalog
) -> list[dict[str, str]]:
    """The known limits of a version, for its card: what was seen of it, and what was never looked at.

    Tags and their values are said as the `catalog` calls them.
    """
    found: list[Words] = []
    if metrics.get("tests"):
        test = metrics["tests"][-1]
        found += _of_test(test, catalog)
        found += _of_groups(test, catalog)
    if metrics.get("wallet"):
        found += _of_wallets(metrics["wallet"], metrics["tells_spend"], catalog)
    if drift is not None:
        found += _of_drift(drift, catalog)
    if left_out := metrics.get("left_out"):
        names = ", ".join(one["cohort"] for one in left_out)
        found.append(
            Words(
                f"这些批次没有足够的结果可学，已略去：{names}。",
                f"Cohorts with too few outcomes were left out: {names}.",
            )
        )
    tested = metrics["wallet"] if metrics.get("wallet") else (metrics.get("tests") or [{}])[-1]
    if model.estimator in ("propensity", "wallet") and not tested.get("fairness"):
        found.append(
            Words(
                "没有声明受保护的标签，公平性未检验。",
                "No protected tag is declared, so fairness was not looked at.",
            )
        )
    if model.estimator in OF_KINDS:
        found.append(OF_KINDS[model.estimator])
    return [words.to_json() for words in found]


def _listed(names: Sequence[Words]) -> Words:
    """Names one after the other; of many the first."""
    more = Words("……", ", …") if len(names) > NAMED else Words("", "")
    shown = names[:NAMED]
    return Words("、".join(one.zh for one in shown) + more.zh, ", ".join(one.en for one in shown) + more.en)


def _of_test(test: Mapping[str, Any], catalog: Catalog) -> list[Words]:
    found, area = [], test["auc"]
    if test["positives"] < FEW:
        found.append(
            Words(
                f"检验批次只有 {test['positives']:,} 人有此结果，数字的区间宽。",
                f"Only {test['positives']:,} members of the test had the outcome, so its intervals are wide.",
            )
        )
    gap = test.get("difference")
    if gap is not None and gap["low"] <= 0:
        tag, worse = tag_title(catalog, test["baseline"]["tag"]), gap["high"] < 0
        found.append(
            Words(
                f"排序不如只看「{tag.zh}」。" if worse else f"没有显示出比只看「{tag.zh}」更好。",
                f"It ranks worse than “{tag.en}” alone."
                if worse
                else f"It is not shown to rank better than “{tag.en}” alone.",
            )
        )
    best = test.get("strongest_tag")
    same = best is not None and best["tag"] == (test.get("baseline") or {}).get("tag")
    if best is not None and not same and best["difference"]["low"] <= 0:
        alone = tag_title(catalog, best["tag"])
        found.append(
            Words(
                f"没有显示出比只看单个标签「{alone.zh}」更好。",
                f"It is not shown to rank better than the single tag “{alone.en}”.",
            )
        )
    if area["low"] <= 0.5:
        found.append(Words("没有显示出比随机更好。", "It is not shown to be better than chance."))
    off = [b for b in test["calibration"] if not b["low"] <= b["predicted"] <= b["high"]]
    if len(off) * 2 > len(test["calibration"]):
        found.append(
            Words(
                "多数得分段的概率与实际不符：只用它排序，不要当作概率。",
                "In most groups by score the probability misses what was seen: rank by it, do not read it as a chance.",
            )
        )
    return found


def _of_groups(test: Mapping[str, Any], catalog: Catalog) -> list[Words]:
    weak = [
        trait_title(catalog, tag, one["level"])
        for tag, levels in test.get("by_group", {}).items()
        for one in levels
        if one["auc"] is not None and one["auc"]["low"] <= 0.5
    ]
    found = []
    if weak:
        names = _listed(weak)
        found.append(
            Words(f"在这些人中没有显示出排序能力：{names.zh}。", f"It is not shown to rank among {names.en}."),
        )
    return found + _of_unequal(
        test.get("fairness", {}), Words("得分最高的五分之一里", "Among the best-scored fifth"), catalog
    )


def _of_unequal(fairness: Mapping[str, Any], where: Words, catalog: Catalog) -> list[Words]:
    """Whom of the protected a campaign would choose at another rate than the others."""
    unequal = [
        trait_title(catalog, tag, one["level"])
        for tag, levels in fairness.items()
        for one in levels
        if one["difference"] is not None and not one["difference"]["low"] <= 0 <= one["difference"]["high"]
    ]
    if not unequal:
        return []
    names = _listed(unequal)
    return [
        Words(
            f"{where.zh}，这些人的入选率与其他人不同：{names.zh}。使用前请确认有正当理由。",
            f"{where.en} these are chosen at another rate than the others: {names.en}. See that there is a good reason"
            " before you use it.",
        )
    ]


def _of_wallets(figures: Mapping[str, Any], tells_spend: Sequence[str], catalog: Catalog) -> list[Words]:
    found, should = [], 1 - figures["quantile"]
    if tells_spend:
        names = _listed([tag_title(catalog, tag) for tag in tells_spend])
        found.append(
            Words(
                f"这些标签说的就是花费本身，没有用来学习：{names.zh}。",
                f"These tags tell the spend itself, and were not learned from: {names.en}.",
            )
        )
    off = [
        trait_title(catalog, tag, one["level"])
        for tag, levels in {**figures["by_group"], **figures["fairness"]}.items()
        for one in levels
        if not one["exceeded"]["low"] <= should <= one["exceeded"]["high"]
    ]
    if off:
        names = _listed(off)
        found.append(
            Words(
                f"在这些人中，花得比分位数多的人与所说的不符：{names.zh}。",
                f"Among these the share who spend more than the quantile is not what it says: {names.en}.",
            )
        )
    return found + _of_unequal(
        figures["fairness"], Words("钱包最高的五分之一里", "Among the fifth with the highest wallets"), catalog
    )


def _of_drift(drift: Mapping[str, Any], catalog: Catalog) -> list[Words]:
    changed = [tag_title(catalog, one["tag"]) for one in drift["features"] if one["verdict"] == "changed"]
    found = []
    if drift["score"]["verdict"] == "changed":
        found.append(
            Words(
                "得分的分布与训练时明显不同，请重新训练。",
                "The scores are distributed otherwise than at the training: train it again.",
            )
        )
    if changed:
        names = _listed(changed)
        found.append(
            Words(
                f"这些标签的分布自训练以来明显变化：{names.zh}。",
                f"These tags have changed much since the training: {names.en}.",
            )
        )
    return found
