"""Options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Where = Annotated[Path, typer.Option("--workspace", "-w", envvar="GONGBI_WORKSPACE", help="The workspace's folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
As = Annotated[str | None, typer.Option("--as", envvar="GONGBI_ACTOR", help="Who is working; recorded.")]
Subject = Annotated[str, typer.Option("--subject", "-s", help="What is described: customer, product, …")]
Columns = Annotated[
    list[str] | None, typer.Option("--column", "-c", help="A tag, attribute or expression; repeatable.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Take the place of a file that is there.")]
Reveal = Annotated[str | None, typer.Option("--reveal", help="Why masked values are to be seen; recorded.")]
HERE = Path()
