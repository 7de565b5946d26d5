"""The line of ``%%dvc_op``: a name, what the cell needs and makes, and what ``%dvc_run`` takes.

It is read twice. First without the project, for what the operation is: that makes its stage. Then, with the stage's
flags known, by the reader of ``%dvc_run``, which passes over what was read before. Both look at the same text, so that
every message points at its place in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.errors import LineError, OperationError, ParamError
from dvc_magic.line.expansion import expand_texts
from dvc_magic.line.flags import matching, option_or_param
from dvc_magic.line.options import Given, Option, check_once, is_dashed, take_option, unforced
from dvc_magic.line.run_line import RUN_OPTIONS, RunLine, read_run_line
from dvc_magic.line.scope import Describe
from dvc_magic.line.tokens import Token, partition, read_line
from dvc_magic.line.usage import Usage
from dvc_magic.model.operation import OperationOut
from dvc_magic.model.stage import Param, Pipeline

_OWN = (
    Option(name="--deps", short="-d", repeats=True, what="PATH"),
    Option(name="--requires", repeats=True, what="SOURCE"),
    Option(name="--outs", short="-o", repeats=True, what="OUT"),
    Option(name="--outs-no-cache", short="-O", repeats=True, what="OUT"),
    Option(name="--metrics", short="-m", repeats=True, what="METRIC"),
    Option(name="--metrics-no-cache", short="-M", repeats=True, what="METRIC"),
    Option(name="--stage", what="STAGE"),
    Option(name="--script", what="SCRIPT"),
    Option(name="--learn", takes=False),
    Option(name="--scalars", takes=False),
    Option(name="--desc", what="TEXT"),
)

OPERATION_OPTIONS = (*_OWN, *(option for option in RUN_OPTIONS if option.name != "--all"))
"""The options of ``%%dvc_op``: its own, with the letters of ``dvc stage add``, and those of ``%dvc_run``."""

OPERATION_USAGE = Usage(magic="%%dvc_op", words=("NAME",), options=OPERATION_OPTIONS, flags=True)
"""The usage of ``%%dvc_op``."""

COMMAND = "%%dvc_op"
_MADE = {
    "--outs": OperationOut(path=""),
    "--outs-no-cache": OperationOut(path="", cache=False),
    "--metrics": OperationOut(path="", metric=True),
    "--metrics-no-cache": OperationOut(path="", metric=True, cache=False),
}
_ELSEWHERE = {
    "-p": "The cell's top-level constants are flags by themselves; a file of params is --requires config:params.yaml.",
    "-n": "The name comes first: %%dvc_op NAME.",
    "-w": "The cell runs in the project's root; paths in it are from there.",
    "-f": "A cell of the same name always takes the place of the one before.",
}


class OperationLine(Struct, frozen=True, kw_only=True):
    """A line of ``%%dvc_op``, read as far as that goes without the project.

    Attributes:
        line: what follows the magic's name.
        name: of the operation.
        deps: paths. requires: sources, as spelled. outs: paths as spelled, and what they are.
        stage: that it serves. script: the path of its script. desc: what it is. Empty where the line does not say.
        learn, scalars: whether ``--learn`` and ``--scalars`` were given.
        given: its own options.
    """

    line: str
    name: str
    deps: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    outs: tuple[OperationOut, ...] = ()
    stage: str = ""
    script: str = ""
    learn: bool = False
    scalars: bool = False
    desc: str = ""
    given: tuple[Given, ...] = ()

    def check(self, params: Sequence[Param]) -> None:
        """See that none of its own options could as well be a flag.

        Raises:
            ParamError: one could; the message has both ways to write it.
        """
        for given in self.given:
            name = given.option.name.removeprefix("--")
            found = matching(name, params, ()) if given.token.raw.startswith(given.option.name) else ()
            if found:
                raise ParamError(option_or_param(name, found[0]))

    def run_line(
        self,
        pipeline: Pipeline,
        *,
        namespace: Mapping[str, object],
        folder: str = "",
        stage_of: Callable[[str], str],
        reuse: bool = False,
        described: Describe | None = None,
    ) -> RunLine:
        """The rest of the line, as `read_run_line` reads it.

        Args:
            pipeline: with the operation in it.
            namespace, folder, stage_of, reuse, described: as there.

        Raises:
            OperationError: the operation cannot be used as it is.
            LineError, ParamError, StageNotFoundError: as there.
        """
        target = f"op:{self.name}"
        if target in pipeline.faults:
            raise OperationError(pipeline.faults[target])
        return read_run_line(
            self.line,
            namespace=namespace,
            pipeline=pipeline,
            command=COMMAND,
            options=OPERATION_OPTIONS,
            target=target,
            folder=folder,
            stage_of=stage_of,
            reuse=reuse,
            described=described,
        )


def read_operation_line(line: str, *, namespace: Mapping[str, object]) -> OperationLine:
    """Read what the line of ``%%dvc_op`` says of the operation.

        >>> read_operation_line("fit -d data.csv -o model.pkl --lr 0.1", namespace={})

    Args:
        line: what follows the magic's name.
        namespace: the names that ``{name}`` can mean.

    Raises:
        LineError: it cannot be read, or has no name.
    """
    words, given = _walk(read_line(line).tokens)
    check_once(given)
    if not words:
        message = "Give the operation a name: %%dvc_op NAME, such as %%dvc_op fit -d data.csv -o model.pkl"
        raise LineError(message)

    def texts(*names: str) -> list[tuple[str, str]]:
        return [
            (one.option.name, text)
            for one in given
            if one.option.name in names and one.value is not None
            for text in _texts(one.value, namespace, many=one.option.repeats)
        ]

    def text(name: str) -> str:
        return next((found for _, found in texts(name)), "")

    return OperationLine(
        line=line,
        name=_texts(words[0], namespace, many=False)[0],
        deps=tuple(path for _, path in texts("--deps")),
        requires=tuple(source for _, source in texts("--requires")),
        outs=tuple(replace(_MADE[name], path=path) for name, path in texts(*_MADE)),
        stage=text("--stage"),
        script=text("--script"),
        learn=any(one.option.name == "--learn" for one in given),
        scalars=any(one.option.name == "--scalars" for one in given),
        desc=text("--desc"),
        given=tuple(given),
    )


def _walk(tokens: Sequence[Token]) -> tuple[list[Token], list[Given]]:
    """The words of a line, and its own options; flags are passed over, each with its value."""
    words: list[Token] = []
    given: list[Given] = []
    index = 0
    while index < len(tokens):
        taken = take_option(unforced(tokens, index), index, OPERATION_OPTIONS)
        if taken is not None:
            if taken[0].option in _OWN:
                given.append(replace(taken[0], token=tokens[index]))
            index = taken[1]
        elif is_dashed(tokens[index]):
            index = _after_flag(tokens, index)
        else:
            words.append(tokens[index])
            index += 1
    return [word for word in words if partition(word, "=")[1] is None and not word.raw.startswith("~")], given


def _after_flag(tokens: Sequence[Token], index: int) -> int:
    """The index after a flag and what may be its value."""
    token = tokens[index]
    _answer_dvc(token)
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    alone = following is None or following.raw.startswith("--") or _known(following) or token.raw.startswith("--no-")
    if alone or partition(token, "=")[1] is not None:
        return index + 1
    assert following is not None
    if is_dashed(following) and take_option([following], 0, _OWN):
        message = (
            f"Is this the value of {token.raw}, or an option? Write {token.raw}={following.raw} or "
            f"{following.raw[:2]} {following.raw[2:].removeprefix('=')}."
        )
        raise following.error(message)
    return index + 2


def _known(token: Token) -> bool:
    return any(token.raw in (option.name, option.short) for option in OPERATION_OPTIONS)


def _answer_dvc(token: Token) -> None:
    """Say what takes the place of an option that ``dvc stage add`` has and this magic has not."""
    if token.raw in _ELSEWHERE:
        raise token.error(f"There is no option {token.raw} here. {_ELSEWHERE[token.raw]}")


def _texts(token: Token, namespace: Mapping[str, object], *, many: bool) -> list[str]:
    """The text of an option's value; several where it is a variable that holds several."""
    texts = expand_texts(token, namespace)
    if not texts or not all(texts):
        raise token.error(f"{token.raw} is empty here.")
    if len(texts) > 1 and not many:
        raise token.error(f"{token.raw} holds {len(texts)} values; expected one.")
    return texts
