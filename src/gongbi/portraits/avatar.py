"""A picture of a persona, drawn from its figures and nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

GROUNDS = ("#dfe9ee", "#f3e1db", "#dfece7", "#f5ecd6", "#e5e1ee", "#eee3da", "#dde8f0", "#f4e3dc")
COATS = ("#27617f", "#b8432f", "#2f7d6b", "#c9962b", "#6d5c94", "#8a5a3c", "#5b8fb0", "#d98b6a")
SIZE, MIDDLE, RING = 160, 80, 62
#: An index from which a petal is no longer.
LONGEST = 300.0


def avatar(number: int, share: float, petals: Sequence[Mapping[str, Any]], language: str) -> str:
    """Draw a persona as SVG.

    Parameters
    ----------
    number
        Its place in the cast, from 0 on: the colours.
    share
        Its share of everybody: how much of the ring is filled.
    petals
        Its strongest traits, each with a ``tgi`` and its words: a petal each, the longer the more it stands out.
    """
    coat, ground = COATS[number % len(COATS)], GROUNDS[number % len(GROUNDS)]
    words = "; ".join(str(petal[language]) for petal in petals)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" role="img" aria-label="{escape(words)}">',
        f'<circle cx="{MIDDLE}" cy="{MIDDLE}" r="{RING - 6}" fill="{ground}"/>',
        f'<circle cx="{MIDDLE}" cy="{MIDDLE}" r="{RING}" fill="none" stroke="#e3ded3" stroke-width="3"/>',
        _arc(share, coat),
    ]
    for i, petal in enumerate(petals):
        angle = 2 * math.pi * i / max(len(petals), 1) - math.pi / 2
        length = 4 + 12 * min(petal["tgi"], LONGEST) / LONGEST
        x, y = (MIDDLE + (RING + 2 + length / 2) * f(angle) for f in (math.cos, math.sin))
        turn = math.degrees(angle)
        tip = f"{petal[language]} · TGI {petal['tgi']:.0f}"
        parts.append(
            f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{length / 2:.1f}" ry="4" fill="{coat}" fill-opacity="0.75"'
            f' transform="rotate({turn:.1f} {x:.1f} {y:.1f})"><title>{escape(tip)}</title></ellipse>'
        )
    parts += [
        # A figure without face, hair or skin: no tag says how anybody looks.
        f'<circle cx="{MIDDLE}" cy="68" r="20" fill="{coat}"/>',
        f'<path d="M44 126 Q46 94 80 94 Q114 94 116 126 Z" fill="{coat}"/>',
        "</svg>",
    ]
    return "".join(parts)


def _arc(share: float, colour: str) -> str:
    round_ = 2 * math.pi * RING
    filled = round_ * min(max(share, 0.0), 1.0)
    return (
        f'<circle cx="{MIDDLE}" cy="{MIDDLE}" r="{RING}" fill="none" stroke="{colour}" stroke-width="3"'
        f' stroke-dasharray="{filled:.1f} {round_:.1f}" transform="rotate(-90 {MIDDLE} {MIDDLE})"/>'
    )
