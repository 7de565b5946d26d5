"""Which upstream outputs a run takes: pure decisions over frozen facts.

A stage's inputs are known when every stage above it is settled (`Settled`): reused from a run, taken from the project,
or just executed. `decide` looks at one stage:

    prepare ──► featurize ──► train          asked for: train
    RUN         WHEN_CHANGED  RUN            helper.py of prepare was edited

``prepare`` runs; whether ``featurize`` must is known once prepare's new output is (it is reused when its inputs come
out byte-equal, as in ``dvc repro``); the target always runs, unless ``--reuse`` lets a run that is equal answer in its
place (`decide_target`). The same functions therefore serve twice: at the call, to show the plan, and again whenever a
stage above has ended. As a match is always by content, a diamond cannot mix lineages: a run that consumed other bytes
than the ones chosen now does not match.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct, field

from dvc_magic.model.plan import Action, NamedRun, PlannedStage
from dvc_magic.model.record import Environment, Override, RunRecord
from dvc_magic.model.request import UpstreamPolicy
from dvc_magic.model.stage import DepKind, Stage
from dvc_magic.model.values import FlatValues, flatten, same

FROZEN = "frozen"
PARAMS_CHANGED = "params changed"
_GONE = "the outputs of its equal run are gone or were changed"
_ALL_GONE = "the outputs of its runs are gone or were changed"
_TOLD = 200  # of the newest runs, one may tell the reason


Kept: TypeAlias = Callable[[RunRecord], bool]


def _always(_: RunRecord) -> bool:
    return True


class Decision(Struct, frozen=True, kw_only=True):
    """What happens to one stage, and why.

    Attributes:
        run: the record of the run that is reused or waited for; of `WHEN_CHANGED` the one that is if nothing changes.
        reason: one phrase for people: ``code changed: helper.py``.
        stale: True when policy ``latest`` reuses a run that does not match the project now.
    """

    stage: str
    action: Action
    reason: str
    run: RunRecord | None = None
    stale: bool = False

    def shown(self, *, number: int | None = None, work: int = 0) -> PlannedStage:
        """The decision as a plan shows it; see `PlannedStage` for `number` and `work`."""
        run = None
        if self.run is not None:
            run = NamedRun(id=self.run.id, number=self.run.number, stage=self.run.stage)
        return PlannedStage(stage=self.stage, action=self.action, reason=self.reason, run=run, number=number, work=work)


class Facts(Struct, frozen=True, kw_only=True):
    """What is true of one stage in one call.

    Attributes:
        stage: resolved with the call's values.
        inputs: dep path -> md5 of its content now; None while a stage above it is not settled.
        sources: source path -> md5 now, with the call's param files.
        project_outs: out path -> md5 in the project, for outs that it has.
        lock_stale: why the project's own outputs are not current although ``dvc.lock`` matches, or an empty text.
        serving: the same of the operations whose runs can stand for the stage's, by their address.
        ignored_key: of such an operation, a key that the call sets for the stage and that the operation does not take.
        new_file: of a run that is equal in all that it read, what came or went since that it could have met.
    """

    stage: Stage
    inputs: Mapping[str, str | None]
    sources: Mapping[str, str] = field(default_factory=dict)
    project_outs: Mapping[str, str] = field(default_factory=dict)
    lock_stale: str = ""
    serving: Mapping[str, Facts] = field(default_factory=dict)
    ignored_key: str = ""
    new_file: Callable[[RunRecord], str] = field(default=lambda _: "")

    @property
    def complete(self) -> bool:
        """Whether all inputs are known."""
        return all(md5 is not None for md5 in self.inputs.values())


class Setting(Struct, frozen=True, kw_only=True):
    """What a whole call has in common, as far as a run of another call can be equal in it.

    Attributes:
        snapshot: id of the project's sources. overrides: the values asked for.
        import_roots: folders of the project on the Python path.
        packages: digest of packages -> name -> version; for the reason alone.
    """

    environment: Environment
    snapshot: str = ""
    overrides: tuple[Override, ...] = ()
    import_roots: tuple[str, ...] = ()
    packages: Callable[[str], Mapping[str, str]] = field(default=lambda _: {})


def decide(
    facts: Facts,
    *,
    candidates: Sequence[RunRecord],
    policy: UpstreamPolicy,
    used: RunRecord | None = None,
    kept: Kept = _always,
) -> Decision:
    """What happens to an upstream stage.

    Args:
        facts: the stage as it is now.
        candidates: its completed runs, the marked one first, then newest first.
        policy: of the call.
        used: the run that ``--use`` names for this stage, which beats all.
        kept: whether all that a run made is still there as it made it; asked only of runs that would be taken.
    """
    stage = facts.stage.address
    if used is not None:
        return Decision(stage=stage, action=Action.REUSE, reason="named by --use", run=used)
    if policy is UpstreamPolicy.PROJECT:
        return Decision(stage=stage, action=Action.PROJECT, reason="as it lies in the project")
    if facts.stage.frozen:
        return Decision(stage=stage, action=Action.PROJECT, reason=FROZEN)
    if policy is UpstreamPolicy.LATEST and (newest := next(filter(kept, candidates), None)):
        return _latest(facts, newest)
    return _automatic(facts, candidates, kept)


def stands(facts: Facts, run: RunRecord | None) -> bool:
    """Whether a run of a serving operation matches with all inputs of that operation known."""
    serving = facts.serving.get(run.stage) if run is not None else None
    return serving is not None and serving.complete


def _latest(facts: Facts, newest: RunRecord) -> Decision:
    difference = mismatch(facts, newest)
    reason = f"newest run, stale: {difference}" if difference else "newest run"
    return Decision(stage=facts.stage.address, action=Action.REUSE, reason=reason, run=newest, stale=bool(difference))


def _automatic(facts: Facts, candidates: Sequence[RunRecord], kept: Kept) -> Decision:
    stage = facts.stage.address
    differences = [(run, mismatch(facts, run)) for run in candidates]
    matching = next((run for run, difference in differences if not difference and kept(run)), None)
    project_difference = _project_mismatch(facts)
    if facts.stage.always_changed:
        return Decision(stage=stage, action=Action.RUN, reason="always changed, as dvc.yaml says")
    if matching is None and project_difference:
        told = _nearest([difference or _ALL_GONE for _, difference in differences])
        reason = told or f"no run of it yet; {project_difference}"
        return Decision(stage=stage, action=Action.RUN, reason=reason)
    if not (facts.complete or stands(facts, matching)):
        return Decision(stage=stage, action=Action.WHEN_CHANGED, reason="if its inputs change", run=matching)
    if matching is not None:
        return Decision(stage=stage, action=Action.REUSE, reason="code, data, params equal", run=matching)
    return Decision(stage=stage, action=Action.PROJECT, reason="dvc.lock is current")


def decide_target(
    facts: Facts,
    setting: Setting,
    *,
    candidates: Sequence[RunRecord],
    going: Sequence[RunRecord],
    kept: Kept = _always,
) -> Decision:
    """What ``--reuse`` makes of the stage that is asked for.

    Args:
        facts: the stage as it is now. setting: the call.
        candidates: its completed runs, the marked one first, then newest first.
        going: the runs of it that other calls have started and that have not ended.
        kept: whether all that a run made is still there as it made it.
    """
    stage = facts.stage.address
    if why := _never_reused(facts.stage):
        return Decision(stage=stage, action=Action.RUN, reason=why)
    equal = next((run for run in candidates if not _difference(facts, run, setting) and kept(run)), None)
    waited = equal or going_equal(facts, setting, going)
    if waited is None:
        reason = _nearest([_difference(facts, run, setting) or _GONE for run in candidates[:_TOLD]])
        return Decision(stage=stage, action=Action.RUN, reason=reason or "no completed run of it yet")
    if not facts.complete:
        return Decision(stage=stage, action=Action.WHEN_CHANGED, reason="if its inputs change")
    if equal is not None:
        return Decision(stage=stage, action=Action.REUSE, reason="code, data, params, environment equal", run=equal)
    return attached(waited)


def attached(run: RunRecord) -> Decision:
    """The decision to wait for a run that still goes."""
    return Decision(stage=run.stage, action=Action.ATTACH, reason="sources, data, params, environment equal", run=run)


def _difference(facts: Facts, run: RunRecord, setting: Setting) -> str:
    return mismatch(facts, run) or _scalars_difference(facts.stage, run) or environment_difference(run, setting)


def _scalars_difference(stage: Stage, run: RunRecord) -> str:
    """What differs in the numbers of its output that are a run's metrics, or an empty text; no file depends on them."""
    asked = stage.operation.scalars if stage.operation is not None else None
    had = run.op.scalars if run.op is not None else None
    return "" if asked == had else "other numbers of its output are its metrics now"


