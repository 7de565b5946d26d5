"""What Guild AI's spellings are here: ``guild run train lr=[0.1,0.2] --needed`` is ``train --lr 0.1,0.2 --reuse``.

A line is looked at only once it has turned out to be an error: so an option of ours, or a flag or a stage of whatever
name, means what it always does. What is Guild's in it is put into our words, and the line that comes out is shown only
if it can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from dvc_magic.errors import DvcMagicError, LineError
from dvc_magic.line.expansion import expand_text
from dvc_magic.line.flags import matching
from dvc_magic.line.formatting import as_word
from dvc_magic.line.guild_answers import Piece, answered, is_here, lines_of, take_answer, way_here
from dvc_magic.line.guild_options import RUN_ANSWERS, Answer
from dvc_magic.line.guild_values import is_boolean_word, respelled
from dvc_magic.line.options import Option, is_dashed, take_option, unforced
from dvc_magic.line.overrides import DEFAULT_FILE
from dvc_magic.line.scope import Known
from dvc_magic.line.stages import find_target, flags_of
from dvc_magic.line.tokens import Token, partition, read_line, split
from dvc_magic.model.stage import Param, Pipeline, Stage

_DEPENDENCIES = ("dvcstage", "operation")


class _Walk(Struct, frozen=True, kw_only=True):
    """A line on its way into our words, with the flags that its stage has."""

    known: Known
    tokens: Sequence[Token]
    own: Sequence[Param] = ()
    upstream: Sequence[Param] = ()

    def params(self, spelling: str) -> tuple[Param, ...]:
        """The params that a flag without dashes can mean."""
        return matching(spelling, self.own, self.upstream)

    def text(self, token: Token) -> str:
        """The text of a token, names put in."""
        return expand_text(token, self.known.namespace)

    def stage(self, name: str) -> Stage | None:
        """The stage of this name, or the first item of the group of this name, if there is one."""
        return _stage(name, self.known)

    def spelled(self, answer: Answer) -> str:
        """What to write in the place of an option of Guild AI's."""
        text = way_here(answer, self.known.options)
        name = text.partition(" ")[0].removeprefix("--")
        return text.replace("--", "--option:", 1) if name and self.params(name) else text

    def pieces(self) -> tuple[Piece, ...]:
        """The parts of the line."""
        found: list[Piece] = []
        index = 0
        while index < len(self.tokens):
            piece, index = next(taken for rule in _RULES if (taken := rule(self, index)) is not None)
            found.append(piece)
        return tuple(found)


_Taken = tuple[Piece, int] | None


def _stage(name: str, known: Known) -> Stage | None:
    try:
        return find_target(name, known.pipeline, folder=known.folder).stages[0]
    except DvcMagicError:
        return None


def answer_run_line(
    line: str, error: DvcMagicError, known: Known, *, problem: Callable[[str], DvcMagicError | None]
) -> DvcMagicError:
    """The error to raise for a line that could not be read: one that tells what is Guild AI's in it, or `error` itself.

        >>> answer_run_line("train lr=[0.1,0.2]", error, known, problem=problem)

    Args:
        line: what follows the magic's name.
        error: what the reader of lines says of it.
        known: what the line's words can mean already.
        problem: the error that a line is, or None if it can be read.
    """
    try:
        pieces, silent = _pieces(line, known)
    except DvcMagicError:
        return error
    lines = [f"{text}{';' if silent else ''}" for text in lines_of(pieces, known.options)]
    return answered(pieces, lines, error, command=known.command, problem=problem)


def _pieces(line: str, known: Known) -> tuple[tuple[Piece, ...], bool]:
    read = read_line(line)
    stages = known.pipeline.stages
    if known.target:
        found = known.pipeline.get(known.target)
    else:
        every = tuple(param for stage in stages for param in stage.flags)
        walked = _Walk(known=known, tokens=read.tokens, own=every).pieces()
        found = next((stage for piece in walked if piece.word and (stage := _named(piece, known))), None)
    own, upstream = flags_of([found] if found is not None else stages, known.pipeline)
    return _Walk(known=known, tokens=read.tokens, own=own, upstream=upstream).pieces(), read.silent


def _named(piece: Piece, known: Known) -> Stage | None:
    token = split(piece.ours[0])[0] if piece.said else piece.token
    return _stage(expand_text(token, known.namespace), known)


