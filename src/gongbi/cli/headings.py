"""Headings of printed tables and keys of printed answers in Chinese; one that is not here is printed as it is."""

from __future__ import annotations

from collections.abc import Mapping

from gongbi.cli.messages import language

#: What answers call a thing → Chinese. `--json` keeps the names.
CHINESE: Mapping[str, str] = {
    "about": "说明",
    "actor": "操作人",
    "as_of": "截止时刻",
    "at": "时间",
    "at_most": "至多",
    "attributes": "属性",
    "base_share": "基准占比",
    "build": "版本",
    "category": "分类",
    "champion": "现用",
    "column": "列",
    "columns": "列",
    "count": "人数",
    "coverage": "覆盖率",
    "current": "当前",
    "details": "详情",
    "distinct": "不同值",
    "error": "错误",
    "estimator": "方法",
    "export": "导出",
    "expr": "表达式",
    "expression": "表达式",
    "fact": "事实",
    "failed": "失败",
    "finished_at": "完成时间",
    "from": "来源",
    "headline": "结果",
    "high": "上限",
    "id": "编号",
    "identifiers": "标识",
    "kind": "种类",
    "label": "取值",
    "low": "下限",
    "made": "如何算出",
    "mean": "平均",
    "members": "成员数",
    "model": "模型",
    "name": "名称",
    "newest": "最新",
    "of": "总数",
    "owner": "负责人",
    "p_adjusted": "校正 p 值",
    "path": "文件",
    "problem": "问题",
    "q_value": "q 值",
    "reason": "原因",
    "rejected": "拒收",
    "remaining": "剩余",
    "repaired": "已修复",
    "repaired_by": "修复于",
    "repeated": "重复",
    "reused": "复用",
    "rounded": "取整",
    "rows": "行数",
    "rows_good": "接收行",
    "rows_read": "读取行",
    "rows_rejected": "拒收行",
    "rows_repeated": "重复行",
    "seconds": "秒",
    "segment": "客群",
    "share": "占比",
    "size": "人数",
    "source": "数据源",
    "started_at": "开始时间",
    "state": "状态",
    "status": "状态",
    "subject": "主体",
    "support": "支持人数",
    "table": "表",
    "tag": "标签",
    "tags": "标签",
    "timeline": "时间线",
    "to": "去向",
    "ts": "时间",
    "type": "类型",
    "unit": "单位",
    "value": "值",
    "version": "版本",
    "when": "时间",
    "who": "谁",
    "why": "原因",
}


def heading(name: str) -> str:
    """A column or a key as it is printed in the language of messages.

    >>> heading("category")
    'category'
    """
    return CHINESE.get(name, name) if language() == "zh" else name
