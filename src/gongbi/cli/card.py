"""The card of a model on the command line: what it says in words, its figures, its tables, its limits, its versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from gongbi.cli.figures import interval
from gongbi.cli.messages import language
from gongbi.cli.work import figure_words
from gongbi.models.sections import DIGITS

Data = Mapping[str, Any]
Part = str | Table

#: Rows of a table that are shown; `--json` and `--pdf` have all.
ROWS = 20
_WORDS = {
    "version": ("版本", "version"),
    "champion": ("在用", "in use"),
    "candidate": ("候选", "a candidate"),
    "retired": ("已退役", "retired"),
    "trained": ("训练于", "trained"),
    "asked": ("定义", "definition"),
    "tags": ("写入的标签", "tags it writes"),
    "figures": ("指标", "figures"),
    "cohorts": ("学习与检验用的批次", "cohorts it learned from and was judged on"),
    "cohort": ("批次", "cohort"),
    "role": ("用途", "role"),
    "as_of": ("截至", "as of"),
    "members": ("人数", "members"),
    "positives": ("有此结果", "with the outcome"),
    "train": ("学习", "train"),
    "test": ("检验", "test"),
    "counts": ("哪些标签起作用", "tags that count most"),
    "drift": ("训练以来的变化（PSI）", "drift since the training (PSI)"),
    "score": ("得分", "score"),
    "limits": ("已知的局限", "limits"),
    "groups": ("按人群：预测与实际", "by group: predicted and seen"),
    "group": ("人群", "group"),
    "predicted": ("预测", "predicted"),
    "observed": ("实际", "seen"),
    "candidates": ("试过的群数", "numbers of clusters that were tried"),
    "clusters": ("群数", "clusters"),
    "silhouette": ("轮廓系数", "silhouette"),
    "chance": ("打乱后", "shuffled"),
    "stability": ("稳定性", "stability"),
    "status": ("状态", "status"),
    "versions": ("所有版本", "versions"),
    "reason": ("原因", "reason"),
    "rest": ("另有 {n} 行，见 --pdf 或 --json", "{n} more rows: see --pdf or --json"),
    "print": ("图表：gongbi models {name} --pdf 文件.pdf", "with charts: gongbi models {name} --pdf FILE.pdf"),
}


def card_parts(card: Data) -> Iterator[Part]:
    """The card in the language of the command line, from `services.models.model_card`: lines and tables in order."""
    metrics, at, name = card["metrics"], language(), card["name"][language()] or card["model"]
    status = f"{_word('version')} {card['version']}, {_word(card['status'])}"
    yield f"[bold]{card['model']}[/]  {escape(name)}   {status}"
    yield f"    {escape(card['method'][at])}, {_word('trained')} {card['trained_at']}"
    if about := card["about"][at]:
        yield f"    {escape(' '.join(about.split()))}"
    trend = card["trend"] and card["trend"]["words"]
    judged = (metrics.get("judgement") or {}).get("reason")
    for words in filter(None, (metrics.get("sentence"), card["calibration"], trend, judged)):
        yield f"  · {escape(words[at])}"
    yield _title("limits")
    yield from (f"  · {escape(words[at])}" for words in [*card["limits"], *metrics.get("caveats", [])])
    yield _title("asked")
    asked = {key: value for key, value in card["definition"].items() if key not in ("model", "name", "about")}
    yield _pairs({key: _listed(value) for key, value in asked.items()})
    yield _title("tags")
    yield f"    {', '.join(card['tags'])}"
    yield _title("figures")
    yield _pairs(dict(_figures(metrics)))
    for section in metrics.get("sections", []):
        if section["kind"] == "table":
            yield from _section(section)
    yield from _learned(card)
    yield _title("versions")
    heads = [_word(key) for key in ("version", "status", "trained", "as_of", "reason")]
    rows = [
        [str(one["version"]), _word(one["status"]), one["trained_at"], one["as_of"], one["judgement"]["reason"][at]]
        for one in card["versions"]
    ]
    yield _table(heads, rows)
    yield _word("print").format(name=card["model"])


def _word(key: str) -> str:
    return _WORDS[key][0 if language() == "zh" else 1]


def _title(key: str) -> str:
    return f"[bold]{_word(key)}[/]"


def _pairs(pairs: Mapping[str, str]) -> Table:
    """Names and what they are; a grid, as Chinese takes twice the room that its letters count."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, value in pairs.items():
        grid.add_row(f"    {escape(name)}", escape(value))
    return grid


