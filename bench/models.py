"""Models at size: how long they take to learn and to score, and how their rivals do in the same run.

Each part is a process of its own and writes `bench/results/models-PART.json` when it is done; a part whose figures are
there is not measured again. `--again PART` measures one anew, `--parts a,b` chooses, `--share 0.1` makes each smaller.
A part is one function of a module `models_*.py`, named in `PARTS`; it takes the options and returns its figures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from common import RESULTS, surroundings

#: A part and where its function is: the module and the name.
PARTS: dict[str, tuple[str, str]] = {
    "uplift": ("models_uplift", "learn"),
    "propensity": ("models_propensity", "learn"),
    "purchases": ("models_purchases", "fit"),
    "purchases-score": ("models_purchases", "score"),
    "text": ("models_text_graph", "text"),
    "graph": ("models_text_graph", "graph"),
}


def part(name: str) -> Callable[[argparse.Namespace], dict[str, Any]]:
    """The function of a part."""
    module, function = PARTS[name]
    found: Callable[[argparse.Namespace], dict[str, Any]] = getattr(import_module(module), function)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--again", action="append", default=[], help="a part to measure anew")
    parser.add_argument("--share", type=float, default=1.0, help="of the full size")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--rivals", type=Path, help="the Python of an environment made from locks/rivals-models.txt")
    parser.add_argument("--part", choices=list(PARTS), help="do this one part here and now")
    given = parser.parse_args()
    given.results.mkdir(parents=True, exist_ok=True)
    if given.part:
        figures = part(given.part)(given)
        told = {"bench": given.part, **surroundings(), "share": given.share, **figures}
        text = json.dumps(told, indent=2, ensure_ascii=False)
        (given.results / f"models-{given.part}.json").write_text(text + "\n", "utf-8")
        sys.stderr.write(f"{given.part}: {json.dumps(figures, ensure_ascii=False)}\n")
        return
    for name in given.parts.split(","):
        if name in given.again or not (given.results / f"models-{name}.json").exists():
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--part", name], check=True)


if __name__ == "__main__":
    main()
