"""The line of ``%dvc_run``: stages, flags of their params, options."""

from __future__ import annotations

import contextlib
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile

from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.errors import DvcMagicError, LineError, ParamError, RequestError, StageNotFoundError, close_matches
from dvc_magic.line.config_groups import NO_HYDRA, chosen_groups, group_change
from dvc_magic.line.expansion import Passed, expand, expand_text, expand_texts
from dvc_magic.line.fit import fit
from dvc_magic.line.flags import option_or_param
from dvc_magic.line.formatting import as_word, format_values
from dvc_magic.line.options import HELP, Given, Option, check_once, is_dashed
from dvc_magic.line.overrides import DEFAULT_FILE, read_override
from dvc_magic.line.run_tokens import Assignment, Sorted, Spelling, is_bare_set, sorted_tokens
from dvc_magic.line.scope import Describe, Known, Scope
from dvc_magic.line.spaces import Grid, Space
from dvc_magic.line.stages import (
    Target,
    expected_target,
    final_targets,
    find_stage,
    find_target,
    flags_of,
    only_final_stage,
)
from dvc_magic.line.tokens import Line, Token, partition, pointed, read_line
from dvc_magic.line.usage import Usage
from dvc_magic.line.values import parse_values
from dvc_magic.model.request import Change, ChangeKind, RunRequest, UpstreamPolicy
from dvc_magic.model.stage import Param, Pipeline
from dvc_magic.model.values import Value

RUN_OPTIONS = (
    Option(name="--set", short="-S", repeats=True, what="KEY=V"),
    Option(name="--use", repeats=True, what="STAGE=RUN"),
    Option(name="--upstream", what="POLICY"),
    Option(name="--from", what="RUN"),
    Option(name="--reuse", takes=False),
    Option(name="--no-reuse", takes=False),
    Option(name="--copy-path", short="-C", repeats=True, what="PATH"),
    NO_HYDRA,
    Option(name="--timeout", what="T"),
    Option(name="--jobs", short="-j", what="N"),
    Option(name="--label", what="L"),
    Option(name="--tag", repeats=True, what="TAG"),
    Option(name="--dry-run", takes=False),
    Option(name="--no-raise", takes=False),
    Option(name="--background", takes=False),
    Option(name="--detach", takes=False),
    Option(name="--no-plot", takes=False),
    Option(name="--into", what="NAME"),
    Option(name="--all", takes=False),
    HELP,
)
"""The options of ``%dvc_run``."""

RUN_USAGE = Usage(magic="%dvc_run", words=("TARGET",), options=RUN_OPTIONS, repeats=True, flags=True)
"""The usage of ``%dvc_run``."""

OPTION_NAMES = frozenset(option.name.removeprefix("--") for option in RUN_OPTIONS)
"""Their names without dashes: flags that have to be spelled in another way."""

_PLAIN_TEXT = re.compile(r"[^\s()\[\]{},'\"]+")
_HOW_VALUES = (
    "A value follows its flag (--KEY VALUE): one with blanks in it goes into quotes, booleans are true and false, and "
    "KEY=VALUE has no blanks."
)
_ONE_NAME = f"One name can be given. {_HOW_VALUES}"
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class RunLine(Struct, frozen=True, kw_only=True):
    """A line of ``%dvc_run``, read and checked.

    Attributes:
        request: what to run. With `help` it has the stages asked about, and no changes.
        single: one stage with one set of values is asked for: what comes back is a run, not several.
        dry_run: show the plan only.
        raise_errors: whether a failed run is an error.
        background: whether the line is answered as soon as the plan stands. detach: and the call outlives the kernel.
        plot: whether step series are drawn while it goes.
        into: the variable that gets the result, or None.
        silent: a ``;`` ended the line.
        help: the stage's flags are asked for.
        all: all final stages are asked for.
    """

    request: RunRequest
    single: bool = True
    dry_run: bool = False
    raise_errors: bool = True
    background: bool = False
    detach: bool = False
    plot: bool = True
    into: str | None = None
    silent: bool = False
    help: bool = False
    all: bool = False