def _listed(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_listed, value))
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_listed(one)}" for key, one in value.items() if one is not None)
    return str(value)


def _figures(metrics: Data) -> Iterator[tuple[str, str]]:
    """Figures of the sections with their labels; where a kind has none, those of the headline by their keys."""
    items = [item for one in metrics.get("sections", []) if one["kind"] == "stats" for item in one["items"]]
    if metrics.get("tests") or not items:
        yield from ((key.replace("_", " "), figure_words(value)) for key, value in metrics["headline"].items())
    for item in items:
        span = item["interval"]
        bounds = f"  [{_cell(span['low'], item['format'])} … {_cell(span['high'], item['format'])}]" if span else ""
        yield item["label"][language()], _cell(item["value"], item["format"]) + bounds


def _section(section: Data) -> Iterator[Part]:
    kinds = [column["format"] for column in section["columns"]]
    yield f"[bold]{escape(section['title'][language()])}[/]"
    if about := section["about"][language()]:
        yield f"  {escape(about)}"
    rows = [[_cell(one, kind) for one, kind in zip(row, kinds, strict=True)] for row in section["rows"][:ROWS]]
    yield _table([column["label"][language()] for column in section["columns"]], rows, kinds)
    if (rest := len(section["rows"]) - ROWS) > 0:
        yield f"  {_word('rest').format(n=rest)}"


def _learned(card: Data) -> Iterator[Part]:
    """From which cohorts, by which tags, and how far those who are scored have moved from them."""
    metrics, names = card["metrics"], {tag: both[language()] for tag, both in card["names"].items()}
    if cohorts := metrics.get("cohorts"):
        yield _title("cohorts")
        heads = [_word(key) for key in ("cohort", "role", "as_of", "members", "positives")]
        rows = [
            [one["name"], _word(one["role"]), one["as_of"], _cell(one["members"], "count"), _share(one)]
            for one in cohorts
        ]
        yield _table(heads, rows, ["text", "text", "text", "count", "count"])
    yield from _groups(metrics, names)
    if tried := metrics.get("candidates"):
        yield _title("candidates")
        keys = ("silhouette", "chance", "stability")
        rows = [[str(one["clusters"]), *(f"{one[key]:.3f}" for key in keys)] for one in tried]
        yield _table([_word(key) for key in ("clusters", *keys)], rows, ["count"] * 4)
    if importance := metrics.get("importance"):
        yield _title("counts")
        # Versions of old weighed them by what they gained while learning.
        shares = {names[one["tag"]]: one.get("share", one.get("share_of_gain")) for one in importance[:10]}
        yield _pairs({tag: f"{share:.1%}" for tag, share in shares.items()})
    if drift := card["drift"]:
        yield _title("drift")
        moved = {names[one["tag"]]: f"{one['psi']:.3f}" for one in drift["features"][:5]}
        yield _pairs({_word("score"): f"{drift['score']['psi']:.3f}", **moved})


def _groups(metrics: Data, names: Mapping[str, str]) -> Iterator[Part]:
    """Of a propensity, whether it holds in each group and for each value of a protected tag."""
    test = (metrics.get("tests") or [{}])[-1]
    found = {**(test.get("by_group") or {}), **(test.get("fairness") or {})}
    if not found:
        return
    rows = [
        [names[f"{tag} = {one['level']}"], f"{one['members']:,}", f"{one['predicted']:.3f}", interval(one["observed"])]
        for tag, levels in found.items()
        for one in levels
    ]
    yield _title("groups")
    yield _table([_word(key) for key in ("group", "members", "predicted", "observed")], rows, ["text", *["count"] * 3])


def _share(cohort: Data) -> str:
    rate = "" if cohort["rate"] is None else f" ({cohort['rate']:.1%})"
    return _cell(cohort["positives"], "count") + rate


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], kinds: Sequence[str] = ()) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for i, head in enumerate(heads):
        right = bool(kinds) and kinds[i] != "text"
        table.add_column(escape(head), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def _cell(value: Any, kind: str) -> str:
    """A cell as people read it; a dash where there is nothing."""
    if value is None:
        return "—"
    if isinstance(value, Mapping):
        return str(value[language()])
    if isinstance(value, str):
        return value
    return f"{value:.1%}" if kind == "percent" else f"{value:,.{DIGITS[kind]}f}"