def _never_reused(stage: Stage) -> str:
    if stage.always_changed:
        return "always changed, as dvc.yaml says"
    if not (stage.deps or stage.params or stage.outs):
        return "without deps and outs it is always executed, as in dvc repro"
    url = next((dep.declared for dep in stage.deps if dep.kind is DepKind.URL), None)
    return f"what is at {url} can change unseen" if url else ""


def environment_difference(run: RunRecord, setting: Setting) -> str:
    """What differs between a run's Python and packages and those of the call, or an empty text."""
    then, now = run.environment, setting.environment
    if (then.python, then.platform) != (now.python, now.platform):
        return f"environment changed: Python {then.python} on {then.platform} -> {now.python} on {now.platform}"
    if then.packages == now.packages:
        return ""
    old, new = setting.packages(then.packages), setting.packages(now.packages)
    changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)] if old and new else []
    if not changed:
        return "environment changed: other packages"
    first = changed[0]
    more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    return f"environment changed: {first} {old.get(first, 'none')} -> {new.get(first, 'none')}{more}"


def going_equal(facts: Facts, setting: Setting, going: Sequence[RunRecord]) -> RunRecord | None:
    """The first of some runs that still go which is sure to be equal to the stage as it is now.

    What a run reads without declaring it is known at its end only: until then all sources have to be equal, and all
    values that were asked for in files of which it tracks nothing.
    """
    asked = _untracked(setting.overrides, facts.stage)
    return next(
        (
            run
            for run in going
            if (run.snapshot, run.import_roots) == (setting.snapshot, setting.import_roots)
            and _untracked(run.overrides, facts.stage) == asked
            and not _never_reused(facts.stage)
            and not _difference(facts, run, setting)
        ),
        None,
    )