def read_run_line(
    line: str,
    *,
    namespace: Mapping[str, object],
    pipeline: Pipeline,
    stage_of: Callable[[str], str],
    command: str = "%dvc_run",
    options: Sequence[Option] = RUN_OPTIONS,
    target: str = "",
    folder: str = "",
    reuse: bool = False,
    described: Describe | None = None,
) -> RunLine:
    """Read the line of ``%dvc_run``, or of a magic that takes what it takes and more.

    Args:
        line: what follows the magic's name.
        namespace: the names that ``{name}`` can mean.
        pipeline: the project's stages.
        stage_of: the address of a run's stage, by what people call the run; asked for ``--from`` without a stage.
        command: the magic's name, for the record.
        options: the options of the magic; those that ``%dvc_run`` has not are passed over.
        target: the address of what runs, when the line's word is not the name of a stage.
        folder: where the line is typed, from the project's root: a stage's name alone begins its search there.
        reuse: what holds when the line has neither ``--reuse`` nor ``--no-reuse``.
        described: the stages with params as their files have them, or under other choices of config groups; asked for
            where the params of `pipeline` are composed and the line wants others. Without it, the flags are those of
            `pipeline`.

    Raises:
        LineError: the line cannot be read.
        ParamError: an unknown or ambiguous flag, or a value of a wrong type.
        StageNotFoundError: no such stage.
    """
    known = Known(
        command=command,
        pipeline=pipeline,
        namespace=namespace,
        options=options,
        target=target,
        folder=folder,
        described=described,
    )

    try:
        return _read(line, known, stage_of=stage_of, reuse=reuse)
    except DvcMagicError as error:
        from dvc_magic.line.guild_words import answer_run_line  # noqa: PLC0415 - only a line that fails pays for it

        raise answer_run_line(line, error, known) from error


def _read(line: str, known: Known, *, stage_of: Callable[[str], str], reuse: bool) -> RunLine:
    read = read_line(line)
    pipeline, target = _pipeline(read, known), known.target
    params = [param for stage in pipeline.stages for param in stage.flags]
    every = Scope(
        namespace=known.namespace,
        own=params,
        upstream=(),
        options=known.options,
        folder=known.folder,
        composed=pipeline.composition is not None,
        like_sets=frozenset(name for stage in pipeline.stages for name in (stage.address, stage.name) if "=" in name),
    )
    items = _sorted(read, pipeline, every, target)
    check_once(items.options)
    if items.switch("--help"):
        return _help(items, every, pipeline)
    for assignment in items.assignments:
        _check_behind(assignment, items, known)
    targets = _targeted(items, pipeline, target) if target else _targets(items, every, pipeline, stage_of)
    own, upstream = flags_of((stage for each in targets for stage in each.stages), pipeline)
    scope = replace(every, own=own, upstream=upstream)
    for given in items.options:
        _check_unambiguous(given, scope)
    for assignment in items.assignments:
        if assignment.spelling is Spelling.BARE:
            _refuse_dependency(assignment.token, pipeline)
    changes = _changes(items, scope)
    request = replace(
        _request(items, scope, pipeline, [each.address for each in targets]),
        changes=changes,
        reuse=_reuse(items, reuse),
        line=f"{known.command} {line}".strip(),
    )
    return RunLine(
        request=request,
        single=len(targets) == 1 and targets[0].single and not request.is_grid,
        dry_run=items.switch("--dry-run"),
        raise_errors=not items.switch("--no-raise"),
        background=items.switch("--background") or items.switch("--detach"),
        detach=items.switch("--detach"),
        plot=not items.switch("--no-plot"),
        into=_variable(items),
        silent=read.silent,
        all=items.switch("--all"),
    )


def _pipeline(read: Line, known: Known) -> Pipeline:
    """The stages with the params that they have in this call, before its own values."""
    if known.pipeline.composition is None or known.described is None:
        return known.pipeline
    if any(token.raw == NO_HYDRA.name for token in read.tokens):
        return known.described(hydra=False, choices=())
    choices = chosen_groups(read.tokens, known)
    return known.described(hydra=True, choices=choices) if choices else known.pipeline


def _refuse_dependency(token: Token, pipeline: Pipeline) -> None:
    """Refuse Guild AI's ``dvcstage:STAGE=RUN``, which would set a key of a param file that does not exist."""
    kind, _, stage = token.text.partition("=")[0].partition(":")
    if not stage or kind not in ("dvcstage", "operation"):
        return
    stages = (*pipeline.stages, *pipeline.operations)
    if all(kind not in (*each.param_files, *each.vars_files) for each in stages):
        raise token.error(f"{token.raw} names no param. A run of {stage} to build on is --use {as_word(stage)}=RUN.")


