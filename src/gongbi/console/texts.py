"""Every text of the console in Chinese and English, by key.

A key is ``page.text``; two keys of a kind belong together: ``KEY`` and ``KEY_about`` or ``KEY.next``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gongbi.console.texts_forms import FORMS
from gongbi.console.texts_insight import INSIGHT
from gongbi.console.texts_library import LIBRARY
from gongbi.console.texts_makers import MAKERS
from gongbi.console.texts_pages import PAGES
from gongbi.console.texts_portraits import PORTRAITS
from gongbi.console.texts_proof import PROOF

#: code → how the language calls itself.
LANGUAGES: Mapping[str, str] = {"zh": "中文", "en": "English"}
DEFAULT = "zh"

_SHELL: dict[str, tuple[str, str]] = {
    # The frame.
    "frame.skip": ("跳到正文", "Skip to the content"),
    "frame.navigation": ("主导航", "Main navigation"),
    "frame.menu": ("菜单", "Menu"),
    "frame.brand": ("客户画像与精准营销", "Customer portraits"),
    "frame.motto": ("一笔一签，工致求真。", "Stroke by stroke, true to life."),
    "frame.local": ("仅本机可访问", "This machine only"),
    "frame.local_about": (
        "账号体系尚未建立，因此控制台只监听 127.0.0.1，其他机器无法访问。",
        "Accounts do not exist yet, so the console listens on 127.0.0.1 only: no other machine can reach it.",
    ),
    "frame.language": ("语言", "Language"),
    "frame.as_of": ("截至", "As of"),
    "frame.engine": ("引擎", "Engine"),
    "frame.waiting": ("正在读取…", "Loading…"),
    "frame.close": ("关闭", "Close"),
    "table.rows": ("每页行数", "Rows per page"),
    "table.none": ("没有数据", "No data"),
    # Errors, by code.
    "error.error": ("未能完成", "This could not be done"),
    "error.unknown_name": ("没有这个名字", "Unknown name"),
    "error.invalid_expression": ("表达式无法读取", "The expression cannot be read"),
    "error.wrong_type": ("类型不符", "The types do not fit"),
    "error.invalid_input": ("输入有误", "The input is wrong"),
    "error.invalid_definition": ("定义有误", "A definition is wrong"),
    "error.cycle": ("定义相互依赖", "Definitions depend on each other in a circle"),
    "error.audience_is_empty": ("没有可选的客户", "Nobody can be chosen"),
    "error.did_not_converge": ("没有收敛", "The search did not converge"),
    "error.not_yet": ("还需要先做一步", "Something must be run first"),
    "error.refused": ("此操作不被允许", "This is not allowed"),
    "error.cancelled": ("已停止", "Stopped"),
    "error.workspace_busy": ("工作区正被占用", "The workspace is busy"),
    "error.workspace_problem": ("工作区无法使用", "The workspace cannot be used"),
    "error.source_problem": ("数据源无法读取", "A source cannot be loaded"),
    "error.engine_failure": ("引擎未能完成计算", "The engine could not do it"),
    "error.bug": ("程序自相矛盾，请报告", "Gongbi contradicts itself; please report it"),
    "error.near": ("是不是：", "Did you mean:"),
    # Kinds, as words inside sentences.
    "kind.tag": ("标签", "tag"),
    "kind.segment": ("客群", "segment"),
    "kind.model": ("模型", "model"),
    "kind.campaign": ("活动", "campaign"),
    "kind.grading": ("分级", "grading"),
    "kind.cast": ("人物画像", "personas"),
    "kind.yearbook": ("年度报告", "yearly report"),
    "kind.worklist": ("工作名单", "work list"),
    "kind.attribute": ("属性", "attribute"),
    "kind.fact": ("事实", "fact"),
    "kind.column": ("列", "column"),
    "kind.relation": ("关系", "relation"),
    "kind.function": ("函数", "function"),
    "kind.keyword": ("关键字", "keyword"),
    # States.
    "status.running": ("进行中", "running"),
    "status.done": ("完成", "done"),
    "status.failed": ("失败", "failed"),
    "status.cancelled": ("已取消", "cancelled"),
    "status.interrupted": ("被中断", "interrupted"),
    "status.loading": ("加载中", "loading"),
    "status.loaded": ("已加载", "loaded"),
    "status.replaced": ("已被替换", "replaced"),
    "status.undone": ("已撤销", "undone"),
    "role.train": ("训练", "training"),
    "role.test": ("测试", "test"),
    "role.validation": ("验证", "validation"),
    "target.fact": ("事实", "fact"),
    "target.attributes": ("属性", "attributes"),
    "target.relation": ("关系", "relation"),
    "target.reference": ("参照表", "reference"),
    "type.boolean": ("是/否", "yes/no"),
    "type.integer": ("整数", "integer"),
    "type.decimal": ("小数", "decimal"),
    "type.double": ("数值", "number"),
    "type.money": ("金额", "money"),
    "type.text": ("文本", "text"),
    "type.date": ("日期", "date"),
    "type.timestamp": ("时间", "instant"),
    "type.list": ("列表", "list"),
    "type.distribution": ("分布", "distribution"),
    "type.of": ("{element}{whole}", "{whole} of {element}"),
    "refresh.manual": ("手动", "by hand"),
    "refresh.hourly": ("每小时", "hourly"),
    "refresh.daily": ("每日", "daily"),
    "refresh.weekly": ("每周", "weekly"),
    "refresh.monthly": ("每月", "monthly"),
    # Usual columns.
    "attribute.id": ("编号", "ID"),
    "attribute.ts": ("时间", "Time"),
    "attribute.amount": ("实付", "Amount"),
    "attribute.quantity": ("件数", "Quantity"),
    "attribute.discount": ("折扣合计", "Discount"),
    "attribute.retail_discount": ("会员折扣", "Card discount"),
    "attribute.coupon_discount": ("优惠券折扣", "Coupon discount"),
    "attribute.coupon_match_discount": ("券匹配折扣", "Coupon match"),
    "attribute.basket": ("购物篮", "Basket"),
    "attribute.week": ("周", "Week"),
    "attribute.on_display": ("有陈列", "On display"),
    "attribute.in_mailer": ("在传单上", "In mailer"),
    "attribute.lines": ("行数", "Lines"),
    "attribute.units": ("件数", "Units"),
    "attribute.products": ("商品数", "Products"),
    "attribute.discounted_lines": ("打折行数", "Discounted lines"),
    "attribute.promoted_lines": ("促销行数", "Promoted lines"),
    "attribute.age": ("年龄", "Age"),
    "attribute.city": ("城市", "City"),
    "attribute.income": ("收入", "Income"),
    "attribute.home_ownership": ("住房", "Home"),
    "attribute.marital_status": ("婚姻", "Marital status"),
    "attribute.household_size": ("家庭人数", "Household size"),
    "attribute.household_type": ("家庭类型", "Household type"),
    "attribute.kids": ("孩子", "Kids"),
    "attribute.department": ("部门", "Department"),
    "attribute.category": ("品类", "Category"),
    "attribute.type": ("类型", "Type"),
    "attribute.brand": ("品牌", "Brand"),
    "attribute.manufacturer": ("厂商", "Maker"),
    "attribute.package_size": ("规格", "Package size"),
    # Why a row was set aside.
    "reason.wrong_field_count": ("列数不对", "wrong number of fields"),
    "reason.truncated": ("文件在行中截断", "file ends within the row"),
    "reason.unclosed_quote": ("引号未闭合", "quotation mark never closed"),
    "reason.not_json": ("不是 JSON 对象", "not a JSON object"),
    "reason.negative_amount": ("金额为负", "negative amount"),
    "reason.wrong_type": ("类型不符", "wrong type"),
    "reason.missing_value": ("缺少必填值", "missing value"),
    "reason.too_large": ("数值过大", "number too large"),
    "reason.future": ("时间在未来", "time in the future"),
    "reason.ends_before_start": ("结束早于开始", "ends before it starts"),
    "reason.out_of_range": ("超出范围", "out of range"),
    "reason.not_allowed": ("不在允许值内", "value not allowed"),
    "reason.duplicate_key": ("主键重复", "duplicate key"),
    "reason.unknown_member": ("没有这个成员", "no such member"),
}

TEXTS: Mapping[str, tuple[str, str]] = _SHELL | PAGES | PROOF | MAKERS | FORMS | PORTRAITS | LIBRARY | INSIGHT


def text(language: str, key: str, **values: Any) -> str:
    """Return the text of a key in a language, its blanks filled in."""
    found = TEXTS[key][0 if language == "zh" else 1]
    return found.format(**values) if values else found
