"""The options of Guild AI's ``guild run`` and ``guild runs``, and what there is here in their place. Data."""

from __future__ import annotations

from msgspec import Struct

from dvc_magic.line.options import Option

VALUE = "{}"
"""Where the value goes in what is written here."""


class Answer(Struct, frozen=True, kw_only=True):
    """What is said of an option of Guild AI's.

    Attributes:
        option: as Guild AI has it.
        ours: what to write in its place, `{}` where its value goes; empty when the line goes without. Of several the
            first that the magic has counts.
        said: what there is to say; may be empty when something takes its place.
    """

    option: Option
    ours: tuple[str, ...] = ()
    said: str = ""


def _answer(names: str, *ours: str, said: str = "") -> Answer:
    """An answer to ``-s, --long VALUE``, as a help page has it."""
    spellings, _, what = names.partition(" ")
    short, _, name = spellings.rpartition(",")
    return Answer(
        option=Option(name=name, short=short, takes=bool(what), repeats=True, what=what), ours=ours, said=said
    )


_ASKS = "nothing asks before it runs"
_WAITS = "this version has no background runs; a cell waits for its runs, and those of %dvc_ui go on beside cells"
_SEARCH = "this version has no search; several values of a flag are a grid, and runs.best(minimize='KEY') its best"
_WHOLE = "a grid runs as a whole, the values that are written and no others"
_NOTES = "a comment is the note of a run, which is given to it later: run.tag(note='TEXT')"
_MARKS = "runs have marks, run.tag(mark=True): [run for run in runs if {}run.notes.mark] lists those with{}"
_BATCH = "a grid has no run of its own, its runs have"
_KEPT = "every run is kept"
_GPUS = "a run has the kernel's environment: %env CUDA_VISIBLE_DEVICES=0 in a cell before it"
_BREAK = "%dvc_debug RUN opens a run that failed in the debugger"
_PLAN = "it shows the plan and runs nothing"
_FLAGS = "%dvc_stages STAGE shows a stage's command, deps and flags; --dry-run, the plan"

RUN_ANSWERS = (
    _answer("--needed", "--reuse", said="code, data and packages have to be equal too"),
    _answer("--proto RUN", "--from {}", said="the values of that run, with the code as it is now"),
    _answer("--start RUN", "--from {}", said="a run is never executed again in its place; a new one has its values"),
    _answer("--restart RUN", "--from {}", said="a run is never executed again in its place; a new one has its values"),
    _answer("--force-sourcecode", said="a run always has the code as it is now"),
    _answer("-l,--label LABEL", "--label {}"),
    _answer("-t,--tag TAG", "--tag {}"),
    _answer("-c,--comment TEXT", said=_NOTES),
    _answer("-ec,--edit-comment", said=_NOTES),
    _answer("-e,--edit-flags", said="%dvc_ui shows the flags as a form"),
    _answer("-d,--run-dir DIR", said="a run has its own folder, run.path; home: in dvc_magic.yaml moves them all"),
    _answer("--stage", "--dry-run", said=f"nothing is staged for later; {_PLAN}"),
    _answer("--stage-trials", "--dry-run", said=f"nothing is staged for later; {_PLAN}"),
    _answer("--print-cmd", "--dry-run", said=_PLAN),
    _answer("--print-env", "--dry-run", said=_PLAN),
    _answer("--print-trials", "--dry-run", said=_PLAN),
    _answer("--save-trials PATH", "--dry-run", said=f"{_PLAN}; runs.to_frame() has the values of runs as a table"),
    _answer("--test-sourcecode", "--dry-run", said=f"{_PLAN}; docs/what-a-run-sees.md tells what a run has"),
    _answer("--test-flags", "--dry-run", said=_FLAGS),
    _answer("--test-output-scalars OUTPUT", "--dry-run", said="a run finds its scalars while it prints"),
    _answer("--test-output-attrs OUTPUT", "--dry-run", said="nothing is read from output but its log"),
    _answer("-y,--yes", said=_ASKS),
    _answer("-f,--force-flags", said="a key that is no flag is set by -S KEY=V"),
    _answer("--force-deps", said="a run without its deps would fail; --upstream and --use say where they come from"),
    _answer("--stop-after MINUTES", "--timeout {}m"),
    _answer("--fail-on-trial-error", said="a grid tries all its values, and then raises an error"),
    _answer("-b,--background", said=_WAITS),
    _answer("--pidfile FILE", said=_WAITS),
    _answer("-n,--no-wait", said="it is about remote runs, and runs are local here"),
    _answer("-r,--remote REMOTE", said="runs are local here"),
    _answer("-D,--dep PATH", "--deps {}", "--copy-path {}", said="files that git does not ignore are there anyway"),
    _answer("--gpus DEVICES", said=_GPUS),
    _answer("--no-gpus", said=_GPUS.replace("=0", "=-1")),
    _answer("-o,--optimizer ALGORITHM", said=_SEARCH),
    _answer("-O,--optimize", said=_SEARCH),
    _answer("-N,--minimize COLUMN", said=_SEARCH),
    _answer("-X,--maximize COLUMN", said=_SEARCH),
    _answer("-Fo,--opt-flag FLAG", said=_SEARCH),
    _answer("-m,--max-trials N", said=_WHOLE),
    _answer("--trials N", said=_WHOLE),
    _answer("--random-seed N", said=f"nothing is drawn at random; {_WHOLE}"),
    _answer("-bl,--batch-label LABEL", "--label {}", said=_BATCH),
    _answer("-bt,--batch-tag TAG", "--tag {}", said=_BATCH),
    _answer("-bc,--batch-comment TEXT", said=_NOTES),
    _answer("-ebc,--edit-batch-comment", said=_NOTES),
    _answer("--keep-run", said=_KEPT),
    _answer("--keep-batch", said=_KEPT),
    _answer("--debug-sourcecode PATH", said="a run has the code of the project as it is now, and no other"),
    _answer("--break LOCATION", said=_BREAK),
    _answer("--break-on-error", said=_BREAK),
    _answer("-q,--quiet", said="the log is always shown; a ; at the end leaves out the result"),
    _answer("--help-op", "--help"),
    _answer("--help-model", "--help"),
)
"""The options of ``guild run``."""

