"""The card of a model as a page to print: what it is for, what it learned from, how good it is, what it cannot tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from gongbi.core import clock
from gongbi.models.evaluation.page import STYLE, drawn, intervals
from gongbi.models.sections import DIGITS

Data = Mapping[str, Any]
Row = tuple[str, str]

_WORDS = {
    "about": ("这是什么", "What it is"),
    "model": ("模型", "Model"),
    "version": ("版本", "Version"),
    "trained": ("训练于", "Trained"),
    "algorithm": ("算法", "Algorithm"),
    "target": ("预测什么", "What is predicted"),
    "population": ("对谁", "Of whom"),
    "everybody": ("所有人", "everybody"),
    "as_of": ("数据截至", "Data up to"),
    "days": ("预测天数", "Days ahead"),
    "days_back": ("回看天数", "Days back"),
    "fact": ("学习自事实", "Learned from the fact"),
    "relation": ("学习自关系", "Learned from the relation"),
    "trait": ("推断什么", "What is inferred"),
    "signs": ("迹象", "Signs"),
    "payee": ("给谁、为什么", "To whom or for what"),
    "answered": ("怎样算回应", "What counts as an answer"),
    "text": ("文本列", "Column of the texts"),
    "price": ("一件的价格", "Price of a piece"),
    "product": ("什么商品", "Of what"),
    "unit": ("在哪里", "Where"),
    "cost": ("一件的成本", "Cost of a piece"),
    "tags": ("写入的标签", "Tags it writes"),
    "said": ("一句话", "In a word"),
    "figures": ("指标（95% 区间）", "Figures (95% interval)"),
    "cohorts": ("学习与检验用的批次", "Cohorts it learned from and was judged on"),
    "cohort": ("批次", "Cohort"),
    "members": ("人数", "Members"),
    "positives": ("有此结果", "With the outcome"),
    "rate": ("比例", "Rate"),
    "train": ("学习", "train"),
    "test": ("检验", "test"),
    "gains": (
        "有此结果的人里，有多少在得分靠前的人之中",
        "Which share of members holds which share of those with it",
    ),
    "reached": ("触达的占比", "Share reached"),
    "share": ("占有此结果者的比例", "Share of those with it"),
    "calibration": ("校准：预测与实际", "Calibration: predicted and seen"),
    "predicted": ("预测", "Predicted"),
    "observed": ("实际", "Observed"),
    "qini": ("Qini 曲线", "Qini curve"),
    "gained": ("每位客户多得的结果", "Extra outcomes per member"),
    "frequency": ("以往的复购次数", "Repeat purchases before"),
    "purchases": ("每人的购买次数", "Purchases per member"),
    "groups": ("按人群", "By group"),
    "fairness": ("公平性（受保护的标签）", "Fairness (protected tags)"),
    "group": ("人群", "Group"),
    "drift": ("训练以来的变化", "Drift since training"),
    "limits": ("已知的局限", "Known limits"),
    "baseline": ("基线", "Baseline"),
    "difference": ("与基线之差", "Less the baseline"),
    "strongest": ("最强的单个标签", "Strongest single tag"),
    "beside": ("与在用版本之差", "Less the version in use"),
    "champion": ("在用", "in use"),
    "candidate": ("候选", "a candidate"),
    "retired": ("退役", "retired"),
    "effect": ("平均效果", "Mean effect"),
    "half": ("处理得分高的一半，比随机一半每人多得", "Treating the better half, not a random half, per member"),
    "t_logistic": ("与每组一个逻辑回归的 Qini 之差", "Qini less that of a logistic regression per arm"),
    "error": ("每人平均误差", "Mean error per member"),
    "naive": ("照搬上一期的误差", "Error of repeating the period before"),
    "gap": ("误差之差", "Difference of errors"),
    "foretold": ("预测 / 实际的购买日", "Purchase days predicted / seen"),
    "psi": ("得分的稳定性指数（PSI）", "Stability index of the score (PSI)"),
    "moved": ("变化最大的标签", "Tags that moved most"),
    "sha": ("模型文件 SHA-256", "SHA-256 of the model's file"),
}
#: Pairs of a name and a text, which is read from the left.
_LOOK = (
    "<style>table.pairs td:nth-child(1){width:34%;color:#5c6a74}table td{vertical-align:top}"
    "h2,h3{break-after:avoid}tr,li,section{break-inside:avoid}"
    "table .n{text-align:right!important}table .w{text-align:left!important}</style>"
)


def body(card: Data, language: str, zone: str) -> list[str]:
    """The card in one language, from `services.models.model_card`; days are said in the zone."""
    at = 0 if language == "zh" else 1
    words = {name: both[at] for name, both in _WORDS.items()}
    metrics, name = card["metrics"], card["name"].get(language) or card["model"]
    parts = [STYLE, _LOOK, f"<h1>{escape(name)}</h1>"]
    if about := card["about"].get(language):
        parts.append(f'<p class="about">{escape(about)}</p>')
    parts += [f"<h2>{words['about']}</h2>", _pairs(_facts(card, words, language, zone))]
    trend = card["trend"] and card["trend"]["words"]
    said = [metrics.get("sentence"), card["calibration"], trend, (metrics.get("judgement") or {}).get("reason")]
    parts += [f"<h2>{words['said']}</h2>", _list([one[language] for one in said if one])]
    if limits := [*card["limits"], *metrics.get("caveats", [])]:
        parts += [f"<section><h2>{words['limits']}</h2>", _list([one[language] for one in limits]), "</section>"]
    names = {tag: both[language] for tag, both in card["names"].items()}
    if figures := [*_figures(metrics, words, names), *_stats(metrics.get("sections", []), language)]:
        parts += [f"<h2>{words['figures']}</h2>", _pairs(figures)]
    for chart in _charts(metrics):
        title = chart["title"][language]
        parts.append(f'<div class="chart"><h3>{escape(title)}</h3>{drawn(chart, language)}</div>')
    parts += [*_sections(metrics.get("sections", []), language), *_tables(metrics, words, names, zone)]
    if drift := card["drift"]:
        comma = "、" if language == "zh" else ", "
        most = comma.join(f"{names[one['tag']]} {one['psi']:.3f}" for one in drift["features"][:3])
        rows = [(words["psi"], f"{drift['score']['psi']:.3f}"), (words["moved"], most)]
        parts += [f"<h2>{words['drift']}</h2>", _pairs(rows)]
    parts.append(f"<footer>{words['sha']}: {escape(card['artifact']['sha256'])}</footer>")
    return parts


def _facts(card: Data, words: Mapping[str, str], language: str, zone: str) -> Iterator[Row]:
    made = card["definition"]
    yield words["model"], card["model"]
    yield words["version"], f"{card['version']} ({words[card['status']]})"
    yield words["algorithm"], card["method"][language]
    yield words["trained"], f"{_moment(card['trained_at'], zone):%Y-%m-%d}"
    yield words["as_of"], f"{_moment(card['window']['as_of'], zone):%Y-%m-%d %H:%M}"
    cohorts = made.get("test") or made.get("train") or [{}]
    if target := made.get("target") or cohorts[-1].get("target"):
        yield words["target"], target
    for key in ("fact", "relation", "trait", "signs", "payee", "answered", "text", "price", "product", "unit", "cost"):
        if made.get(key):
            yield words[key], made[key]
    asked = made.get("population") or cohorts[-1].get("population") or made.get("score")
    yield words["population"], asked or words["everybody"]
    if "horizon_days" in card["window"]:
        yield words["days_back" if made["estimator"] == "texts" else "days"], str(card["window"]["horizon_days"])
    yield words["tags"], ", ".join(card["tags"])


def _figures(metrics: Data, words: Mapping[str, str], names: Mapping[str, str]) -> Iterator[Row]:
    if tests := metrics.get("tests"):
        test = tests[-1]
        yield "AUC", _interval(test["auc"])
        if baseline := test.get("baseline"):
            yield f"{words['baseline']}: {names[baseline['tag']]}", _interval(baseline["auc"])
            yield words["difference"], _interval(test["difference"])
        if strongest := test.get("strongest_tag"):
            yield f"{words['strongest']}: {names[strongest['tag']]}", _interval(strongest["auc"])
        if champion := test.get("champion"):
            yield words["beside"], _interval(champion["difference"])
        yield "Brier", f"{test['brier']:.4f} / {test['brier_of_the_rate']:.4f}"
    elif figures := metrics.get("uplift"):
        yield words["effect"], _interval(figures["effect"])
        yield "Qini × 1000", _interval(figures["qini"])
        if plain := figures.get("t_logistic"):
            yield words["t_logistic"], _interval(plain["difference"])
        if champion := figures.get("champion"):
            yield words["beside"], _interval(champion["difference"])
        yield words["half"], _interval(figures["half"])
    elif check := metrics.get("holdout"):
        yield words["foretold"], f"{check['predicted']:,.0f} / {check['actual']:,.0f}"
        yield words["error"], f"{check['mean_absolute_error']:.3f}"
        yield words["naive"], f"{check['naive']['mean_absolute_error']:.3f}"
        yield words["gap"], _interval(check["error_minus_naive"])
        if champion := check.get("champion"):
            yield words["beside"], _interval(champion["difference"])


def _charts(metrics: Data) -> Iterator[Data]:
    if tests := metrics.get("tests"):
        test, bins = tests[-1], tests[-1]["calibration"]
        lines = [_line("model", *_gained(test["gains"]))]
        if base := test.get("baseline"):
            lines.append(_line("baseline", *_gained(base["gains"])))
        yield _chart("gains", "reached", "share", lines, diagonal=True)
        seen = _line("observed", [one["predicted"] for one in bins], [one["observed"] for one in bins])
        seen |= {"low": [one["low"] for one in bins], "high": [one["high"] for one in bins]}
        yield _chart("calibration", "predicted", "observed", [seen], draw="points", diagonal=True)
    elif figures := metrics.get("uplift"):
        curve = figures["curve"]
        line = _line("model", [one[0] for one in curve], [one[1] for one in curve])
        yield _chart("qini", "reached", "gained", [line])
    elif check := metrics.get("holdout"):
        groups = check["by_frequency"]
        names = [f"{one['frequency_from']}–{one['frequency_to']}" for one in groups]
        predicted = _line("predicted", names, [one["predicted"] for one in groups])
        actual = _line("observed", names, [one["actual"]["estimate"] for one in groups])
        yield _chart("purchases", "frequency", "purchases", [predicted, actual], draw="bars")


def _gained(gains: Sequence[Data]) -> tuple[list[float], list[float]]:
    return (
        [0.0, *(one["share"] for one in gains), 1.0],
        [0.0, *(one["share_of_positives"] for one in gains), 1.0],
    )


def _line(label: str, x: Sequence[Any], y: Sequence[float]) -> dict[str, Any]:
    return {"label": _both(label), "x": list(x), "y": list(y)}


def _chart(
    title: str, x: str, y: str, lines: Sequence[Data], *, draw: str = "lines", diagonal: bool = False
) -> dict[str, Any]:
    named = {"title": _both(title), "x": _both(x), "y": _both(y)}
    return {**named, "lines": lines, "draw": draw, "diagonal": diagonal}


def _both(name: str) -> dict[str, str]:
    return dict(zip(("zh", "en"), _WORDS[name], strict=True))


def _tables(metrics: Data, words: Mapping[str, str], names: Mapping[str, str], zone: str) -> Iterator[str]:
    if cohorts := metrics.get("cohorts"):
        heads = [words["cohort"], "", words["as_of"], words["members"], words["positives"], words["rate"]]
        yield f"<h2>{words['cohorts']}</h2>" + _table(
            heads,
            [
                [
                    one["name"],
                    words[one["role"]],
                    f"{_moment(one['as_of'], zone):%Y-%m-%d}",
                    f"{one['members']:,}",
                    f"{one['positives']:,}",
                    "" if one["rate"] is None else f"{one['rate']:.1%}",
                ]
                for one in cohorts
            ],
        )
    test = (metrics.get("tests") or [{}])[-1]
    for key, title in (("by_group", "groups"), ("fairness", "fairness")):
        levels = [(tag, one) for tag, found in (test.get(key) or {}).items() for one in found]
        if levels:
            heads = [words["group"], words["members"], words["predicted"], words["observed"], "AUC"]
            rows = [
                [
                    names[f"{tag} = {one['level']}"],
                    f"{one['members']:,}",
                    f"{one['predicted']:.3f}",
                    _interval(one["observed"]),
                    "—" if one["auc"] is None else _interval(one["auc"]),
                ]
                for tag, one in levels
            ]
            yield f"<h2>{words[title]}</h2>" + _table(heads, rows)


def _stats(sections: Sequence[Data], language: str) -> Iterator[Row]:
    for item in (item for one in sections if one["kind"] == "stats" for item in one["items"]):
        told = _written(item["value"], item["format"], language)
        if span := item["interval"]:
            low, high = (_written(span[end], item["format"], language) for end in ("low", "high"))
            told += f" ({low} ~ {high})"
        yield item["label"][language], told


def _sections(sections: Sequence[Data], language: str) -> Iterator[str]:
    """The tables and intervals; of a network the table beside it says as much on paper."""
    for one in sections:
        if one["kind"] == "dots":
            about = f'<p class="about">{escape(one["about"][language])}</p>'
            told = intervals(one["names"], one["values"], one["low"], one["high"])
            yield f"<section><h2>{escape(one['title'][language])}</h2>{about}{told}</section>"
        if one["kind"] == "table":
            formats = [column["format"] for column in one["columns"]]
            rows = [
                [_written(cell, kind, language) for cell, kind in zip(row, formats, strict=True)] for row in one["rows"]
            ]
            told = _table([column["label"][language] for column in one["columns"]], rows, formats)
            about = f'<p class="about">{escape(one["about"][language])}</p>'
            yield f"<section><h2>{escape(one['title'][language])}</h2>{about}{told}</section>"


def _written(value: Any, kind: str, language: str) -> str:
    """A figure as people read it; a dash where there is nothing."""
    if value is None or isinstance(value, str):
        return "–" if value is None else value
    if isinstance(value, Mapping):
        return str(value[language])
    return f"{value:.1%}" if kind == "percent" else f"{value:,.{DIGITS[kind]}f}"


def _moment(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(clock.zone_of(zone))


def _interval(found: Data) -> str:
    values = [found[name] for name in ("estimate", "low", "high")]
    return "{:.3f} ({:.3f} ~ {:.3f})".format(*values)


def _pairs(rows: Iterator[Row] | Sequence[Row]) -> str:
    told = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows)
    return f'<table class="pairs">{told}</table>'


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], kinds: Sequence[str] = ()) -> str:
    """A table; `kinds` are the formats of its columns, numbers to the right."""
    sides = [f' class="{"w" if kind == "text" else "n"}"' for kind in kinds] or [""] * len(heads)

    def line(cells: Sequence[str], tag: str) -> str:
        told = (f"<{tag}{side}>{escape(cell)}</{tag}>" for cell, side in zip(cells, sides, strict=True))
        return f"<tr>{''.join(told)}</tr>"

    return f"<table><thead>{line(heads, 'th')}</thead>{''.join(line(row, 'td') for row in rows)}</table>"


def _list(said: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in said)}</ul>"