def _guild_run(walk: _Walk, index: int) -> _Taken:
    """``guild run`` before the rest, as it is typed in a shell."""
    words = [token.raw for token in walk.tokens[index : index + 2]]
    if index or walk.known.target or words[1:] != ["run"] or words[0] not in ("guild", "!guild"):
        return None
    if walk.stage("guild") is not None:
        return None
    said = f"Guild AI's {' '.join(words)} is {walk.known.command} here."
    return Piece(token=walk.tokens[index], ours=(), said=said), index + 2


def _option(walk: _Walk, index: int) -> _Taken:
    taken = take_option(unforced(walk.tokens, index), index, walk.known.options)
    return None if taken is None else (_as_it_is(walk, index, taken[1]), taken[1])


def _as_it_is(walk: _Walk, index: int, after: int, *, word: bool = False) -> Piece:
    text = " ".join(token.raw for token in walk.tokens[index:after])
    return Piece(token=walk.tokens[index], ours=(text,), word=word)


def _flag(walk: _Walk, index: int) -> _Taken:
    token = walk.tokens[index]
    if not token.raw.startswith("--"):
        return None
    spelled, value = partition(token, "=")
    name = walk.text(spelled.after(2))
    found = walk.params(name)
    if not found:
        negated = name.startswith(("no-", "no_")) and walk.params(name[3:])
        return (_as_it_is(walk, index, index + 1), index + 1) if negated else None
    after = index + 1 if value is not None or not _follows(walk, index + 1, found[0]) else index + 2
    if value is None and after == index + 2:
        value = walk.tokens[index + 1]
    ours = respelled(value, found[0]) if value is not None else None
    if ours is None:
        return _as_it_is(walk, index, after), after
    seen = " ".join(one.raw for one in walk.tokens[index:after])
    flag = f"{spelled.raw} {ours.text}"
    return Piece(token=token, ours=(flag,), said=is_here(seen, flag, ours.why), plain=ours.plain), after


def _follows(walk: _Walk, index: int, param: Param) -> bool:
    """Whether the token at `index` is the value of the flag before it."""
    if index >= len(walk.tokens):
        return False
    raw = walk.tokens[index].raw
    if param.type != "bool":
        return not raw.startswith("--")
    word = is_boolean_word(raw) and walk.stage(raw) is None
    return word or raw.lower() in ("true", "false", "null") or raw.startswith(("{", "[", "choice(", "true,", "false,"))


def _guild_option(walk: _Walk, index: int) -> _Taken:
    token = walk.tokens[index]
    if not token.raw.startswith("--") and walk.params(partition(token, "=")[0].raw[1:]):
        return None  # a flag with one dash, more likely
    return take_answer(walk.tokens, index, RUN_ANSWERS, walk.spelled)


def _unknown(walk: _Walk, index: int) -> _Taken:
    """A dashed word that nobody knows, with what may be its value."""
    tokens = walk.tokens
    if not is_dashed(tokens[index]):
        return None
    alone = index + 1 == len(tokens) or is_dashed(tokens[index + 1]) or partition(tokens[index], "=")[1] is not None
    after = index + 1 if alone else index + 2
    return _as_it_is(walk, index, after), after


def _assignment(walk: _Walk, index: int) -> _Taken:
    whole = _unquoted(walk.tokens[index])
    key, value = partition(whole, "=")
    if value is None or not key.raw:
        quoted = bool(whole.quoted) and "=" in whole.text
        return (_as_it_is(walk, index, index + 1), index + 1) if quoted else None
    piece = _dependency(walk, walk.tokens[index], key, value) or _bare_flag(walk, walk.tokens[index], key, value)
    return piece or _as_it_is(walk, index, index + 1), index + 1


def _unquoted(token: Token) -> Token:
    """``'lr=[0.1,0.2]'``, as a shell needs it, without its quotes."""
    if not token.quoted:
        return token
    try:
        inner = split(token.text)
    except LineError:
        return token
    return inner[0] if len(inner) == 1 and inner[0].raw == token.text else token


def _dependency(walk: _Walk, token: Token, key: Token, value: Token) -> Piece | None:
    stage = _upstream(key, walk.known.pipeline)
    if not stage:
        return None
    runs = _runs(value)
    ours = tuple(f"--use {as_word(stage)}={run}" for run in runs)
    return Piece(token=token, ours=ours, said=is_here(token.raw, " or ".join(ours), _USE), lost=not runs)