def _untracked(overrides: Sequence[Override], stage: Stage) -> dict[tuple[str, str], str]:
    """The values in files of which the stage tracks nothing: in the others, it counts for the keys that it tracks."""
    tracked = {entry.path for entry in stage.params}
    return {(one.file, one.key): f"{one.kind} {one.value!r}" for one in overrides if one.file not in tracked}


def _nearest(differences: Sequence[str]) -> str:
    """The difference to tell: that of the newest run with the same params, if there is one, else of the newest."""
    return next((text for text in differences if not text.startswith(PARAMS_CHANGED)), next(iter(differences), ""))


def mismatch(facts: Facts, run: RunRecord) -> str:
    """Why a completed run does not match the stage as it is now, or an empty text; inputs not yet known match.

    A run of an operation that serves the stage is compared with that operation, and has to have made the stage's outs.
    """
    if run.stage in facts.serving:
        serving = facts.serving[run.stage]
        if serving.ignored_key:
            return f"operation {serving.stage.name} does not take {serving.ignored_key}"
        absent = {out.path for out in facts.stage.outs} - set(run.outs)
        return mismatch(serving, run) or (f"it did not make {min(absent)}" if absent else "")
    stage = facts.stage
    if run.cmd != stage.cmd or run.wdir != stage.wdir:
        return "its command changed"
    if difference := _params_difference(run.locked, stage.locked, run.overrides):
        return difference
    for path, md5 in facts.inputs.items():
        dep = run.deps.get(path)
        if dep is None:
            return f"it has a new dependency: {path}"
        if md5 is not None and dep.seen != md5:
            return f"{'code' if path in facts.sources else 'data'} changed: {path}"
    if {path for path, dep in run.deps.items() if dep.seen} - set(facts.inputs):
        return "it lost a dependency"
    return _outs_difference(stage, run) or _undeclared_difference(facts, run)


