"""What a check of the run store found and did, as a card."""

from __future__ import annotations

from dvc_magic.model.checkup import CheckProgress, Finding, FindingKind, Remedy, Repair, StoreCheckup
from dvc_magic.views import checkup_card

READ = CheckProgress(files=1204, size=3_400_000_000, seconds=12.0)


def _cached(name: str, *runs: str) -> Finding:
    return Finding(
        kind=FindingKind.CACHE,
        path=f"cache/{name}",
        seen="does not hold what its name says",
        remedy=Remedy.RESTORE,
        advice="taken from a workspace",
        runs=runs,
    )


NUMBER = Finding(
    kind=FindingKind.NUMBER, path="runs/a", seen="and runs/b both have number 1", remedy=Remedy.NOTHING, advice="left"
)


def test_a_store_in_order_is_one_line_with_what_was_read() -> None:
    card = checkup_card(StoreCheckup(home="/p/.dvc_magic", runs=3, read=READ))

    assert card.text() == "/p/.dvc_magic is in order (3 runs, 1204 files, 3.4 GB read, 12 s)"


def test_findings_are_grouped_with_what_a_repair_does_and_the_line_for_it() -> None:
    card = checkup_card(
        StoreCheckup(home="h", runs=1, read=READ, findings=(NUMBER, _cached("x", "train 1", "train 2")))
    )

    assert card.text().split("\n") == [
        "h: 2 things are not in order (1 run, 1204 files, 3.4 GB read, 12 s)",
        "numbers of runs",
        "  runs/a  and runs/b both have number 1",
        "          left",
        "the runs' cache",
        "  cache/x  does not hold what its name says (train 1, train 2)",
        "           a repair: taken from a workspace",
        "next",
        "  %dvc_doctor --repair",
    ]


def test_no_repair_is_offered_where_none_would_do_anything() -> None:
    assert "next" not in checkup_card(StoreCheckup(home="h", findings=(NUMBER,))).text()


def test_repairs_say_what_was_done_and_what_was_left_with_its_reason() -> None:
    done = Repair(finding=_cached("x"), done=True, said="taken from runs/b/workspace/x")
    left = Repair(finding=NUMBER, done=False, said="left as it is")
    checkup = StoreCheckup(
        home="h", read=READ, findings=(_cached("x"), NUMBER), repairs=(done, left), aside={"quarantine/x": 2500}
    )

    lines = checkup_card(checkup).text().split("\n")

    assert lines[0].startswith("h: 1 of 2 repaired")
    assert lines[1:] == [
        "repaired: the runs' cache",
        "  cache/x  does not hold what its name says",
        "           taken from runs/b/workspace/x",
        "left: numbers of runs",
        "  runs/a  and runs/b both have number 1",
        "          left as it is",
        "kept aside: 1 file, 2.5 kB; a repair leaves them, remove what you do not need",
        "  quarantine/x  2.5 kB",
    ]


def test_many_of_a_kind_are_counted_and_the_first_named() -> None:
    card = checkup_card(StoreCheckup(home="h", findings=tuple(_cached(str(number)) for number in range(30))))

    assert "the runs' cache (30)" in card.text()
    assert "and 22 more like these; .findings of this result has all" in card.text()
    assert "cache/9 " not in card.text()


def test_names_are_escaped() -> None:
    html = checkup_card(StoreCheckup(home="<i>", findings=(_cached("<script>", "<b>"),), aside={"<u>": 1})).html()

    assert "<script>" not in html
    assert "<b>" not in html
    assert "<u>" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;" in html
