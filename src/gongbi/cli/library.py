"""How versions, changes and users of definitions are printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from gongbi.cli.messages import language

_STATES: Mapping[str, tuple[str, str]] = {
    "draft": ("草稿", "draft"),
    "review": ("待审", "in review"),
    "rejected": ("已驳回", "rejected"),
    "replaced": ("已被取代", "replaced"),
    "published": ("已发布", "published"),
    "retired": ("已退役", "retired"),
}
_COLOURS = {"published": "green", "review": "yellow", "draft": "cyan", "rejected": "red", "retired": "dim"}


def _say(zh: str, en: str) -> str:
    return zh if language() == "zh" else en


def state(name: str) -> str:
    """A state in words."""
    return _say(*_STATES.get(name, (name, name)))


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=160)


def _print(*lines: str) -> None:
    console = _console()
    for line in lines:
        console.print(line, highlight=False, soft_wrap=not console.is_terminal)


def _who(one: Mapping[str, Any]) -> str:
    return f"{escape(one['actor'])} ({_say('未验证', 'unverified')})"


def _changes(changes: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for change in changes:
        lines.append(f"  {escape(change['words'][language()])}")
        if change["parts"]:
            marks = {"same": "{}", "removed": "[red strike]{}[/]", "added": "[green]{}[/]"}
            shown = " ".join(marks[p["mark"]].format(escape(_marked(p))) for p in change["parts"])
            lines.append(f"    {shown}")
    return lines


def _marked(part: Mapping[str, Any]) -> str:
    """A part of an expression; the marks stay readable where there are no colours."""
    return {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}[part["mark"]].format(part["text"])


def show_done(done: Sequence[Mapping[str, Any]]) -> None:
    """Print what became of some drafts."""
    for one in done:
        version = _say(f"第 {one['version']} 版", f"version {one['version']}") if "version" in one else ""
        head = f"{one['kind']} [bold]{escape(one['name'])}[/] {version}: [{_COLOURS.get(one['state'], 'dim')}]"
        _print(f"{head}{state(one['state'])}[/]")
        _print(*_changes(one.get("changes", ())))
        if touches := one.get("touches"):
            _print(f"  {_say('影响', 'Touches')}: {escape(', '.join(touches))}")
        if one["state"] == "draft":
            name = one["name"] if one["kind"] == "tag" else f"{one['kind']}.{one['name']}"
            _print(f"  {_say('下一步', 'Next')}: gongbi tags submit {escape(name)}")


def show_drafts(drafts: Sequence[Mapping[str, Any]]) -> None:
    """Print what waits."""
    if not drafts:
        _print(f"[dim]{_say('没有草稿。', 'Nothing waits.')}[/]")
    for one in drafts:
        _print(f"[dim]{one['at'][:16].replace('T', ' ')}[/] {_who(one)} {escape(one['why'])}")
        show_done([one])


def show_versions(found: Mapping[str, Any]) -> None:
    """Print the versions of a definition, the newest first."""
    for one in found["versions"]:
        now = f" [bold]← {_say('生效中', 'in force')}[/]" if one["version"] == found["current"] else ""
        number = _say(f"第 {one['version']} 版", f"version {one['version']}")
        _print(
            f"[bold]{number}[/] [{_COLOURS.get(one['state'], 'dim')}]{state(one['state'])}[/]{now}",
            f"  {one['at'][:16].replace('T', ' ')} {_who(one)} {escape(one['why'])}".rstrip(),
        )
        _print(*_changes(one["changes"]))
        for event in one["events"]:
            when = event["at"][:16].replace("T", " ")
            _print(f"  {when} {state(event['state'])}: {_who(event)} {escape(event['why'])}".rstrip())


def show_diff(found: Mapping[str, Any]) -> None:
    """Print what changed between two versions."""
    _print(f"[bold]{escape(found['name'])}[/] {found['old']} → {found['new']}")
    _print(*(_changes(found["changes"]) or [f"  {_say('没有变化。', 'Nothing changed.')}"]))
    old, new = found["types"]["old"], found["types"]["new"]
    if old and new and old != new:
        _print(f"  {_say(f'值的类型由 {old} 变为 {new}。', f'The type of its values changes from {old} to {new}.')}")


def show_impact(found: Mapping[str, Any]) -> None:
    """Print everything that rests on a definition as a tree."""
    _print(f"{found['kind']} [bold]{escape(found['name'])}[/]")
    if not found["users"]:
        _print(f"  [dim]{_say('没有定义使用它。', 'No definition uses it.')}[/]")
    _branches(found["users"], "  ")
    counts = ", ".join(f"{kind} {n}" for kind, n in found["counts"].items())
    if counts:
        _print(f"{_say('合计', 'In all')}: {counts}")
    if found["drafts"]:
        _print(f"{_say('草稿也用到', 'Drafts would use it too')}: {escape(', '.join(found['drafts']))}")
    if found["exports"]:
        _print(f"{_say('导出过的文件', 'Files that hold it')}: {found['exports']}")


def _branches(users: Sequence[Mapping[str, Any]], indent: str) -> None:
    for user in users:
        again = f" [dim]({_say('见上', 'see above')})[/]" if user.get("again") else ""
        how = f" [dim]{escape(', '.join(user['how']))}[/]"
        _print(f"{indent}{user['kind']} {escape(user['name'])}{how}{again}")
        _branches(user["users"], indent + "  ")


def show_unused(found: Mapping[str, Any]) -> None:
    """Print the tags that nothing uses."""
    from gongbi.cli.output import show

    show([{**tag, "since": tag["since"][:10]} for tag in found["tags"]])
    n, of, days = len(found["tags"]), found["of"], found["days"]
    _print(_say(f"{of} 个标签中有 {n} 个 {days} 天没有人用。", f"{n} of {of} tags were not used for {days} days."))
    _print(f"[dim]{escape(found['counted'][language()])}[/]")


def show_scheme(schemes: Sequence[Mapping[str, Any]]) -> None:
    """Print the trees of categories."""
    for scheme in schemes:
        _print(f"[bold]{escape(scheme['scheme'])}[/] {escape(' '.join(scheme['name'].values()))}")
        for category in scheme["categories"]:
            indent = "  " * (category["path"].count("/") + 1)
            names = " ".join(dict.fromkeys(category["name"].values()))
            _print(f"{indent}{escape(names)} [dim]{category['tags']}[/]")
