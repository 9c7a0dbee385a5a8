"""The language in which errors and warnings are printed: English, or Chinese where ``GONGBI_LANG`` says ``zh``."""

from __future__ import annotations

import os
import re

from gongbi.errors import GongbiError

#: What the reader of the command line says is wrong with it → in Chinese.
_COMMAND_LINE = (
    (r"No such option: (\S+?)\.?(?: Did you mean (.+?)\?| \(Possible options: (.+)\))?", "没有选项 {0}。"),
    (r"No such command '(.*)'\.(?: Did you mean (.+?)\?)?", "没有命令「{0}」。"),
    (r"Missing argument '?(.*?)'?\.", "缺少参数 {0}。"),
    (r"Missing option '?(.*?)'?\.", "缺少选项 {0}。"),
    (r"Missing command\.", "缺少命令。"),
    (r"Got unexpected extra argument(?:\(s\)|s)? \((.*)\)", "多出的参数：{0}。"),
    (r"Option '(.*)' requires .*", "选项 {0} 需要一个值。"),
    (r"Invalid value for (.*?): (.*)", "{0} 的值不对：{1}"),
    (r"Invalid value: (.*)", "值不对：{0}"),
)


def parsed(message: str) -> str:
    """What is wrong with a command line, in the language of errors."""
    if language() == "zh":
        for pattern, said in _COMMAND_LINE:
            if found := re.fullmatch(pattern, message.strip(), re.DOTALL):
                return said.format(*(part or "" for part in found.groups()))
    return message


def language() -> str:
    """The language of errors and warnings."""
    return "zh" if os.environ.get("GONGBI_LANG") == "zh" else "en"


def told(message: str, hint: str | None = None) -> str:
    """A message and its hint in that language."""
    from gongbi.translation import sentences

    return sentences(message, hint, language=language())


def line_of(error: GongbiError) -> str:
    """An error as one line; a long one keeps the lines it has."""
    said = (f"{error.place}: " if error.place else "") + told(error.message, error.hint)
    return " ".join(said.split()) if len(said) < 2000 else said