_USE = "a run by its number, id or label"


def _runs(value: Token) -> list[str]:
    """The runs that a dependency names, as written: one, or several in brackets."""
    if not (value.raw.startswith("[") and value.raw.endswith("]")):
        return [value.raw] if value.text else []
    return [run for item in value.raw[1:-1].split(",") if (run := item.strip())]


def _upstream(key: Token, pipeline: Pipeline) -> str:
    """The stage of which ``dvcstage:STAGE=RUN`` names a run, given what stands before the ``=``; else an empty text."""
    kind, colon, stage = key.text.partition(":")
    if not (colon and stage and kind in _DEPENDENCIES):
        return ""
    files = {file for one in (*pipeline.stages, *pipeline.operations) for file in (*one.param_files, *one.vars_files)}
    return "" if kind in files else stage


def refuse_dependency(token: Token, pipeline: Pipeline) -> None:
    """Refuse a bare ``dvcstage:STAGE=RUN``, which would set a key of a param file that does not exist.

    Raises:
        LineError: it is one.
    """
    key, value = partition(_unquoted(token), "=")
    stage = _upstream(key, pipeline) if value is not None else ""
    if stage:
        raise token.error(f"{token.raw} names no param. A run of {stage} to build on is --use {as_word(stage)}=RUN.")


def _bare_flag(walk: _Walk, token: Token, key: Token, value: Token) -> Piece | None:
    name = walk.text(key)
    found = walk.params(name)
    if not found:
        return None
    ours = respelled(value, found[0])
    if ours is None and _is_set_already(name, (*walk.own, *walk.upstream)):
        return None
    flag = f"--{_flag_name(key.raw, name, found[0], walk.known.options)} {ours.text if ours else value.raw}"
    said = is_here(token.raw, flag, ours.why if ours else "")
    plain = (ours is None or ours.plain) and flag.startswith(f"--{key.raw} ")
    return Piece(token=token, ours=(flag,), said=said, plain=plain)


def _is_set_already(name: str, params: Iterable[Param]) -> bool:
    """Whether ``NAME=VALUE`` sets a param as it stands."""
    return any(name == param.name or (param.file == DEFAULT_FILE and param.key == name) for param in params)


def _flag_name(raw: str, name: str, param: Param, options: Iterable[Option]) -> str:
    taken = {option.name.removeprefix("--") for option in options}
    if name not in taken:
        return raw
    return as_word(param.name if param.key in taken else param.key)


def _batch_file(walk: _Walk, index: int) -> _Taken:
    token = walk.tokens[index]
    path = token.text[1:]
    if not token.raw.startswith("@") or not path:
        return None
    module, rows = _READERS.get(path.rpartition(".")[2].lower(), _READERS["yaml"])
    stage = next((one.text for one in walk.tokens if one is not token and walk.stage(one.text)), "STAGE")
    said = f"A batch file, {token.raw}, is not read here."
    code = f"after import {module}: [project.run({stage!r}, row) for row in {rows.format(path)}]"
    return Piece(token=token, ours=(), said=said, lost=True, instead=code), index + 1


_READERS = {
    "csv": ("pandas", "pandas.read_csv({!r}).to_dict('records')"),
    "json": ("json", "json.load(open({!r}))"),
    "yaml": ("yaml", "yaml.safe_load(open({!r}))"),
}


def _word(walk: _Walk, index: int) -> _Taken:
    token = walk.tokens[index]
    text = walk.text(token)
    prefix, colon, name = text.rpartition(":")
    if colon and walk.stage(f"{prefix}.{name}") is not None:
        name = f"{prefix}.{name}"  # as operations are called that several models have
    stage = walk.stage(name) if colon and prefix != "op" and not walk.known.target else None
    if stage is None or walk.stage(text) is not None:
        return _as_it_is(walk, index, index + 1, word=True), index + 1
    said = is_here(token.raw, name, "its name will do" if stage.name == name else "")
    return Piece(token=token, ours=(as_word(name),), said=said, word=True), index + 1


_RULES: tuple[Callable[[_Walk, int], _Taken], ...] = (
    _guild_run,
    _option,
    _flag,
    _guild_option,
    _unknown,
    _batch_file,
    _assignment,
    _word,
)
