"""What a check of the run store found and did, as a card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dvc_magic.model.checkup import CheckProgress, Finding, FindingKind, Remedy, Repair, StoreCheckup
from dvc_magic.views.card import Card, Section
from dvc_magic.views.format import cut, few, format_bytes, format_seconds

_LINES = 8  # findings of one kind that are named
_RUNS = 60  # characters for the runs that need something
_PATH = 70  # characters of a path

_TITLES = {
    FindingKind.RECORD: "records of runs",
    FindingKind.NOTES: "labels, tags and notes",
    FindingKind.ORDER: "what failed runs were to execute",
    FindingKind.NUMBER: "numbers of runs",
    FindingKind.LOCK: "locks",
    FindingKind.SNAPSHOT: "snapshots of sources",
    FindingKind.SOURCE: "contents of sources",
    FindingKind.ENVIRONMENT: "lists of packages",
    FindingKind.CACHE: "the runs' cache",
    FindingKind.OUT: "outputs of runs",
    FindingKind.INDEX: "index and caches",
    FindingKind.LITTER: "leftovers",
    FindingKind.STORE: "the store's folder",
    FindingKind.SECRET: "credentials",
}


def checkup_card(checkup: StoreCheckup) -> Card:
    """The card: what was found or done, by kind, and what is kept aside."""
    if checkup.repairs:
        done = [repair for repair in checkup.repairs if repair.done]
        left = [repair for repair in checkup.repairs if not repair.done]
        sections = [*_sections(done, "repaired: "), *_sections(left, "left: ")]
    else:
        sections = _sections([Repair(finding=one, done=False, said=_outlook(one)) for one in checkup.findings], "")
        if any(finding.remedy is not Remedy.NOTHING for finding in checkup.findings):
            sections.append(Section(title="next", block="%dvc_doctor --repair"))
    return Card(title=_title(checkup), sections=(*sections, *_aside(checkup.aside)))


def _outlook(finding: Finding) -> str:
    return finding.advice if finding.remedy is Remedy.NOTHING else f"a repair: {finding.advice}"


def progress_line(progress: CheckProgress) -> str:
    """How far a check has come: ``1204 files, 3.4 GB read, 12 s``."""
    return f"{progress.files} files, {format_bytes(progress.size)} read, {format_seconds(progress.seconds)}"


def _title(checkup: StoreCheckup) -> str:
    runs = "1 run" if checkup.runs == 1 else f"{checkup.runs} runs"
    looked = f"{runs}, {progress_line(checkup.read)}"
    if not checkup.findings:
        return f"{checkup.home} is in order ({looked})"
    if checkup.repairs:
        done = sum(repair.done for repair in checkup.repairs)
        return f"{checkup.home}: {done} of {len(checkup.repairs)} repaired ({looked})"
    count = len(checkup.findings)
    return f"{checkup.home}: {count} {'thing is' if count == 1 else 'things are'} not in order ({looked})"


def _sections(repairs: Sequence[Repair], before: str) -> list[Section]:
    sections = []
    for kind, title in _TITLES.items():
        of_kind = [repair for repair in repairs if repair.finding.kind is kind]
        if of_kind:
            count = f" ({len(of_kind)})" if len(of_kind) > 1 else ""
            sections.append(Section(title=f"{before}{title}{count}", pairs=tuple(_pairs(of_kind))))
    return sections


def _pairs(repairs: Sequence[Repair]) -> Iterable[tuple[str, str]]:
    for repair in repairs[:_LINES]:
        finding = repair.finding
        yield cut(finding.path, width=_PATH), f"{finding.seen}{_needed_by(finding)}\n{repair.said}"
    if len(repairs) > _LINES:
        yield "...", f"and {len(repairs) - _LINES} more like these; .findings of this result has all"


def _needed_by(finding: Finding) -> str:
    return f" ({few(finding.runs, width=_RUNS)})" if finding.runs else ""


def _aside(aside: dict[str, int]) -> list[Section]:
    if not aside:
        return []
    pairs = [(cut(path, width=_PATH), format_bytes(size)) for path, size in list(aside.items())[:_LINES]]
    if len(aside) > _LINES:
        pairs.append(("...", f"and {len(aside) - _LINES} more"))
    files = "1 file" if len(aside) == 1 else f"{len(aside)} files"
    title = (
        f"kept aside: {files}, {format_bytes(sum(aside.values()))}; a repair leaves them, remove what you do not need"
    )
    return [Section(title=title, pairs=tuple(pairs))]
