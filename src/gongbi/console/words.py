"""Words for what definitions name in one language only: kinds, usual values, desks.

Whatever is not listed is shown as its definition says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: Subjects, facts, kinds of run, kinds of definition: name → (Chinese, English).
NAMES: Mapping[str, tuple[str, str]] = {
    "customer": ("客户", "Customers"),
    "product": ("商品", "Products"),
    "store": ("门店", "Stores"),
    "campaign": ("营销活动", "Campaigns"),
    "coupon": ("优惠券", "Coupons"),
    "purchase": ("购买明细", "Purchases"),
    "trip": ("购物", "Trips"),
    "campaign_received": ("收到活动", "Campaigns received"),
    "coupon_redeemed": ("用券", "Coupons redeemed"),
    "subject": ("主体", "Subjects"),
    "source": ("数据源", "Sources"),
    "tag": ("标签", "Tags"),
    "segment": ("客群", "Segments"),
    "model": ("模型", "Models"),
    "ingest": ("数据接入", "Ingest"),
    "build": ("标签计算", "Build"),
    "train": ("模型训练", "Train"),
    "apply": ("定义生效", "Apply"),
    "decide": ("活动决策", "Decide"),
    "measure": ("效果评估", "Measure"),
    "export": ("名单导出", "Export"),
    "undo": ("撤销加载", "Undo a load"),
    "repair": ("修复拒收行", "Repair"),
    "demo": ("演示", "Demo"),
}

#: Usual values of tags: as stored → Chinese.
VALUES: Mapping[str, str] = {
    "champions": "冠军客户",
    "loyal": "忠诚客户",
    "big_baskets": "大单客户",
    "promising": "潜力客户",
    "new": "新客户",
    "occasional": "偶来客户",
    "needs_attention": "需要关注",
    "at_risk": "有流失风险",
    "hibernating": "沉睡客户",
    "active": "活跃",
    "due": "该来了",
    "late": "迟到",
    "lapsed": "已流失",
    "stopped": "停止",
    "rising": "上升",
    "falling": "下降",
    "steady": "平稳",
    "silent": "沉默",
    "started": "新起",
    "morning": "上午",
    "midday": "中午",
    "afternoon": "下午",
    "evening": "傍晚",
    "night": "夜间",
    "national": "全国品牌",
    "private": "自有品牌",
    "mixed": "混合",
    "small": "小单",
    "medium": "中单",
    "large": "大单",
    "top_up": "补货",
    "stock_up": "囤货",
    "low": "低",
    "middle": "中",
    "high": "高",
    "never_reached": "从未触达",
    "tried": "试过一次",
    "regular": "常响应",
    "family": "有孩家庭",
    "young_family": "年轻有孩",
    "young_free": "年轻无孩",
    "midlife_free": "中年无孩",
    "late_family": "大龄有孩",
    "empty_nest": "空巢",
    "…": "其他",
    "true": "是",
    "false": "否",
}

#: Desks that answer for definitions, as packs name them → (Chinese, English).
DESKS: Mapping[str, tuple[str, str]] = {
    "marketing": ("市场", "Marketing"),
    "merchandising": ("商品", "Merchandising"),
    "operations": ("运营", "Operations"),
    "data": ("数据", "Data"),
    "risk": ("风控", "Risk"),
    "service": ("客服", "Service"),
}

STATUS_COLOURS: Mapping[str, str] = {
    "running": "blue",
    "done": "green",
    "loaded": "green",
    "failed": "red",
    "cancelled": "grey",
    "interrupted": "gold",
    "replaced": "grey",
    "undone": "grey",
    "loading": "blue",
}


def named(name: str, language: str, things: Mapping[str, Mapping[str, str]] = MappingProxyType({})) -> str:
    """Return the word for a subject, a fact or a kind.

    Parameters
    ----------
    things
        What definitions call subjects and facts. Where the usual word is the same in Chinese it stands for both: it has
        a plural.
    """
    words, own = NAMES.get(name), things.get(name, {})
    if own and (words is None or words[0] != own.get("zh")):
        other = "en" if language == "zh" else "zh"
        return own.get(language) or own.get(other) or name
    if words is None and "." in name:
        # Neighbours of neighbours: the members of one's household.
        return " · ".join(named(part, language, things) for part in name.removeprefix("relation.").split("."))
    return words[0 if language == "zh" else 1] if words else name


def desk(owner: str | None, language: str) -> str:
    """Return who answers for a definition: the word for a usual desk, else the name as it is."""
    words = DESKS.get(owner or "")
    return words[0 if language == "zh" else 1] if words else owner or ""


def one_of(name: str, language: str, things: Mapping[str, Mapping[str, str]] = MappingProxyType({})) -> str:
    """Return the word for one member of a subject."""
    word = named(name, language, things)
    usual = name in NAMES and word == NAMES[name][1]
    return word.removesuffix("s") if usual else word
