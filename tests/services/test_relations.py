"""Relations from files to tags and segments: identities in roles, tags of other subjects."""

from __future__ import annotations

from pathlib import Path

import gongbi

MORE = """subject: household
key: text
---
source: homes
from: {file: data/homes.csv}
relation: lives_in
to_one: true
key: [card, home]
subjects:
  member: {subject: customer, identifier: card}
  household: home
---
tag: home.spend
subject: household
name: {zh: 全家消费, en: Spend of the household}
expr: coalesce(sum(member.tag.spend.total), 0)
---
tag: home.share
name: {zh: 占全家消费, en: Share of the household's spend}
expr: tag.spend.total / household.tag.home.spend
---
segment: family
expr: count(household.member) > 1
"""


def test_a_household_is_read_from_files_to_segments(shop: Path) -> None:
    (shop / "data/homes.csv").write_text("card,home\n10,A\n11,A\n12,B\n", "utf-8")
    (shop / "definitions/homes.yaml").write_text(MORE, "utf-8")
    with gongbi.open(shop) as ws:
        ws.apply()
        ws.ingest()
        built = ws.build()
        assert {b["subject"] for b in built["builds"]} == {"customer", "item", "household"}
        home = ws.segment("tag.home.spend >= 0", subject="household").members(["tag.home.spend"]).to_pylist()
        assert {row["id"]: float(row["tag.home.spend"]) for row in home} == {"A": 23.5, "B": 9.9}
        found = ws.segment("true").members(["tag.home.share"]).to_pylist()
        shares = {row["id"]: row["tag.home.share"] for row in found}
        assert shares[13] is None
        assert round(shares[10], 4) == round(17.5 / 23.5, 4)
        assert sorted(ws.segment("segment.family").members().column("id").to_pylist()) == [10, 11]

        # Whoever does not write finds the neighbours in the form, under names that an expression may use.
        fields = ws.call("fields")
        known = [f["name"] for f in fields["fields"] if f["group"] == "neighbour"]
        assert known == ["household.tag.home.spend"]
        many = {
            fact["name"]: [c["name"] for c in fact["columns"]] for fact in fields["facts"] if fact["name"] != "order"
        }
        assert list(many) == ["household.member"]
        assert "household.member.tag.spend.total" in many["household.member"]
        assert "household.member.town" in many["household.member"]
        for name in known:
            ws.segment(f"{name} is not absent").count()
        for fact, columns in many.items():
            assert ws.segment(f"count({fact}) > 0").count() == 3
            for name in columns:
                ws.segment(f"count(distinct {name}) >= 1").count()
        assert next(iter(ws.call("fields", subject="household")["facts"]))["name"] == "member"

        # A change of another subject's tag is a change of those that read it.
        text = (shop / "definitions/homes.yaml").read_text("utf-8")
        (shop / "definitions/homes.yaml").write_text(
            text.replace("coalesce(sum(member.tag.spend.total), 0)", "count(member)"), "utf-8"
        )
        ws.apply()
        rebuilt = {b["subject"]: b["reused"] for b in ws.build()["builds"]}
        assert rebuilt == {"customer": False, "household": False, "item": True}
