"""Run the corpus by DVC and by us, print its table and keep what DVC made: ``python -m tests.corpus``.

Options are those of pytest. ``references.json`` gets what DVC makes of a case wherever it runs.
"""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass, field

import pytest

from tests.corpus import CASES
from tests.support.cases import Case
from tests.support.references import keep

_HEAD = ("case", "stages", "dvc repro", "dvc_magic", "result")


@dataclass(slots=True)
class Table:
    """A plugin of pytest that notes what came of each case, and prints it at the end."""

    reports: dict[str, pytest.TestReport] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the report of a case."""
        name = report.nodeid.rpartition("[")[2].removesuffix("]")
        if report.when == "call" or report.failed:
            self.reports[name] = report

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table."""
        rows = [_row(case, self.reports[case.name]) for case in CASES if case.name in self.reports]
        for line in _lines([_HEAD, *rows]):
            terminalreporter.write_line(line)
        properties = {name: dict(report.user_properties) for name, report in self.reports.items()}
        keep({name: found["reference"] for name, found in properties.items() if "reference" in found}, CASES)


def _row(case: Case, report: pytest.TestReport) -> tuple[str, ...]:
    known = dict(report.user_properties)
    seconds = [f"{known[key]:.2f} s" if key in known else "" for key in ("dvc", "ours")]
    return (case.name, str(known.get("stages", "")), *seconds, _result(case, report))


def _result(case: Case, report: pytest.TestReport) -> str:
    if report.passed:
        return "equal" + "".join(f"; {stage}: {why}" for stage, why in case.unclean.items())
    if report.skipped:
        return f"known to differ: {case.fault}"
    crash = getattr(report.longrepr, "reprcrash", None)
    return textwrap.shorten(f"differs: {crash.message if crash else report.longreprtext}", 300)


def _lines(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    return ["  ".join([*map(str.ljust, row, widths), row[-1]]) for row in rows]


if __name__ == "__main__":
    sys.exit(
        pytest.main(["-q", "-n", "2", "--no-header", "--dvc-anew", *sys.argv[1:], "tests/corpus"], plugins=[Table()])
    )