def _sorted(read: Line, pipeline: Pipeline, every: Scope, target: str) -> Sorted:
    """The tokens of the line, sorted. Which flags are booleans, and need no value, depends on the stages named.

    Those are the words that stand first, and whatever else names a stage: it may be a value, but then one of a flag.
    """
    words = [*takewhile(lambda token: not (is_dashed(token) or is_bare_set(token, every)), read.tokens)]
    if target:
        stages = [find_stage(target, pipeline)]
    elif words:
        targets = [*_find_all(words, every, pipeline, expected_target)]
        for token in read.tokens[len(words) :]:
            with contextlib.suppress(DvcMagicError):
                targets += _find_all([token], every, pipeline, find_target)
        stages = [stage for each in targets for stage in each.stages]
    else:
        return sorted_tokens(read, every)
    own, upstream = flags_of(stages, pipeline)
    return sorted_tokens(read, replace(every, own=own, upstream=upstream))


def _find_all(
    words: Sequence[Token], every: Scope, pipeline: Pipeline, find: Callable[..., Target]
) -> tuple[Target, ...]:
    """What the words of a line mean, each once.

    Raises:
        StageNotFoundError: one means nothing; of a further one, it says how a value is written.
    """
    targets: dict[str, Target] = {}
    for word in words:
        try:
            target = find(expand_text(word, every.namespace), pipeline, folder=every.folder)
        except StageNotFoundError as error:
            if word is words[0]:
                raise
            text = pointed(f"{error}\n{_HOW_VALUES}", word.line, word.start)
            raise StageNotFoundError(text, name=error.name) from error
        targets.setdefault(target.address, target)
    return tuple(targets.values())


def _check_behind(flag: Assignment, items: Sorted, known: Known) -> None:
    """Refuse a word behind a boolean flag that is neither a boolean nor a stage: ``--shuffle maybe``."""
    if flag.behind is None or (known.target and flag.behind == items.words[0]):
        return
    word, name = expand_text(flag.behind, known.namespace), as_word(flag.name)
    slip = flag.behind.error(f"--{name} is true or false; {word!r} is neither. Write --{name} true or --{name} false.")
    if known.target:
        raise slip
    try:
        find_target(word, known.pipeline, folder=known.folder)
    except StageNotFoundError as error:
        # Alone in its line, the word may be the name of an earlier kernel's cell, which is looked for by this error.
        raise slip if len(items.words) > 1 else StageNotFoundError(str(slip), name=error.name) from error


def _help(items: Sorted, every: Scope, pipeline: Pipeline) -> RunLine:
    """The line that asks for help on the stages named; of a group, on the first of its items."""
    asked = _find_all(items.words, every, pipeline, find_target)
    return RunLine(request=RunRequest(stages=tuple(each.stages[0].address for each in asked)), help=True)


def _targets(items: Sorted, every: Scope, pipeline: Pipeline, stage_of: Callable[[str], str]) -> tuple[Target, ...]:
    named = _find_all(items.words, every, pipeline, expected_target if items.assignments else find_target)
    if items.switch("--all"):
        if named:
            raise items.words[0].error("--all takes all final stages: name stages, or give --all.")
        return final_targets(pipeline)
    start = _start(items, every)
    if named:
        return named
    stage = only_final_stage(pipeline) if start is None else find_stage(stage_of(start), pipeline)
    return (Target(address=stage.address, stages=(stage,)),)


def _targeted(items: Sorted, pipeline: Pipeline, target: str) -> tuple[Target, ...]:
    if len(items.words) > 1:
        raise items.words[1].error(_ONE_NAME)
    stage = find_stage(target, pipeline)
    return (Target(address=stage.address, stages=(stage,)),)


def _start(items: Sorted, scope: Scope) -> str | None:
    """The run that ``--from`` names."""
    for token in items.values("--from"):
        name = expand_text(token, scope.namespace).strip()
        if not name or "," in name:
            raise token.error("--from expects one run: --from 41")
        return name
    return None


