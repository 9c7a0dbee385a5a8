"""Sequences: a member did one thing and then another, or waited for it in vain.

A sequence has no SQL of its own: `core.sequences` plans it, over rows of several facts.
"""

from __future__ import annotations

from gongbi.core.functions.base import Example, Function, Param, Run
from gongbi.core.types import BOOLEAN, TIMESTAMP

NULLS = (
    "Never absent: without such rows it is false. A row of unknown condition or absent shared value is no step.",
    "从不缺失：没有这样的行时为假。条件未知或共同值缺失的行不算一步。",
)
TIES = (
    "A later step is strictly later: of rows at one instant none follows another, nor of days without a time on one day.",
    "后一步必须严格晚于前一步：同一时刻的两行互不相随。只有日期的行，同一天也互不相随。",
)
STEPS = Param("step", "step", repeated=True)
SAME = Param("same", "column", optional=True, named=True)
WITHIN = Param("within", "interval", optional=True, named=True)


def _sequence(name: str, zh: str, en: str, examples: tuple[Example, ...], run: Run, *, relative: bool) -> Function:
    return Function(
        name, "sequence", "sequences", (STEPS, SAME, WITHIN), BOOLEAN, zh, en, NULLS, examples, run, run,
        ties=TIES, relative=relative, empty=False,
    )  # fmt: skip


_A_THEN_B = "step(sample, category = 'A'), step(sample, category = 'B')"

FUNCTIONS: tuple[Function, ...] = (
    Function(
        "step", "step", "sequences", (Param("fact", "fact"), Param("condition", "boolean", optional=True, repeated=True)), TIMESTAMP,
        "序列中的一步：某事实中满足全部条件的行。只写在 followed_by 与 not_followed_by 之中。",
        "One step of a sequence: the rows of a fact that fulfil all conditions. It stands in followed_by and not_followed_by only.",
        NULLS, (Example("followed_by(step(sample, promoted), step(sample, quantity > 1))", {1: True, 2: True, 3: False, 4: False}),),
        Run(None), Run(None),
    ),
    _sequence(
        "followed_by",
        "依次做过各步，中间可以有别的行；same 要求各步同一列同值（各步的事实都有这一列），within 限定从第一步到最后一步的时间（不含满额的那一刻）。",
        "Took all steps in this order, whatever came between. With `same`, the rows of all steps share the value of a column "
        "that every step's fact has; with `within`, less than that time passes from the first step to the last.",
        (Example(f"followed_by({_A_THEN_B})", {1: True, 2: False, 3: False, 4: False}),
         Example(f"followed_by({_A_THEN_B}, within => interval 30 days)", dict.fromkeys((1, 2, 3, 4), False)),
         Example("followed_by(step(sample), step(sample), same => category, within => interval 7 weeks)", {1: True, 2: False, 3: False, 4: False})),
        Run(completed=True), relative=False,
    ),
    _sequence(
        "not_followed_by",
        "前面各步依次做过，而最后一步没有随之发生。给出 within 时，从第一步起计这段时间：前面各步都在其中做过，最后一步没有在其中发生，"
        "等时间过完才算，此前为假；不给则看到截止时刻为止。有任意一次这样的经过即可，之后又重新开始也不影响它。",
        "Took all steps but the last in this order, and the last did not follow. With `within` that time runs from the first step on: "
        "the steps before the last are taken in less, the last does not come in less, and it counts only once the time is over, and is "
        "false before; without, it is as seen at the instant. Any one such run is enough, whatever began again later.",
        (Example("not_followed_by(step(sample, promoted), step(sample, quantity > 2), within => interval 30 days)", {1: True, 2: True, 3: False, 4: False}),
         Example("not_followed_by(step(sample, promoted), step(sample, not promoted))", {1: False, 2: True, 3: False, 4: False})),
        Run(completed=False), relative=True,
    ),
)  # fmt: skip
