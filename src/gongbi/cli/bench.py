"""Made-up companies in any size, to try things out and to measure."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from gongbi.cli.output import Progressing
from gongbi.errors import InvalidInput, UnknownName
from gongbi.packs import demo

bench_app = typer.Typer(help="Data to try things out and to measure. 生成演练数据。", no_args_is_help=True)
#: Kind of company → the pack with its definitions, and a segment to look at first.
KINDS = {"retail": ("synthetic", "champions"), "bank": ("bank", "deposits_due")}


@bench_app.command()
def data(
    to: Annotated[Path, typer.Argument(help="A new folder, which becomes a workspace.")],
    customers: Annotated[int, typer.Option(min=1, help="How many customers.")] = 10_000,
    events: Annotated[int, typer.Option(min=0, help="How many facts of all kinds together.")] = 200_000,
    seed: Annotated[int, typer.Option(min=0, help="Another number gives another company.")] = 0,
    kind: Annotated[str, typer.Option(help="What the company does: retail or bank.")] = "retail",
) -> None:
    """Write believable data and the definitions for it; the same numbers always give the same files. 生成数据。"""
    from gongbi.synthetic import write_bank, write_retail
    from gongbi.workspace import copy_pack, init

    if kind not in KINDS:
        raise UnknownName("kind of company", kind, KINDS)
    if os.path.lexists(to / "data"):
        raise InvalidInput(f"{to / 'data'} is there already.", hint="Choose another folder.")
    pack, first = KINDS[kind]
    told = demo(pack)
    write = write_bank if kind == "bank" else write_retail
    root = init(to, name=told.name, zone=told.zone)
    copy_pack(root, told.pack)
    with Progressing("data") as progress:
        rows = write(
            root / "data",
            customers=customers,
            events=events,
            seed=seed,
            on_rows=lambda done, of: progress("data", done, of),
        )
    for table, n in rows.items():
        print(f"{table:<12}{n:>14,}")
    print(f"\nNext: cd {root} && gongbi apply && gongbi ingest && gongbi build && gongbi segment count {first}")