def _reuse(items: Sorted, default: bool) -> bool:  # noqa: FBT001 - the only thing that it can be
    given = [one for one in items.options if one.option.name in ("--reuse", "--no-reuse")]
    if len(given) > 1:
        raise given[1].token.error("--reuse and --no-reuse exclude each other.")
    return given[0].option.name == "--reuse" if given else default


def _check_unambiguous(given: Given, scope: Scope) -> None:
    """Refuse a long option that could as well be the flag of a param."""
    name = given.option.name.removeprefix("--")
    if not given.token.raw.startswith(given.option.name):
        return
    found = scope.matching(name) or (scope.matching(scope.negated(name)) if scope.negated(name) else ())
    if found:
        raise ParamError(option_or_param(name, found[0]))


def _changes(items: Sorted, scope: Scope) -> tuple[Change, ...]:
    changes: dict[tuple[str, str], Change] = {}
    for assignment in items.assignments:
        change = _flag_change(assignment, scope) if assignment.name else _set_change(assignment, scope)
        place = (change.file, change.key)
        if place in changes:
            raise assignment.token.error(
                f"{change.key} of {change.file} is given twice. Write several values as a,b,c."
            )
        changes[place] = change
    return tuple(changes.values())


def _flag_change(flag: Assignment, scope: Scope) -> Change:
    negated = scope.negated(flag.name)
    if negated and flag.value is not None:
        raise flag.token.error(f"--{flag.name} takes no value; write --{negated} true or --{negated} false.")
    param = scope.param(negated or flag.name)
    if flag.value is None:
        return Change(file=param.file, key=param.key, values=(fit(not negated, param),))
    read = _values(flag, param, scope)
    if isinstance(read, Space):
        raise LineError(
            f"--{flag.name} {read.text} is a range to search; what %dvc_run takes are values to try. A grid over that "
            f"range: --{flag.name} {read.grid(5)}"
        )
    if not read.values:
        raise flag.token.error(f"--{flag.name} has no values: {flag.value.raw} is empty.")
    return group_change(param, [fit(value, param, raw) for value, raw in read.pairs])


def _values(flag: Assignment, param: Param, scope: Scope) -> Grid | Space:
    assert flag.value is not None
    read = expand(flag.value, scope.namespace, scalar=param.is_scalar)
    if isinstance(read, Passed):
        return _passed(read, param)
    if read.quoted:
        return Grid(values=(read.text,))
    try:
        return parse_values(read.raw, where=f"--{flag.name}")
    except LineError:
        if param.type == "text" and _PLAIN_TEXT.fullmatch(read.raw):
            return Grid(values=(read.raw,))
        raise


def _passed(read: Passed, param: Param | None) -> Grid | Space:
    """The values of a variable; a text in it is read as if it were typed, unless it is for a param that takes texts."""
    pairs: list[tuple[Value, str | None]] = []
    for value in read.values:
        meant: Value | Grid | Space = value
        if isinstance(value, str) and param is not None and param.type not in ("text", "null"):
            with contextlib.suppress(LineError):  # the text itself gets the better answer: what the param is
                meant = parse_values(value, where=read.token.raw)
        if isinstance(meant, Space):
            return meant
        pairs.extend(meant.pairs if isinstance(meant, Grid) else [(meant, None)])
    return Grid(values=tuple(value for value, _ in pairs), texts=tuple(text for _, text in pairs))


def _set_change(assignment: Assignment, scope: Scope) -> Change:
    assert assignment.value is not None
    bare = assignment.spelling is Spelling.BARE
    change = _read_set(assignment.value, scope)
    if bare and change.kind is ChangeKind.SET:
        _answer_guild(change, scope)
    return change


def _read_set(token: Token, scope: Scope) -> Change:
    key, value = partition(token, "=")
    passed = expand(value, scope.namespace) if value is not None and value.raw else None
    if isinstance(passed, Passed):
        assert value is not None
        change = read_override(f"{expand_text(key, scope.namespace)}=null", packages=scope.composed)
        params = (*scope.own, *scope.upstream)
        param = next((one for one in params if (one.file, one.key) == (change.file, change.key)), None)
        if param is not None and param.is_scalar:
            passed = expand(value, scope.namespace, scalar=True)
            assert isinstance(passed, Passed)
        read = _passed(passed, param)
        if isinstance(read, Space) or not read.values:
            raise token.error(f"{token.raw}: expected values to try, neither a range to search nor nothing at all.")
        return replace(change, values=read.values)
    whole = expand(token, scope.namespace)
    text = whole.raw if isinstance(whole, Token) and not whole.quoted else whole.text
    return read_override(text, packages=scope.composed)


