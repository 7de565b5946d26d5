"""What Guild AI's spellings on a line are called here: a table, and one sentence for each.

A line is looked at only after it turned out to be an error, so options, flags and stages of any name mean what they
always do. The tables are text until then: a kernel in which nobody types Guild's words does not pay for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from dvc_magic.errors import DvcMagicError
from dvc_magic.line.flags import matching
from dvc_magic.line.options import Option, is_dashed, take_option, unforced
from dvc_magic.line.scope import Known
from dvc_magic.line.tokens import Token, partition, pointed, split
from dvc_magic.model.stage import Param

RUN_WORDS = """
--needed: is --reuse; code, data and packages have to be equal too
--proto --start --restart: is --from RUN: a new run with the values of that one and the code as it is now
--force-sourcecode: is not needed: a run always has the code as it is now
--debug-sourcecode: has no equal: a run has the code of the project as it is now
-l --label -bl --batch-label: is --label LABEL
-t --tag -bt --batch-tag: is --tag TAG
-c --comment -ec --edit-comment -bc --batch-comment: is the note of a run, run.tag(note='TEXT')
-ebc --edit-batch-comment: is the note of a run, run.tag(note='TEXT')
-e --edit-flags: is the form of %dvc_ui
-d --run-dir: has no equal: a run has its own folder, run.path; home: in dvc_magic.yaml moves them all
--stage --stage-trials --print-cmd --print-env --print-trials --test-sourcecode: is --dry-run, which shows the plan
--save-trials: is --dry-run for the plan, and runs.to_frame() for the values of runs
--test-flags: is %dvc_stages STAGE, which shows a stage's command, deps and flags
--test-output-scalars: is not needed: a run finds its scalars while it prints
--test-output-attrs: has no equal: nothing else is read from what a run prints
-y --yes: is not needed: nothing asks before it runs
-f --force-flags: is -S KEY=V, for a key that is no flag
--force-deps: has no equal: --upstream and --use say where deps come from
--stop-after: is --timeout 5m, a number with its unit
--fail-on-trial-error: is not needed: a grid tries all its values, and then raises an error
-b --background --pidfile: is not in this version; runs of %dvc_ui go on beside the cells
-n --no-wait -r --remote: is not needed: runs are local here
-D --dep: is --copy-path PATH, for what git ignores; in %%dvc_op, --deps PATH
--gpus: is %env CUDA_VISIBLE_DEVICES=0 in a cell before
--no-gpus: is %env CUDA_VISIBLE_DEVICES=-1 in a cell before
-o --optimizer -O --optimize -Fo --opt-flag: is not in this version: several values of a flag are a grid, --lr 0.1,0.2
-N --minimize: is not in this version: the best run of a grid is runs.best(minimize='KEY')
-X --maximize: is not in this version: the best run of a grid is runs.best(maximize='KEY')
-m --max-trials --trials --random-seed: is not in this version: a grid runs the values that are written, all of them
--keep-run --keep-batch: is not needed: every run is kept
--break --break-on-error: is %dvc_debug RUN, after the run has failed
-q --quiet: is a ; at the end of the line, which leaves out the result
--help-op --help-model: is --help
"""
"""The options of ``guild run``, each with what there is here."""

RUNS_WORDS = """
-Fo --operation: is --stage STAGE
-Ft --tag: is --tag TAG
-n --limit: is -n N
-Sr --running: is --status running
-Sc --completed: is --status completed; for several, the query status in [completed, failed]
-Se --error: is --status failed; for several, the query status in [completed, failed]
-St --terminated: is --status stopped
-Sp --pending: is --status pending
-Ss --staged: has no equal: nothing is staged
--not-running: is the query status != running
--not-completed: is the query status != completed
--not-error: is the query status != failed
--not-terminated: is the query status != stopped
--not-pending: is the query status != pending
-F --filter: is the query itself: op is stage, flag:lr is params.lr, scalar:loss is metrics.loss
-Fl --label: is the query label contains 'TEXT'
-Fu --unlabeled: is the query not label ~ '.'
-Fc --comment: is the query note contains 'TEXT'
-Fs --started: is a query with a date: started > '2026-01-31'
-Fd --digest: is a query for the commit: git_commit ~ '^3fa2'
-Fm --marked: is [run for run in runs if run.notes.mark]
-Fn --unmarked: is [run for run in runs if not run.notes.mark]
-a --all -m --more: is not needed: all runs are listed, and -n N shows the first N
-s --simplified --json: is runs.to_frame(), a table with everything
-v --verbose: is %dvc_show RUN
-c --comments: is the note of a run: %dvc_show RUN shows it
-d --deleted -A --archive: is not in this version
"""
"""The options and filters of ``guild runs``, each with what there is here."""

_VALUES = """
range: range(START,END,STEP): END is left out
linspace: linspace(START,END,COUNT): functions have parentheses and commas
logspace: logspace(FIRST,LAST,COUNT): its ends are values, not exponents
[] uniform: linspace(LOW,HIGH,COUNT): a grid over the range, which this version does not search
loguniform: logspace(LOW,HIGH,COUNT): a grid over the range, which this version does not search
[]*: 1,1,1: a value given again runs again; for a param that is a list, [1,1,1]
"""
"""The values of flags, by the names of their functions."""


def answer_run_line(line: str, error: DvcMagicError, known: Known) -> DvcMagicError:
    """The error to raise for a line of ``%dvc_run``: `error`, or one that says what Guild AI's words in it are here.

    Args:
        line: what follows the magic's name.
        error: why the line cannot be read.
        known: what the line's words can mean already.
    """
    stages = (*known.pipeline.stages, *known.pipeline.operations)
    flags = [param for stage in stages for param in stage.flags]

    def sentence(token: Token) -> str:
        name = partition(token, "=")[0].raw
        if is_dashed(token) and not matching(name.lstrip("-"), flags, ()):
            return _of_option(token, RUN_WORDS)
        if token.raw.startswith("@"):
            return f"Guild AI's {token.raw} is a loop in Python: for row in rows: project.run('STAGE', row)."
        if token.raw == "guild" and token.line.split()[:2] == ["guild", "run"]:
            return f"Guild AI's guild run is {known.command}." if all(stage.name != "guild" for stage in stages) else ""
        quoted = token.quoted and "=" in token.text  # 'lr=range[0:1:0.5]', as a shell needs it
        return _of_value(replace(token, raw=token.text) if quoted else token, flags)

    return _answered(line, error, known.options, sentence)


def answer_runs_line(line: str, error: DvcMagicError, options: Sequence[Option]) -> DvcMagicError:
    """The same for a line of ``%dvc_runs``, whose options are `options`."""
    return _answered(line, error, options, lambda token: _of_option(token, RUNS_WORDS))


def _answered(
    line: str, error: DvcMagicError, options: Sequence[Option], sentence: Callable[[Token], str]
) -> DvcMagicError:
    try:
        answers = {token: said for token in _not_ours(split(line), options) if (said := sentence(token))}
    except DvcMagicError:
        return error
    if not answers:
        return error
    first = next(iter(answers))
    message = pointed(" ".join(dict.fromkeys(answers.values())), first.line, first.start)
    about = str(error).replace(line, "")  # without the line that it shows, which has Guild's words in any case
    is_other = not any(partition(token, "=")[0].raw in about for token in answers)
    return type(error)(f"{message}\n{error}" if is_other else message)


def _not_ours(tokens: Sequence[Token], options: Sequence[Option]) -> Iterator[Token]:
    """The tokens that are neither options of the magic nor values of those.

    Raises:
        LineError: an option's value is missing.
    """
    index = 0
    while index < len(tokens):
        taken = take_option(unforced(tokens, index), index, options)
        if taken is None:
            yield tokens[index]
        index = index + 1 if taken is None else taken[1]


def _of_option(token: Token, table: str) -> str:
    name = token.raw[:2] if token.raw[2:].isdecimal() else partition(token, "=")[0].raw  # -m20
    here = _read(table).get(name)
    return f"Guild AI's {name} {here}." if here else ""


def _of_value(token: Token, flags: Sequence[Param]) -> str:
    key, value = partition(token, "=")
    flag = f"--{key.raw.lstrip('-')} " if value is not None else ""
    raw = token.raw if value is None else value.raw
    function, _, arguments = raw.partition("[")
    listed, star, times = raw.rpartition("*")
    if star and times.isdecimal() and listed.startswith("[") and listed.endswith("]"):
        function = "[]*"
    elif not (raw.endswith("]") and ":" in arguments):
        return ""
    elif not function:  # a list may hold a text with a colon
        function = "[]" if flag and all(param.is_scalar for param in matching(key.raw.lstrip("-"), flags, ())) else ""
    ours = _read(_VALUES).get(function)
    return f"Guild AI's {token.raw} is {flag}{ours}." if ours else ""


def _read(table: str) -> dict[str, str]:
    rows = (row.partition(": ") for row in table.strip().split("\n"))
    return {name: here for names, _, here in rows for name in names.split()}
