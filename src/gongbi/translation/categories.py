"""Words for usual parts of categories, which definitions write in Chinese."""

from __future__ import annotations

import re
from collections.abc import Mapping

CATEGORIES: Mapping[str, str] = {
    "消费特征": "Consumption",
    "固定特征": "Fixed traits",
    "兴趣特征": "Interests",
    "社会特征": "Social traits",
    "动态特征": "The moment",
    "阶段": "Stage",
    "服务": "Service",
    "评价": "Opinion",
    "画像": "Portrait",
    "相似度": "Likeness",
    "价格与促销": "Price and promotion",
    "销售表现": "Sales",
    "经营": "Operations",
    "时间": "Time",
    "商品": "Goods",
    "顾客": "Customers",
    "客户": "Customers",
    "价值": "Value",
    "分级": "Grading",
    "价格": "Price",
    "促销": "Promotion",
    "促销敏感": "Promotion sensitivity",
    "优惠券": "Coupons",
    "品牌": "Brand",
    "品类偏好": "Category preference",
    "品类广度": "Category breadth",
    "营销响应": "Campaign response",
    "购物篮": "Basket",
    "频率": "Frequency",
    "节奏": "Cadence",
    "趋势": "Trend",
    "门店": "Stores",
    "出行": "Travel",
    "家庭需要": "Household needs",
    "生活": "Living",
    "饮食": "Food",
    "人口属性": "Demographics",
    "客户关系": "Relationship",
    "资料完整度": "Completeness",
    "人生阶段": "Life stage",
    "家庭": "Household",
    "结构": "Mix",
    "忠诚": "Loyalty",
    "规模": "Size",
    "客流": "Traffic",
    "铺货": "Distribution",
    "预测": "Predictions",
    "模型": "Models",
}

_CHINESE = re.compile("[\u3400-\u9fff]")


def part_of(part: str, language: str) -> str:
    """A part of a category in a language; as it is written where there is no word for it."""
    return part if language == "zh" else CATEGORIES.get(part, part)


def category(path: str, language: str, named: str | None = None) -> str:
    """A category in a language, as a whole: as it is written where only some of its parts have words there.

    Parameters
    ----------
    named
        What schemes call it, part by part; the usual words where it is left out.

    >>> category("消费特征/价值", "en")
    'Consumption/Value'
    >>> category("消费特征/喝茶", "en")
    '消费特征/喝茶'
    """
    said = named if named is not None else "/".join(part_of(part, language) for part in path.split("/"))
    return path if language == "en" and _CHINESE.search(said) else said
