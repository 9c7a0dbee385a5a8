"""What people call the baselines, in a word or two; `Evaluation.baselines` says how each is made."""

from __future__ import annotations

from collections.abc import Mapping

from gongbi.catalog.base import Words

SHORT: Mapping[str, Words] = {
    "logistic": Words("逻辑回归", "Logistic regression"),
    "boosting": Words("提升树", "Boosting"),
    "cox": Words("Cox 模型", "Cox model"),
    "kaplan_meier": Words("人人相同", "Same for everybody"),
    "rfm logistic": Words("RFM 逻辑回归", "RFM, logistic"),
    "silence": Words("沉默时长", "Length of silence"),
    "last period": Words("照搬上期", "Last period"),
    "rate": Words("以往频率", "Past rate"),
    "rate if recent": Words("近期才按频率", "Rate if recent"),
    "t_logistic": Words("T 学习器", "T-learner"),
    "x_learner": Words("X 学习器", "X-learner"),
    "dr_learner": Words("DR 学习器", "DR-learner"),
    "tree": Words("增量树", "Uplift tree"),
    "random": Words("随机", "Random order"),
    "svm": Words("支持向量机", "Linear SVM"),
    "commonest": Words("最常见标签", "Commonest label"),
    "pooled": Words("同一弹性", "One elasticity"),
    "no_price": Words("不看价格", "Without price"),
    "louvain": Words("Louvain", "Louvain"),
    "components": Words("连通分量", "Components"),
}


def called(baseline: str) -> Words:
    """What a baseline is called; one of a kind of your own is called as it is spelled."""
    plain = baseline.replace("_", " ")
    return SHORT.get(baseline, Words(plain, plain))
