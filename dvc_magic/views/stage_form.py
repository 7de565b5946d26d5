"""A stage's flags as a form: what each field says, what is wrong with it, and the line that they make together. Pure.

The line is the whole truth of a form: what runs is what `dvc_magic.line.read_run_line` reads from it, as if it had been
typed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from math import prod

from msgspec import Struct, field

from dvc_magic.errors import DvcMagicError, LineError, StageNotFoundError
from dvc_magic.line import (
    OPTION_NAMES,
    RunLine,
    Space,
    find_stage,
    fit,
    format_line,
    format_value,
    group_change,
    parse_values,
    read_run_line,
    split,
    sure_word,
)
from dvc_magic.model.stage import ConfigGroup, Dep, OutKind, Param, Pipeline, Stage
from dvc_magic.model.values import Value, same
from dvc_magic.untrusted import first_few
from dvc_magic.views.card import Card, Section
from dvc_magic.views.format import format_value as shown_value

COMMAND = "%dvc_run"
BOOLEANS = ("true", "false", "true,false")

_SHOWN = 60
_LISTED = 6


class FormField(Struct, frozen=True, kw_only=True):
    """One flag of a form.

    Attributes:
        param: what it sets.
        flag: its spelling on a line, without dashes. label: what people see: the key, where that tells it from others.
        stage: address of the stage that has it.
        text: what the field says, in the grammar of a flag's value; for a text param any other text is taken literally.
        values: those to run with, when they are not just what the file has; several make a grid.
        error: why `text` cannot be used, or an empty text.
    """

    param: Param
    flag: str
    label: str
    stage: str
    text: str
    values: tuple[Value, ...] = ()
    error: str = ""

    @property
    def name(self) -> str:
        """``FILE:KEY``, which names the field among all of the project."""
        return self.param.name

    @property
    def default(self) -> str:
        """What the field says when it leaves the file's value alone."""
        return default_text(self.param)

    @property
    def changed(self) -> bool:
        """Whether the line will have this flag."""
        return bool(self.values)

    @property
    def choices(self) -> tuple[str, ...]:
        """All that the field can say, when that is a small set; otherwise it takes any text."""
        group = self.param.group
        choices = BOOLEANS if self.param.type == "bool" else () if group is None else _choices(self.param, group)
        return choices if self.text in choices else ()

    @property
    def was(self) -> str:
        """The file's value, short."""
        return shown_value(self.param.value, width=_SHOWN)


