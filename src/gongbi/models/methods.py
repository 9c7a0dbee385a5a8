"""What the ways of learning are called in both languages; a version is kept under the English one."""

from __future__ import annotations

from collections.abc import Mapping

from gongbi.catalog.base import Words

#: Parts of a name, as `Trained.algorithm` has them between commas → Chinese; other parts are the same in both.
CHINESE: Mapping[str, str] = {
    "quantiles": "高分位数",
    "hurdle": "先买不买、再买多少",
    "one for each value": "每个取值一个",
    "coupled arms": "互相借力的两组回归",
    "stages": "阶段规则",
    "Markov chain": "马尔可夫链",
    "survival": "生存分析",
    "proportional hazards": "比例风险",
    "Weibull": "威布尔",
    "log-logistic": "对数逻辑斯谛",
    "change points": "变点",
    "beta": "贝塔分布",
    "calendar of recurrences": "重复行为的日历",
    "hours of the week": "一周各小时",
    "shrunk": "向组收缩",
    "NMF": "非负矩阵分解",
    "self-trained sentiment": "自训练情感",
    "k-means on mixed traits": "混合特征 k 均值",
    "average spend": "平均花费",
    "log-log demand": "对数需求",
    "shrunk by level": "逐层收缩",
}
#: Parts as versions are kept → as people write them.
_SPELLED = {"cox": "proportional hazards", "weibull": "Weibull", "log_logistic": "log-logistic"}


def method_words(algorithm: str) -> Words:
    """What a kept version's algorithm is called."""
    parts = [_SPELLED.get(part, part) for part in algorithm.split(", ")]
    return Words("，".join(CHINESE.get(part, part) for part in parts), ", ".join(parts))
