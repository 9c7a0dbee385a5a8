"""What people call the values that models write; expressions keep the values."""

from __future__ import annotations

from collections.abc import Mapping

from gongbi.core.functions.words import WEEKDAYS
from gongbi.core.voice import Title

#: Levels of a life with us, of a rhythm, of where a chance is going, and of how sales answer to price, in their order.
STAGES: Mapping[str, Title] = {
    "new": ("新客", "new"),
    "growing": ("成长", "growing"),
    "mature": ("成熟", "mature"),
    "fading": ("衰退", "fading"),
    "dormant": ("沉睡", "dormant"),
    "lost": ("流失", "lost"),
}
RHYTHMS: Mapping[str, Title] = {
    "weekly": ("每周", "weekly"),
    "fortnightly": ("每两周", "fortnightly"),
    "monthly": ("每月", "monthly"),
    "quarterly": ("每季", "quarterly"),
    "yearly": ("每年", "yearly"),
}
TRENDS: Mapping[str, Title] = {
    "falling": ("下降", "falling"),
    "steady": ("平稳", "steady"),
    "rising": ("上升", "rising"),
}
SENSITIVITIES: Mapping[str, Title] = {
    "low": ("低", "low"),
    "usual": ("一般", "usual"),
    "high": ("高", "high"),
}
#: (Kind of model, column of its scores) → value → what it is called.
LABELS: Mapping[tuple[str, str], Mapping[str, Title]] = {
    ("stages", "stage"): STAGES,
    ("recurring", "rhythm"): RHYTHMS,
    ("propensity", "trend"): TRENDS,
    ("price", "level"): SENSITIVITIES,
    ("uplift", "group"): {
        "persuadable": ("可打动", "persuadable"),
        "sure_thing": ("本来就会", "sure thing"),
        "lost_cause": ("打动不了", "lost cause"),
        "sleeping_dog": ("别打扰", "sleeping dog"),
    },
    ("send_time", "weekday"): {str(n): title for n, title in enumerate(WEEKDAYS, 1)},
    ("send_time", "basis"): {
        "own": ("本人的回应", "own answers"),
        "group": ("同组的回应", "the group's answers"),
        "everybody": ("所有人的回应", "everybody's answers"),
        "trial": ("试探", "a trial"),
    },
    ("trait", "method"): {
        "declared": ("本人填写", "declared"),
        "inferred": ("推断", "inferred"),
        "unknown": ("未知", "unknown"),
    },
    ("texts", "sentiment"): {"good": ("正面", "good"), "bad": ("负面", "bad")},
    ("texts", "mood"): {
        "anger": ("愤怒", "anger"),
        "disgust": ("厌恶", "disgust"),
        "worry": ("担忧", "worry"),
        "sadness": ("难过", "sadness"),
        "disappointment": ("失望", "disappointment"),
    },
    ("circles", "role"): {
        "core": ("圈子核心", "core"),
        "bridge": ("桥梁", "bridge"),
        "member": ("成员", "member"),
        "alone": ("独自一人", "alone"),
    },
}
#: What stands for members without a value, and for values that are rare, where a card splits them by a tag.
ABSENT, OTHERS = "(absent)", "(others)"
#: Groups that no definition labels.
GROUPS: Mapping[str, Title] = {
    ABSENT: ("（无值）", ABSENT),
    OTHERS: ("（其他）", OTHERS),
    "true": ("是", "yes"),
    "false": ("否", "no"),
}