def _undeclared_difference(facts: Facts, run: RunRecord) -> str:
    changed = [path for path, md5 in run.read.items() if facts.sources.get(path) != md5]
    if changed:
        return f"code changed: {changed[0]} (undeclared)"
    new_file = facts.new_file(run)
    return f"code changed: {new_file}" if new_file else ""


def _outs_difference(stage: Stage, run: RunRecord) -> str:
    if _other_outs(stage, run):
        return "its outs changed"
    spoiled = sorted(run.spoiled.keys() & run.outs.keys())
    return f"its output {spoiled[0]} was changed after the run" if spoiled else ""


def _other_outs(stage: Stage, run: RunRecord) -> bool:
    named = {out.path: (out.kind, out.cache) for out in stage.outs}
    made = {path: (out.kind, out.cache) for path, out in run.outs.items()}
    if stage.operation is not None and stage.operation.as_written:
        alike = run.op is not None and run.op.as_written and run.op.outs == stage.operation.outs
        return not (alike and named.items() <= made.items())
    return named != made


def _params_difference(
    before: Mapping[str, FlatValues], now: Mapping[str, FlatValues], asked: Sequence[Override] = ()
) -> str:
    """The first param that differs; `asked` are the values that the call of then had in place of the file's."""
    for file in sorted({*before, *now}):
        old, new = dict(flatten(before.get(file, {}))), dict(flatten(now.get(file, {})))
        for key in sorted({*old, *new}):
            if key not in old or key not in new:
                return f"{PARAMS_CHANGED}: {key}"
            if not same(old[key], new[key]):
                then = " (asked for)" if any(entry.key == key for entry in asked) else ""
                return f"{PARAMS_CHANGED}: {key} {short(old[key])}{then} -> {short(new[key])}"
    return ""


def short(value: object) -> str:
    """A value in a reason."""
    text = repr(value)
    return text if len(text) <= 24 else f"{text[:21]}..."  # noqa: PLR2004


def _project_mismatch(facts: Facts) -> str:
    """Why the project's own outputs cannot be used, or an empty text; inputs not yet known match."""
    stage, lock = facts.stage, facts.stage.lock
    if not lock:
        return "dvc.lock has no entry for it"
    if lock.get("cmd") != stage.cmd or _params_difference(lock.get("params") or {}, stage.locked):
        return "dvc.lock is not current"
    locked_deps = {entry["path"]: entry.get("md5") for entry in lock.get("deps") or []}
    for dep in stage.deps:
        if dep.implied and dep.path not in facts.inputs:
            continue  # compared by its values
        if dep.kind is not DepKind.LOCAL or locked_deps.get(dep.declared) is None:
            return "dvc.lock is not current"
        md5 = facts.inputs.get(dep.path)
        if md5 is not None and locked_deps[dep.declared] != md5:
            return "dvc.lock is not current"
    locked_outs = {entry["path"]: entry.get("md5") for entry in lock.get("outs") or []}
    for out in stage.outs:
        md5 = facts.project_outs.get(out.path)
        if md5 is None or locked_outs.get(out.declared) != md5:
            return "its output is not in the project as dvc.lock has it"
    if not stage.outs or stage.always_changed:
        return "dvc.lock cannot tell whether it is current"
    return facts.lock_stale
