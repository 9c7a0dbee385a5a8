"""Units in Chinese; definitions name them in English."""

from __future__ import annotations

from collections.abc import Mapping

#: Values of these are shares of one: people read per cent.
SHARES = ("share", "probability")

UNITS: Mapping[str, str] = {
    "USD": "美元",
    "USD per year": "美元/年",
    "CNY": "元",
    "baskets": "个购物篮",
    "campaigns": "次活动",
    "categories": "个品类",
    "coupons": "张券",
    "customers": "位客户",
    "days": "天",
    "departments": "个部门",
    "gaps": "倍间隔",
    "hour of day": "时",
    "makers": "家厂商",
    "nats": "奈特",
    "persons": "人",
    "points": "分",
    "products": "种商品",
    "purchases": "次购买",
    "share": "比例",
    "probability": "概率",
    "stores": "家门店",
    "trips": "次购物",
    "trips per week": "次/周",
    "weeks": "周",
}