class StageForm(Struct, frozen=True, kw_only=True):
    """The flags of a stage and of those upstream of it, with what was typed into them.

    Attributes:
        pipeline: the project's stages, with the params as the files have them.
        stage: the one to run.
        own: fields of its own flags. upstream: of flags that only stages upstream of it have.
        texts: field name -> what was typed, also for fields of other stages.
        options: the end of the line as typed: options such as ``--jobs 2``.
        line: the equivalent line; fields with an error are not in it.
        asked: the line as the magic reads it, or None.
        problem: why the line cannot be run though each field is right, or an empty text.
    """

    pipeline: Pipeline
    stage: Stage
    own: tuple[FormField, ...] = ()
    upstream: tuple[FormField, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    options: str = ""
    line: str = ""
    asked: RunLine | None = None
    problem: str = ""

    @property
    def fields(self) -> tuple[FormField, ...]:
        """All fields."""
        return self.own + self.upstream

    def named(self, name: str) -> FormField | None:
        """The field of a ``FILE:KEY``, or None when the form has none."""
        return next((field for field in self.fields if field.name == name), None)

    @property
    def errors(self) -> tuple[FormField, ...]:
        """The fields whose text cannot be used."""
        return tuple(field for field in self.fields if field.error)

    @property
    def count(self) -> int:
        """How many runs the line asks for."""
        return prod(len(change.values) for change in self.asked.request.changes) if self.asked is not None else 1

    def read(self) -> RunLine:
        """The line, read as the magic reads it.

        Raises:
            LineError: a field has an error, or the line cannot be run.
        """
        if self.errors:
            first = self.errors[0]
            raise LineError(f"--{first.flag}: {first.error}")
        if self.asked is None:
            raise LineError(self.problem)
        return self.asked

    def with_text(self, name: str, text: str) -> StageForm:
        """The form after a field was typed into; an empty text stands for the file's value."""
        return self._with(texts={**self.texts, name: text})

    def without_text(self, name: str) -> StageForm:
        """The form with a field back at the file's value."""
        return self._with(texts=_without(self.texts, {name}))

    def with_options(self, options: str) -> StageForm:
        """The form with another end of the line."""
        return self._with(options=options)

    def of_stage(self, address: str) -> StageForm:
        """The form of another stage; what was typed stays, also for flags that this one does not have.

        Raises:
            StageNotFoundError: there is no such stage.
        """
        return self._with(address=address, texts=self._kept())

    def of_pipeline(self, pipeline: Pipeline) -> StageForm:
        """The form over the files as they are now; what was typed stays.

        Raises:
            StageNotFoundError: the stage is no longer there.
        """
        return self._with(pipeline=pipeline, texts=self._kept())

    def _with(
        self,
        *,
        pipeline: Pipeline | None = None,
        address: str = "",
        texts: Mapping[str, str] | None = None,
        options: str | None = None,
    ) -> StageForm:
        return stage_form(
            pipeline or self.pipeline,
            address or self.stage.address,
            self.texts if texts is None else texts,
            self.options if options is None else options,
        )

    def moved(self, other: StageForm) -> tuple[str, ...]:
        """What the files say differently in `other`, for fields that were left alone: ``lr: 0.5 -> 0.1``."""
        before = {field.name: field for field in self.fields if field.name not in self.texts}
        return tuple(
            f"{field.flag}: {before[field.name].was} -> {field.was}"
            for field in other.fields
            if field.name in before and not same(before[field.name].param.value, field.param.value)
        )

    def _kept(self) -> dict[str, str]:
        """The texts that say something of their own: one that repeats the file's value follows the file."""
        idle = {field.name for field in self.fields if not field.changed and not field.error}
        return _without(self.texts, idle)


def stage_form(
    pipeline: Pipeline, address: str, texts: Mapping[str, str] | None = None, options: str = ""
) -> StageForm:
    """The form of a stage.

    Args:
        address: of the stage. texts: field name (``FILE:KEY``) -> what was typed there. options: the end of the line.

    Raises:
        StageNotFoundError: there is no such stage.
    """
    stage = find_stage(address, pipeline)
    params = _params(stage, pipeline)
    doubled = {key for key, count in Counter(param.key for param, _ in params.values()).items() if count > 1}
    fields = [_field(param, made, texts or {}, doubled) for param, made in params.values()]
    changes = [group_change(one.param, one.values) for one in fields if one.changed]
    word = sure_word(stage.address, (other.address for other in pipeline.stages))
    flags = format_line(word, changes, command=COMMAND, reserved=OPTION_NAMES | doubled)
    line = f"{flags} {options.strip()}".strip()
    asked, problem = _asked(line, stage, pipeline)
    return StageForm(
        pipeline=pipeline,
        stage=stage,
        own=tuple(field for field in fields if field.stage == stage.address),
        upstream=tuple(field for field in fields if field.stage != stage.address),
        texts=dict(texts or {}),
        options=options,
        line=line,
        asked=asked,
        problem=problem,
    )


def _choices(param: Param, group: ConfigGroup) -> tuple[str, ...]:
    """What can be chosen of a config group: each of its configs, all of them as a grid, none where none is chosen."""
    names = [format_value(name) for name in group.choices]
    none = ["null"] if param.value is None else []
    return (*none, *names, *([",".join(names)] if len(names) > 1 else []))


def _params(stage: Stage, pipeline: Pipeline) -> dict[str, tuple[Param, str]]:
    """Name -> param and the stage that has it: the target's own first, then those of the nearest stage above."""
    found: dict[str, tuple[Param, str]] = {}
    for one in reversed(pipeline.lineage(stage)):
        for param in one.flags:
            found.setdefault(param.name, (param, one.address))
    return found


def _field(param: Param, stage: str, texts: Mapping[str, str], doubled: Collection[str]) -> FormField:
    label = param.name if param.key in doubled else param.key
    plain = param.key not in doubled and param.key not in OPTION_NAMES
    text = texts.get(param.name, default_text(param))
    values: tuple[Value, ...] = ()
    error = ""
    if text.strip() and param.name in texts:
        try:
            values = read_field(text, param)
        except DvcMagicError as problem:
            error = str(problem)
    return FormField(
        param=param,
        flag=param.key if plain else param.name,
        label=label,
        stage=stage,
        text=text,
        values=() if len(values) == 1 and same(values[0], param.value) else values,
        error=error,
    )


def read_field(text: str, param: Param) -> tuple[Value, ...]:
    """The values that a field's text means for `param`.

    It is read as a flag's value is: ``0.1,0.01`` and ``range(1,4)`` are grids, quotes make a text. What that grammar
    does not take is, for a text param, the text as it stands.

    Raises:
        LineError: the text cannot be read, or is a range to search.
        ParamError: a value of a wrong type.
    """
    plain = text.strip()
    quoted = _unquoted(plain)
    if quoted is not None:
        return (fit(quoted, param),)
    try:
        read = parse_values(plain, where=f"--{param.key}")
    except LineError:
        if param.type == "text":
            return (plain,)
        raise
    if isinstance(read, Space):
        raise LineError(f"{read.text} is a range to search, which is for sweeps. Values to try are written a,b,c.")
    if not read.values:
        raise LineError(f"{plain} has no values.")
    return tuple(fit(value, param, raw) for value, raw in read.pairs)


def _unquoted(text: str) -> str | None:
    """The text inside, when one pair of quotes surrounds it all."""
    try:
        tokens = split(text)
    except LineError:
        return None
    whole = len(tokens) == 1 and tokens[0].raw == text and tokens[0].quoted
    return tokens[0].text if whole else None


def default_text(param: Param) -> str:
    """The file's value as a field says it: a text without quotes where it reads back as itself."""
    value = param.value
    if isinstance(value, str) and value == value.strip() and value:
        try:
            if read_field(value, param) == (value,):
                return value
        except DvcMagicError:
            pass
    try:
        return format_value(value)
    except TypeError:
        return shown_value(value)


def _asked(line: str, stage: Stage, pipeline: Pipeline) -> tuple[RunLine | None, str]:
    """The line as the magic reads it, or why it cannot be run from a form."""
    typed = line.removeprefix(COMMAND).strip()
    try:
        asked = read_run_line(typed, namespace={}, pipeline=pipeline, stage_of=lambda _: stage.address, command=COMMAND)
    except DvcMagicError as error:
        return None, str(error)
    given = {"--help": asked.help, "--dry-run": asked.dry_run, "--into": bool(asked.into), "--all": asked.all}
    idle = ", ".join(name for name, here in given.items() if here)
    return (None, f"{idle}: that is for a line in a cell; leave it out here.") if idle else (asked, "")


def _without(texts: Mapping[str, str], names: set[str]) -> dict[str, str]:
    return {name: text for name, text in texts.items() if name not in names}


def stage_facts(stage: Stage, pipeline: Pipeline) -> Card:
    """What a stage runs, reads and makes, in a few lines."""
    deps = [f"{dep.path}{_made_by(dep, stage, pipeline)}" for dep in stage.deps]
    kinds = {OutKind.OUT: "", OutKind.METRIC: " (metrics)", OutKind.PLOT: " (plots)"}
    outs = [f"{out.path}{kinds[out.kind]}" for out in stage.outs]
    pairs = [
        ("about", stage.desc),
        ("cmd", "\n".join(stage.commands)),
        ("deps", first_few(deps, _LISTED)),
        ("outs", first_few(outs, _LISTED)),
        ("frozen", "yes" if stage.frozen else ""),
    ]
    problems = "\n".join(pipeline.problems)
    sections = [Section(pairs=tuple((name, text) for name, text in pairs if text))]
    return Card(title=f"stage {stage.address}", sections=(*sections, *([Section(block=problems)] if problems else [])))


def _made_by(dep: Dep, stage: Stage, pipeline: Pipeline) -> str:
    makers = [made.address for made in pipeline.makers(stage, dep)]
    return f" (from {', '.join(makers)})" if makers else ""


def preselected(pipeline: Pipeline, address: str | None) -> str:
    """The stage that a form begins with: the one asked for, or the first that nothing depends on.

    Raises:
        StageNotFoundError: there is no such stage, or none at all.
    """
    if address is not None:
        return find_stage(address, pipeline).address
    if not pipeline.every:
        problems = "".join(f"\n{problem}" for problem in (*pipeline.problems, *pipeline.faults.values()))
        raise StageNotFoundError(f"The project has no stages. Add one with `dvc stage add`.{problems}")
    return (pipeline.final_stages() or pipeline.every)[0].address
