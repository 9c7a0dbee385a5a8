"""A picture of a persona, drawn from its figures and nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

GROUNDS = ("#dfe9ee", "#f3e1db", "#dfece7", "#f5ecd6", "#e5e1ee", "#eee3da", "#dde8f0", "#f4e3dc")
COATS = ("#27617f", "#b8432f", "#2f7d6b", "#c9962b", "#6d5c94", "#8a5a3c", "#5b8fb0", "#d98b6a")
SKIN, HAIR = "#f0d3b8", "#3d3a38"
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
        f'<path d="M48 124 Q50 94 80 94 Q110 94 112 124 Z" fill="{coat}"/>',
        f'<circle cx="{MIDDLE}" cy="70" r="21" fill="{SKIN}"/>',
        f'<path d="{_hair(number)}" fill="{HAIR}"/>',
        f'<circle cx="73" cy="72" r="1.8" fill="{HAIR}"/><circle cx="87" cy="72" r="1.8" fill="{HAIR}"/>',
        f'<path d="M74 80 Q80 85 86 80" stroke="{HAIR}" stroke-width="1.6" fill="none"/>',
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


def _hair(number: int) -> str:
    """One of four cuts, so that personas are told apart; it says nothing about them."""
    low = (66, 72, 84, 60)[number % 4]
    return f"M58 {low} Q56 46 80 46 Q104 46 102 {low} Q80 54 58 {low} Z"
