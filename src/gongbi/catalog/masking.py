"""Personal values as they may be shown to whoever does not need them: 王*, 138****1234. Pure.

What is personal is said by definitions (`pii`), never guessed from values; how a value is masked follows from what it
looks like, so that a list of people stays readable.
"""

from __future__ import annotations

import re
from typing import Any, Literal

#: How close a value comes to a person, from least to most.
Privacy = Literal["none", "indirect", "direct", "sensitive"]
#: Grades whose values are masked.
MASKED: tuple[Privacy, ...] = ("direct", "sensitive")
HIDDEN = "***"
_CHINESE_NAME = re.compile("[\u3400-\u9fff·]{2,12}")


def masked(value: Any, grade: Privacy) -> Any:
    """A value as it may be shown; absent stays absent, and nothing at all is shown of what is sensitive.

    A phone keeps three digits and four, a longer number its first and last four, an address of e-mail its first letter
    and its domain, a Chinese name its first character, other texts their first letter; other values are hidden.
    """
    if value is None or grade not in MASKED:
        return value
    if grade == "sensitive" or (not isinstance(value, str) and (isinstance(value, bool) or not isinstance(value, int))):
        return HIDDEN
    text = str(value).strip()
    digits = re.sub(r"[\s\-()+]", "", text)
    if digits.isdecimal():
        if len(digits) >= 15:
            return f"{digits[:4]}{'*' * (len(digits) - 8)}{digits[-4:]}"
        if len(digits) >= 11:
            return f"{digits[-11:-8]}****{digits[-4:]}"
        return digits[:1] + "*" * max(len(digits) - 3, 2) + digits[-2:] if len(digits) > 4 else HIDDEN
    if re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        name, _, domain = text.partition("@")
        return f"{name[:1]}***@{domain}"
    if re.fullmatch(r"[0-9]{17}[0-9Xx]", text):
        return f"{text[:4]}{'*' * 10}{text[-4:]}"
    if _CHINESE_NAME.fullmatch(text) and len(text) <= 4:
        return text[0] + "*" * (len(text) - 1)
    return f"{text[:1]}{HIDDEN}" if text else text