def _answer_guild(change: Change, scope: Scope) -> None:
    """Say what Guild AI's ``lr=[0.1,0.2]`` and ``lr=0.1`` are here, where they would miss what they mean."""
    known = [param for param in (*scope.own, *scope.upstream) if (param.file, param.key) == (change.file, change.key)]
    if known and isinstance(change.values[0], list) and known[0].type not in ("list", "null"):
        fit(change.values[0], known[0])
    if known or change.file != DEFAULT_FILE:
        return
    if not scope.matching(change.key):
        return
    meant, first = scope.param(change.key), change.values[0]
    values = first if isinstance(first, list) and first and meant.type != "list" else change.values
    for value in values:
        fit(value, meant, str(value))
    given = format_values(change.values)
    file = "" if meant.file == change.file else f" of {meant.file}"
    there = any(param.file == change.file for param in (*scope.own, *scope.upstream))
    other = f"; for the other key write -S ++{change.key}={given}" if there else ""  # ++ also adds it
    raise ParamError(
        f"{change.key}={given} sets {change.key} of {change.file}, which no stage here has. For {meant.key}{file} "
        f"write --{change.key} {format_values(values)}{other}"
    )


def _request(items: Sorted, scope: Scope, pipeline: Pipeline, targets: Sequence[str]) -> RunRequest:
    def texts(name: str) -> list[str]:
        return [text for token in items.values(name) for text in expand_texts(token, scope.namespace)]

    def text(name: str, default: str = "") -> str:
        return next((expand_text(token, scope.namespace) for token in items.values(name)), default)

    return RunRequest(
        stages=tuple(targets),
        use=_uses(items.values("--use"), scope, pipeline),
        upstream=_policy(text("--upstream", "auto")),
        from_run=_start(items, scope),
        copy_paths=tuple(texts("--copy-path")),
        hydra=not items.switch(NO_HYDRA.name),
        timeout=read_duration(text("--timeout")) if items.switch("--timeout") else None,
        jobs=_count(text("--jobs", "1")),
        label=text("--label"),
        tags=tuple(dict.fromkeys(texts("--tag"))),
    )


def _uses(tokens: Sequence[Token], scope: Scope, pipeline: Pipeline) -> dict[str, str]:
    uses: dict[str, str] = {}
    for token in tokens:
        stage, equals, run = expand_text(token, scope.namespace).partition("=")
        if not (equals and stage and run) or "," in run:
            raise token.error("--use expects STAGE=RUN, one run: --use prepare=41")
        address = find_stage(stage, pipeline, folder=scope.folder).address
        if address in uses:
            raise token.error(f"--use names {address} twice.")
        uses[address] = run.strip()
    return uses


def _policy(text: str) -> UpstreamPolicy:
    try:
        return UpstreamPolicy(text)
    except ValueError:
        known = [policy.value for policy in UpstreamPolicy]
        raise LineError(f"--upstream is one of {', '.join(known)}; got {text!r}.{close_matches(text, known)}") from None


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text):
        raise LineError(f"--jobs expects a whole number from 1 up; got {text!r}.")
    return int(text)


def read_duration(text: str) -> float:
    """Seconds of a duration: ``90``, ``30s``, ``5m``, ``1h30m``.

    Raises:
        RequestError: not a duration above 0.
    """
    number = r"(?:\d+(?:\.\d*)?|\.\d+)"
    if re.fullmatch(number, text, re.ASCII):
        seconds = float(text)
    elif re.fullmatch(rf"(?:{number}[smhd])+", text, re.ASCII):
        seconds = sum(float(count) * _UNITS[unit] for count, unit in re.findall(rf"({number})([smhd])", text))
    else:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise RequestError(f"A timeout is a time above 0, such as 90 (seconds), 30s, 5m or 2h; got {text!r}.")
    return seconds


def _variable(items: Sorted) -> str | None:
    tokens = items.values("--into")
    if not tokens:
        return None
    name = tokens[0].text
    if not name.isidentifier() or keyword.iskeyword(name):
        raise tokens[0].error(f"--into expects the name of a variable; got {name!r}.")
    return name