_LISTED = "all runs are listed, and -n N shows the first N"
_COLUMNS = "runs.to_frame() has everything as a table"

RUNS_ANSWERS = (
    _answer("-Fo,--operation OP", "--stage {}"),
    _answer("-Ft,--tag TAG", "--tag {}"),
    _answer("-n,--limit N", "-n {}"),
    _answer("-a,--all", said=_LISTED),
    _answer("-m,--more", said=_LISTED),
    _answer("-s,--simplified", said=_COLUMNS),
    _answer("-v,--verbose", said="%dvc_show RUN shows everything of a run"),
    _answer("-c,--comments", said="%dvc_show RUN shows the note of a run, and run.note is its text"),
    _answer("--json", said=_COLUMNS),
    _answer("-d,--deleted", said="this version has no trash"),
    _answer("-A,--archive PATH", said="this version has no archives"),
    _answer("-Fs,--started RANGE", said="a query takes dates, as in started > '2026-01-31'"),
    _answer("-Fd,--digest VALUE", said="a query can ask for the commit: git_commit ~ '^3fa2'"),
    _answer("-Fm,--marked", said=_MARKS.format("", "")),
    _answer("-Fn,--unmarked", said=_MARKS.format("not ", "out one")),
    _answer("-Ss,--staged", said="nothing is staged here"),
)
"""The options of ``guild runs`` that are options or nothing here; the others are parts of a query."""

STATUSES = {
    ("-Sr", "running"): "running",
    ("-Sc", "completed"): "completed",
    ("-Se", "error"): "failed",
    ("-St", "terminated"): "stopped",
    ("-Sp", "pending"): "pending",
}
"""Our status for each of Guild AI's that can be filtered by."""

STATUS_ANSWERS = tuple(_answer(f"{short},--{name}", ours) for (short, name), ours in STATUSES.items())
"""The filters by status, of which Guild AI takes several as one or the other."""

QUERIES = (
    _answer("-F,--filter EXPR", VALUE),
    _answer("-Fl,--label TEXT", "label contains {}"),
    _answer("-Fc,--comment TEXT", "note contains {}"),
    _answer("-Fu,--unlabeled", "not label ~ '.'"),
    *(_answer(f"--not-{name}", f"status != {ours}") for (_, name), ours in STATUSES.items()),
)
"""The filters that are parts of a query here."""

NAMES = {"op": "stage", "operation": "stage", "opref": "stage"}
"""Guild AI's names in a query, and ours."""

PREFIXES = {"flag:": "params.", "scalar:": "metrics.", "attr:": ""}
"""The same for what stands before a name."""
