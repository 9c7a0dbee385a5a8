"""Pages to print: HTML by itself, with its style inside, and PDF made of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from gongbi.catalog.portraits import PERSONA_FIELDS
from gongbi.errors import NotYet, WorkspaceProblem
from gongbi.ownership.files import written

STYLE = """
@page{size:A4;margin:16mm 15mm}
*{box-sizing:border-box}
body{font-family:'Noto Sans SC','Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif;
color:#26313a;font-size:11pt;line-height:1.55;max-width:780px;margin:0 auto;padding:24px}
h1{font-size:20pt;margin:0 0 4px}h2{font-size:14pt;margin:0}h3{font-size:10pt;color:#5c6a74;margin:10px 0 2px}
.about{color:#5c6a74;margin:0 0 14px}.persona{page-break-inside:avoid;border-top:2px solid #e3ded3;padding:14px 0}
.head{display:flex;gap:16px;align-items:center}.head svg{width:110px;height:110px;flex:none}
p{margin:2px 0}.source{color:#7a858d;font-size:8.5pt}.none{color:#9aa5ad}
.figure{font-size:13pt;margin:12px 0 0}.figure b{color:#27617f}.compare{color:#5c6a74;font-size:9.5pt;margin:0}
.chart{page-break-inside:avoid;margin:18px 0 0}.chart svg{width:100%;height:auto}
.seal{color:#b8432f;font-weight:600}
footer{margin-top:26px;color:#7a858d;font-size:8.5pt;border-top:1px solid #e3ded3;padding-top:8px}
"""
_NAMES = (
    ("背景", "Background"),
    ("工作", "Work"),
    ("痛点", "Pains"),
    ("感受", "Feelings"),
    ("信息来源", "Information sources"),
    ("媒体", "Media"),
    ("购买角色", "Role in buying"),
    ("该说的话", "Message"),
    ("典型的一天", "A typical day"),
)
#: Field → what it is called in Chinese and English.
FIELDS = dict(zip(PERSONA_FIELDS, _NAMES, strict=True))
NO_EVIDENCE = ("还没有依据：添加一次访谈。", "No evidence yet: add an interview.")


def document(heading: str, body: Iterable[str], language: str) -> str:
    """A whole page of HTML; it loads nothing from anywhere."""
    lang = {"zh": "zh-CN", "en": "en"}[language]
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{escape(heading)}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(body)}</body></html>"
    )


def write_page(html: str, path: Path) -> str:
    """Write a page as .html or .pdf, whole or not at all; return its SHA-256.

    Raises
    ------
    NotYet
        A PDF was asked for, and what prints it is not installed.
    """
    content = pdf(html) if path.suffix.lower() == ".pdf" else html.encode()
    with written(path) as partial:
        partial.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def pdf(html: str) -> bytes:
    """Print a page; nothing is fetched from anywhere."""
    try:
        from weasyprint import HTML  # type: ignore[import-untyped]
    except (ImportError, OSError) as error:
        raise NotYet(
            "What prints a PDF is not installed.", hint="Install the extra `print`: gongbi[print]; or write .html."
        ) from error

    def refuse(url: str, *_: Any, **__: Any) -> Any:
        raise WorkspaceProblem(f"A page to print asked for {url!r}.")

    # Two prints of one page are the same file.
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
    found: bytes = HTML(string=html, url_fetcher=refuse).write_pdf()
    return found


def personas_page(cast: Mapping[str, Any], language: str) -> str:
    """A cast of personas to print: every sentence with its figure or its interview below."""
    chosen = 0 if language == "zh" else 1
    name = cast["name"][language] or cast["cast"]
    body = [f"<h1>{escape(name)}</h1>", f'<p class="about">{escape(cast["about"][language])}</p>']
    for one in cast["personas"]:
        count = (f"{one['members']:,} 人，占 {one['share']:.0%}", f"{one['members']:,} members, {one['share']:.0%}")
        body.append(f'<section class="persona"><div class="head">{one["picture"][language]}<div>')
        body.append(f"<h2>{escape(one['name'][language])}</h2><p>{count[chosen]}</p></div></div>")
        for field, words in FIELDS.items():
            body.append(f"<h3>{words[chosen]}</h3>")
            said: Sequence[Mapping[str, Any]] = one["fields"][field]
            for sentence in said:
                body.append(f"<p>{escape(_quoted(sentence, language))}</p>")
                body.append(f'<p class="source">{escape(source_words(sentence["source"], language))}</p>')
            if not said:
                body.append(f'<p class="none">{NO_EVIDENCE[chosen]}</p>')
        body.append("</section>")
    return document(name, body, language)


def _quoted(sentence: Mapping[str, Any], language: str) -> str:
    words = str(sentence[language])
    return f"“{words}”" if "interview" in sentence["source"] else words


def source_words(source: Mapping[str, Any], language: str) -> str:
    """Where a sentence comes from, in one line."""
    zh = language == "zh"
    if "interview" in source:
        who = source["member"]
        whom = (f"客户 {who}" if zh else f"customer {who}") if who else ("匿名" if zh else "anonymous")
        return (
            f"访谈 {source['interview']}，{source['by']}，{source['on']}，{whom}"
            if zh
            else f"Interview {source['interview']}, {source['by']}, {source['on']}, {whom}"
        )
    interval = f" [{source['low']:.0f} – {source['high']:.0f}]" if source["low"] is not None else ""
    tgi = "—" if source["tgi"] is None else f"{source['tgi']:.0f}"
    count = f"{source['n']:,} / {source['of']:,}"
    return f"{source['tag']} = {source['label']} · {count} · TGI {tgi}{interval}"


#: What an empty year says, and what stands at the end.
EMPTY_YEAR = (
    "这一年没有你的记录。期待与你相见。",
    "There is nothing of yours in this year. We look forward to seeing you.",
)
OWN_DATA = (
    "本报告只用你自己的数据；比较只说明你在全体中的位置。",
    "This report is of your own data only; comparisons say no more than your place among all.",
)


def yearbook_parts(book: Mapping[str, Any], language: str) -> list[str]:
    """A customer's year as HTML, without its heading."""
    chosen = 0 if language == "zh" else 1
    if book["empty"]:
        return [f'<p class="figure">{EMPTY_YEAR[chosen]}</p>']
    body = [f'<p class="about">{escape(book["greeting"][language])}</p>']
    for figure in book["figures"]:
        body.append(f'<p class="figure">{escape(figure["words"][language])}</p>')
        if figure["compared"][language]:
            body.append(f'<p class="compare">{escape(figure["compared"][language])}</p>')
    if book["streak"]:
        body.append(f'<p class="figure">{escape(book["streak"]["words"][language])}</p>')
    for chart in book["charts"]:
        unit = f" ({escape(chart['unit'])})" if chart["unit"] else ""
        body.append(f'<div class="chart"><h3>{escape(chart["name"][language])}{unit}</h3>')
        body.append(f"{month_bars(chart['values'], language)}</div>")
    return body


def yearbook_page(book: Mapping[str, Any], language: str) -> str:
    """A customer's year to print: nothing says who it is but the figures."""
    heading = book["title"][language]
    chosen = 0 if language == "zh" else 1
    end = f"<footer>{OWN_DATA[chosen]}</footer>"
    return document(heading, [f"<h1>{escape(heading)}</h1>", *yearbook_parts(book, language), end], language)


def month_bars(values: Sequence[float], language: str) -> str:
    """Twelve bars as SVG, each with its figure."""
    most = max([*values, 0.0]) or 1.0
    bars = []
    for i, value in enumerate(values):
        height, x = 100 * max(value, 0.0) / most, 10 + i * 56
        month = f"{i + 1}月" if language == "zh" else "JFMAMJJASOND"[i]
        bars.append(
            f'<rect x="{x}" y="{124 - height:.1f}" width="38" height="{height:.1f}" rx="3" fill="#27617f"/>'
            f'<text x="{x + 19}" y="{118 - height:.1f}" font-size="11" text-anchor="middle">{value:,.0f}</text>'
            f'<text x="{x + 19}" y="140" font-size="11" text-anchor="middle" fill="#5c6a74">{month}</text>'
        )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 690 148">{"".join(bars)}</svg>'
