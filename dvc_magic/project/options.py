"""The options that calls have in common, each said once; and how a method takes them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypedDict, TypeVar, cast

from dvc_magic.errors import close_matches


class HasId(Protocol):
    """A `dvc_magic.Run`."""

    @property
    def id(self) -> str:
        """Its id."""


RunName: TypeAlias = int | str | HasId
"""A run as people name it: a number, an id or the start of one, a label, ``last``, or the `Run` itself."""


class PlanOptions(TypedDict, total=False):
    """Those of `CallOptions`, explained there, that decide what a call runs: what `Project.plan` takes."""

    reuse: bool
    use: Mapping[str, RunName] | None
    upstream: str
    copy_paths: Sequence[str]
    hydra: bool


class CallOptions(PlanOptions, total=False):
    """What `Project.run`, `Project.grid`, `Project.op` and `Run.again` have in common.

    Attributes:
        reuse: answer with a completed run that is equal in code, data, params, Python and packages, if there is one, or
            with one that still goes once it has ended; False unless given. `timeout`, `copy_paths` that nothing reads
            and variables of the environment make no difference; `label` and `tags` are not given to such a run.
        use: stage address -> the run whose outputs to take: a `Run`, its number, id or label.
        upstream: ``auto`` (unless given), ``latest``, ``project`` or ``never``.
        copy_paths: files that git ignores and the stage needs.
        hydra: False to run with the params file as it is where DVC's configuration has ``hydra.enabled``, and
            ``params.yaml`` is composed otherwise, as by ``dvc exp run``.
        timeout: seconds that the commands of each run may take.
        label, tags: notes on the runs.
        raise_errors: False to get failed runs back instead of an exception.
        background: True to get the runs back as soon as the plan stands. They go on until this process ends; all calls
            in the background run as many commands at a time as there are cores. A failure raises nothing: see
            ``run.wait().status``.
        detach: True for a call in the background that goes on when this process has ended.
    """

    timeout: float | None
    label: str
    tags: Sequence[str]
    raise_errors: bool
    background: bool
    detach: bool


_DEFAULTS: CallOptions = {
    "reuse": False,
    "use": None,
    "upstream": "auto",
    "copy_paths": (),
    "hydra": True,
    "timeout": None,
    "label": "",
    "tags": (),
    "raise_errors": True,
    "background": False,
    "detach": False,
}


def completed(options: PlanOptions | CallOptions) -> CallOptions:
    """All options, with their defaults where a call says nothing."""
    return cast("CallOptions", {**_DEFAULTS, **options})


Method = TypeVar("Method", bound=Callable[..., Any])


def takes(options: type[PlanOptions]) -> Callable[[Method], Method]:
    """Let a method that ends in ``**options`` look and answer as if it named each of them.

    Its signature has them, for ``help`` and the Tab key, which see only ``**options`` otherwise. One that it does not
    have is refused, as Python itself does it, with close matches.
    """

    def decorate(method: Method) -> Method:
        signature = _spelled_out(inspect.signature(method), options)

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            if unknown := next((name for name in kwargs if name not in signature.parameters), None):
                hint = close_matches(unknown, [*signature.parameters][1:])
                message = f"{method.__qualname__}() got an unexpected keyword argument {unknown!r}.{hint}"
                raise TypeError(message)
            return method(*args, **kwargs)

        call.__signature__ = signature  # type: ignore[attr-defined]
        return cast("Method", call)

    return decorate


def _spelled_out(signature: inspect.Signature, options: type[PlanOptions]) -> inspect.Signature:
    named = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    spelled = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS[name], annotation=kind)  # type: ignore[literal-required]
        for name, kind in _kinds(options).items()
    ]
    return signature.replace(parameters=[*named, *spelled])


def _kinds(options: type[PlanOptions]) -> dict[str, str]:
    """The types as they are written above."""
    return {name: getattr(kind, "__forward_arg__", str(kind)) for name, kind in options.__annotations__.items()}
