"""Files that people open."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.csv
import pytest

from gongbi.services.files import write_table


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_excel_has_instants_in_the_zone_of_the_workspace_and_csv_in_utc(tmp_path: Path, zone: str | None) -> None:
    moments = [datetime(2024, 1, 1, 23, 30), datetime(2024, 7, 1, 23, 30), None]  # noqa: DTZ001 (as the engine keeps it)
    days = [date(2024, 1, 1), None, date(2024, 7, 1)]
    table = pa.table({"id": [1, 2, 3], "at": pa.array(moments, pa.timestamp("us", zone)), "day": days})
    table = table.append_column("money", pa.array([Decimal("15067.77"), None, Decimal("0.50")]))
    write_table(table, tmp_path / "list.xlsx", zone="Europe/Paris")
    sheet = openpyxl.load_workbook(tmp_path / "list.xlsx")["members"]
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    # An hour ahead in winter, two in summer.
    assert [row[1] for row in rows] == [datetime(2024, 1, 2, 0, 30), datetime(2024, 7, 2, 1, 30), None]  # noqa: DTZ001
    assert [row[2] and row[2].date() for row in rows] == days
    assert sheet["B2"].number_format == 'yyyy-mm-dd hh:mm:ss "Europe/Paris"'
    assert sheet["B1"].value == "at"
    assert [row[3] for row in rows] == [15067.77, None, 0.5]
    assert sheet["D2"].number_format.startswith("[>=1000]#,##0.00;")
    assert sheet["A2"].number_format == "General", "no thousands in ids"
    write_table(table, tmp_path / "list.csv", zone="Europe/Paris")
    assert pa.csv.read_csv(tmp_path / "list.csv")["at"].to_pylist()[0].replace(tzinfo=None) == moments[0]
