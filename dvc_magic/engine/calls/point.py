"""One point of a call: which stages of its lineage are settled, and what the others would take."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.engine.calls.inputs import CallInputs
from dvc_magic.engine.calls.new_files import NewFiles
from dvc_magic.engine.calls.plan import (
    FROZEN,
    PARAMS_CHANGED,
    Decision,
    Facts,
    Setting,
    attached,
    decide,
    decide_target,
    going_equal,
    mismatch,
    short,
    stands,
)
from dvc_magic.engine.order import Capture, Point
from dvc_magic.engine.source_marks import text_marks
from dvc_magic.errors import MissingInputError, close_matches
from dvc_magic.model.inputs import InputFacts
from dvc_magic.model.operation import SourceKind
from dvc_magic.model.plan import Action, Placement
from dvc_magic.model.record import DepRecord, Override, RunRecord
from dvc_magic.model.request import UpstreamPolicy
from dvc_magic.model.snapshot import Snapshot
from dvc_magic.model.stage import Dep, DepKind, Out, Stage, overlaps
from dvc_magic.model.values import keys_overlap, same
from dvc_magic.store import DirListing, RunCache, below, listing_hash, moved, without
from dvc_magic.untrusted import first_few

_NEAR = 3  # paths in a hint, values in a reason


class Settled(Struct, frozen=True, kw_only=True):
    """A stage whose outputs are known: from a run, or from the project when `run` is None."""

    outs: Mapping[str, str]
    run: RunRecord | None


class PointState:
    """One point under way.

    Attributes:
        settled: the stages whose outputs are known, by address. waiting: those queued, running or waited for.
        answer: what becomes of the target, once that is decided.
    """

    def __init__(
        self,
        point: Point,
        *,
        capture: Capture,
        snapshot: Snapshot,
        sources: Mapping[str, str],
        cache: RunCache,
        inputs: CallInputs,
        is_intact: Callable[[RunRecord], bool],
        new_files: NewFiles,
        made_before: Callable[[str], str],
    ) -> None:
        self.point = point
        self.settled: dict[str, Settled] = {}
        self.waiting: set[str] = set()
        self.answer: Decision | None = None
        self._capture = capture
        self._snapshot = snapshot
        self._sources = sources
        self._own_marks: dict[str, Mapping[str, str]] = {}  # of stages with texts of their own
        self._cache = cache
        self._inputs = inputs
        self._is_intact = is_intact
        self._new_files = new_files
        self._made_before = made_before  # names the runs that made a path, for an error

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The lineage, upstream first; the target is the last."""
        return self.point.pipeline.stages

    @property
    def overrides(self) -> tuple[Override, ...]:
        """The values of the call, those marked that no stage of the lineage takes."""
        return tuple(
            replace(entry, declared=any(_takes(stage, entry) for stage in self.stages))
            for entry in self.point.overrides
        )

    def stage(self, address: str) -> Stage:
        """The stage of the lineage with this address."""
        return next(stage for stage in self.stages if stage.address == address)

    def producers(self, stage: Stage) -> tuple[str, ...]:
        """Addresses of the stages directly above."""
        return tuple(producer.address for producer in self.point.pipeline.upstream(stage))

    def ready(self, stage: Stage) -> bool:
        """Whether everything above a stage is settled."""
        return all(address in self.settled for address in self.producers(stage))

    def facts(self, stage: Stage) -> Facts:
        """What `decide` needs of a stage now."""
        outs = {out.path: self._inputs.get(out.path) for out in stage.outs}
        inputs = {dep.path: self.input_hash(stage, dep) for dep in stage.deps if self._counts(stage, dep)}
        inputs |= {out.path: seed.hash for out in stage.outs if (seed := self._seed(out)) is not None}
        return Facts(
            stage=stage,
            inputs=inputs,
            sources=self._marks(stage),
            project_outs={path: found.hash for path, found in outs.items() if found is not None and found.present},
            lock_stale=self._lock_stale(stage),
            serving={op.address: self._serving_facts(op, stage) for op in self.point.pipeline.serving(stage.address)},
            new_file=lambda run: self._new_files.difference(run, stage),
        )

    def _serving_facts(self, operation: Stage, stage: Stage) -> Facts:
        """What `decide` needs of an operation that could stand for a stage."""
        taken = (entry for entry in self.point.overrides if _takes(stage, entry))
        ignored = (entry.key for entry in taken if not _takes(operation, entry))
        return replace(self.facts(operation), ignored_key=next(ignored, ""))

    def served(self, stage: Stage, candidates: Sequence[RunRecord]) -> RunRecord | None:
        """The first run that is to stand for a stage, if that is one of an operation whose inputs are all known."""
        facts = self.facts(stage)
        run = next((run for run in candidates if not mismatch(facts, run) and self._stands(run)), None)
        return run if stands(facts, run) else None

    def _counts(self, stage: Stage, dep: Dep) -> bool:
        """Whether a dep is compared by its hash: not what is read in place, nor what is compared by its values."""
        if dep.kind is DepKind.URL:
            return False
        return not dep.implied or bool(self._makers(stage, dep))

    def _makers(self, stage: Stage, dep: Dep) -> tuple[Stage, ...]:
        """The other stages of the lineage that make what a dep of `stage` is, or parts of it."""
        return self.point.pipeline.makers(stage, dep)

    def _marks(self, stage: Stage) -> Mapping[str, str]:
        """What stands for each source in a run of `stage`."""
        if stage.texts and stage.address not in self._own_marks:
            self._own_marks[stage.address] = {**self._sources, **text_marks(stage.texts)}
        return self._own_marks.get(stage.address, self._sources)

    def _texts(self, stage: Stage) -> Mapping[str, str]:
        """The texts that a run of `stage` has in place of the project's."""
        return {**self.point.replace, **stage.texts} if stage.texts else self.point.replace

    def _seed(self, out: Out) -> InputFacts | None:
        """What a ``persist`` output starts from: the project's, if there is one."""
        found = self._inputs.get(out.path)
        return found if out.persist and found is not None and found.present else None

    def _lock_stale(self, stage: Stage) -> str:
        changed = set(self._capture.changed_since_lock.get(stage.dvcfile, ()))
        hit = sorted(changed.intersection(self._capture.imports.get(stage.address, ())))
        return f"code changed since dvc.lock was committed: {hit[0]}" if hit else ""

    def decide(
        self, stage: Stage, *, candidates: Sequence[RunRecord], policy: UpstreamPolicy, used: RunRecord | None
    ) -> Decision:
        """What happens to an upstream stage, as things stand.

        Raises:
            MissingInputError: policy ``never`` forbids the run that would be needed, or the project lacks the output.
        """
        decision = decide(self.facts(stage), candidates=candidates, policy=policy, used=used, kept=self._stands)
        if self._rests_on_project(decision) and not self._inputs.confirm(out.path for out in stage.outs):
            decision = decide(self.facts(stage), candidates=candidates, policy=policy, used=used, kept=self._stands)
        if decision.action is Action.RUN and policy is UpstreamPolicy.NEVER:
            message = (
                f"stage {stage.address!r} would have to run first ({decision.reason}), which --upstream never forbids; "
                f"run it with %dvc_run {stage.address}, or leave the option out"
            )
            raise MissingInputError(message)
        if decision.action is Action.PROJECT:
            self._require_project_outs(stage, decision)
            if decision.reason == FROZEN:
                self._require_frozen_deps(stage)
        return self._as_asked(stage, decision)

    def decide_target(
        self,
        setting: Setting,
        *,
        candidates: Sequence[RunRecord],
        going: Sequence[RunRecord],
    ) -> Decision:
        """Whether a run that was there before answers for the target, as things stand."""
        decision = decide_target(
            self.facts(self.stages[-1]),
            setting,
            candidates=candidates,
            going=going,
            kept=self._stands,
        )
        return self._as_asked(self.stages[-1], decision)

    def _as_asked(self, stage: Stage, decision: Decision) -> Decision:
        """The decision with the call's own values for a reason, compared with the file, not with whatever ran last."""
        in_file = self._capture.file_values
        changes = [
            f"{entry.key} {short(in_file[name])} -> {short(entry.value)}"
            for entry in self.point.overrides
            if _takes(stage, entry)
            and (name := f"{entry.file}:{entry.key}") in in_file
            and not same(in_file[name], entry.value)
        ]
        if not changes or not decision.reason.startswith(PARAMS_CHANGED):
            return decision
        return replace(decision, reason=f"asked for: {first_few(changes, _NEAR)}")

    def attach(self, stage: Stage, setting: Setting, going: Sequence[RunRecord]) -> Decision | None:
        """The run that still goes and makes what an upstream stage is needed for, if there is one."""
        run = going_equal(self.facts(stage), setting, going) if going else None
        known = run is not None and self.facts(stage).complete
        return attached(run) if run is not None and known else None

    @staticmethod
    def _rests_on_project(decision: Decision) -> bool:
        """Whether the project's own outputs may be taken, so that it matters if a remote has what is not here."""
        return decision.action is Action.PROJECT or (decision.action is Action.WHEN_CHANGED and decision.run is None)

    def _stands(self, run: RunRecord) -> bool:
        """Whether what a run made is still there as it made it.

        An out with an absolute path is where the run has put it, or nowhere.
        """
        outside = {path: out.hash for path, out in run.outs.items() if out.hash and Path(path).is_absolute()}
        return all(self._has(path, md5) for path, md5 in outside.items()) and self._is_intact(run)

    def _has(self, path: str, md5: str) -> bool:
        found = self._inputs.get(path)
        return found is not None and found.present and found.hash == md5

    def _require_project_outs(self, stage: Stage, decision: Decision) -> None:
        for out in stage.outs:
            found = self._inputs.get(out.path)
            if found is None or not found.present:
                absent = found.problem if found is not None else ""
                where = f"which is not in the project{f': {absent}' if absent else ' nor in its DVC cache'}"
                if decision.reason == FROZEN:
                    message = (
                        f"stage {stage.address!r} is frozen, so that its output {out.path!r} has to come from the "
                        f"project, {where}; get it with dvc checkout or dvc pull, take a run's with "
                        f"--use {stage.address}=RUN, or unfreeze the stage"
                    )
                else:
                    message = (
                        f"--upstream project needs the output {out.path!r} of stage {stage.address!r}, {where}; make "
                        f"it with dvc repro {shlex.quote(stage.address)}, or use --upstream auto"
                    )
                raise MissingInputError(message)

    def _require_frozen_deps(self, stage: Stage) -> None:
        """DVC writes a frozen stage into ``dvc.lock``, its deps included, unless it stands there as it is."""
        outs = ((out.declared, self._inputs[out.path]) for out in stage.outs)
        lock = stage.lock or {}
        locked = {entry["path"]: entry.get("md5") for entry in lock.get("outs") or []}
        changed = (name for name, out in outs if locked.get(name) != out.hash and out.origin == "project")
        if lock.get("cmd") == stage.cmd and next(changed, None) is None:
            return
        for dep in stage.deps:
            if dep.kind is not DepKind.URL and not self._inputs[dep.taken].present:
                message = (
                    f"stage {stage.address!r} is frozen, and dvc.lock does not have it as it is now, so that its dep "
                    f"{dep.path!r} has to be in the project, as for dvc repro, and it is not; bring it back, take a "
                    f"run's output with --use {stage.address}=RUN, or the project's whatever it was made from with "
                    "--upstream project"
                )
                raise MissingInputError(message)

    def settle_from_run(self, stage: Stage, run: RunRecord) -> None:
        """A run's outputs are the ones to use; of an operation that serves the stage, those that are the stage's."""
        own = {out.path for out in stage.outs} if run.stage != stage.address else run.outs.keys()
        outs = {path: out.hash for path, out in run.outs.items() if path in own}
        self.settled[stage.address] = Settled(outs=outs, run=run)

    def settle_from_project(self, stage: Stage) -> None:
        """The project's own outputs are the ones to use. Those on a disk here are kept in the runs' cache."""
        for out in stage.outs:
            self._inputs.require_kept(out.path)
        self.settled[stage.address] = Settled(
            outs={out.path: self._inputs[out.path].hash for out in stage.outs}, run=None
        )

    def project_paths(self, stage: Stage) -> tuple[str, ...]:
        """What a stage takes from the project: deps, outputs of the stages above that are the project's own, seeds."""
        paths: list[str] = []
        for dep in stage.deps:
            makers = self._makers(stage, dep)
            if dep.kind is DepKind.LOCAL and dep.path not in self._texts(stage) and self._is_projects(dep, makers):
                paths.append(dep.taken)
            for made in makers:
                settled = self.settled.get(made.address)
                if settled is not None and settled.run is None:
                    paths += [path for path in settled.outs if overlaps(path, dep.taken)]
        return (*paths, *(out.path for out in stage.outs if self._seed(out) is not None))

    def _is_projects(self, dep: Dep, makers: Sequence[Stage]) -> bool:
        """Whether a dependency, or a part of it, is the project's: of a folder around outs, the files beside them."""
        if not makers:
            return bool(dep.origin) or not self._is_snapshot_file(dep.path)
        around = any(out.path.startswith(f"{dep.taken}/") for made in makers for out in made.outs)
        return around and self._inputs[dep.taken].present

    def _is_snapshot_file(self, path: str) -> bool:
        known = self._snapshot.files.get(path)
        return known is not None and known.link is None

    def input_hash(self, stage: Stage, dep: Dep) -> str | None:
        """The md5 of what a dependency would be now; None while a stage that makes it is not settled.

        Raises:
            MissingInputError: nothing makes it and the project does not have it.
        """
        makers = self._makers(stage, dep)
        if any(made.address not in self.settled for made in makers):
            return None
        if not makers:
            return self._project_hash(stage, dep)
        exact = [self.settled[made.address].outs.get(dep.taken) for made in makers]
        if len(makers) == 1 and exact[0]:
            return exact[0]
        return listing_hash(self._with_params(stage, dep, self._composed(dep, makers)))

    def _project_hash(self, stage: Stage, dep: Dep) -> str:
        """The md5 of what the project has for a dep, with the call's param files in place of its own."""
        texts = self._texts(stage)
        if dep.path in texts and not dep.origin:
            return self._marks(stage)[dep.path]
        if not any(file.startswith(f"{dep.path}/") for file in texts):
            return self._inputs[dep.taken].hash
        return listing_hash(self._with_params(stage, dep, self._inputs.listing(dep.taken)))

    def _with_params(self, stage: Stage, dep: Dep, listing: DirListing) -> DirListing:
        start, marks = f"{dep.path}/", self._marks(stage)
        own = {file: marks[file] for file in self._texts(stage) if file.startswith(start)}
        return {**listing, **{file.removeprefix(start): md5 for file, md5 in own.items()}}

    def _composed(self, dep: Dep, makers: Sequence[Stage]) -> DirListing:
        """The content of a dependency that is part of an output, or a folder around several."""
        outs = {path: made for made in makers for path in self.settled[made.address].outs}
        wanted = dep.taken
        listing: DirListing = {}
        found = self._inputs.get(wanted)
        around = [path for path in outs if path.startswith(f"{wanted}/")]
        if around and found is not None and found.present:
            project = self._inputs.listing(wanted)
            listing = without(project, tuple(path.removeprefix(f"{wanted}/") for path in around))
        for path, made in outs.items():
            if not overlaps(wanted, path):
                continue
            content = self._out_listing(made, path)
            if path == wanted or wanted.startswith(f"{path}/"):
                listing |= below(content, wanted.removeprefix(path).lstrip("/"))
            else:
                listing |= moved(content, path.removeprefix(f"{wanted}/"))
        if not listing:
            names = ", ".join(f"{made.address} has {', '.join(self.settled[made.address].outs)}" for made in makers)
            message = (
                f"nothing of what is to be used upstream has {wanted!r} ({names}); the stage above made other "
                "outputs then: leave out --use and --upstream, so that it runs again"
            )
            raise MissingInputError(message)
        return listing

    def _out_listing(self, made: Stage, path: str) -> DirListing:
        settled = self.settled[made.address]
        if settled.run is None:
            return self._inputs.listing(path)
        return self._cache.listing(settled.outs[path])

    def require_inputs(self, stage: Stage) -> None:
        """Raise what is missing for a stage that is going to run.

        Raises:
            MissingInputError: nothing makes a dependency and the project does not have it.
        """
        for dep in stage.deps:
            if dep.kind is DepKind.URL or dep.path in self._texts(stage) or self._makers(stage, dep):
                continue
            found = self._inputs[dep.taken]
            if not found.present or (dep.local and found.origin != "project"):
                runs = self._made_before(dep.taken)
                hint = "" if found.dvcfile or runs else _near(dep.taken, self._known_paths())
                raise MissingInputError("\n".join(filter(None, [_missing(stage, dep, found, hint), runs])))

    def _known_paths(self) -> set[str]:
        """What this point knows of in the project: sources, what ``.dvc`` files stand for, outs, folders of these."""
        data = {path.removesuffix(".dvc") for path in self._snapshot.files}
        outs = {out.path for stage in self.stages[:-1] for out in stage.outs}
        folders = {str(folder) for path in data for folder in PurePosixPath(path).parents}
        return {*data, *outs, *folders} - {"."}

    def inputs(self, stage: Stage) -> tuple[dict[str, DepRecord], tuple[Placement, ...], dict[str, str]]:
        """How a stage that is about to run gets its deps: records, what to place, and the upstream runs used."""
        records: dict[str, DepRecord] = {}
        placements: list[Placement] = []
        upstream: dict[str, str] = {}
        for dep in stage.deps:
            if dep.kind is DepKind.URL:
                records[dep.path] = DepRecord(source=SourceKind.FILE, origin=dep.declared, placed="in place")
                continue
            digest = self.input_hash(stage, dep) or ""
            records[dep.path] = self._dep_record(stage, dep, digest)
            if dep.kind is DepKind.LOCAL and not self._is_source(stage, dep, digest):
                kept = self._kept(stage, dep, digest)
                executable = self._is_executable(stage, dep)
                placements.append(Placement(path=dep.path, hash=kept, executable=executable, alone=dep.found))
        for address in self.producers(stage):
            run = self.settled[address].run
            if run is not None:
                upstream[address] = run.id
        for out in stage.outs:
            seed = self._seed(out)
            if seed is not None:
                records[out.path] = DepRecord(
                    source=SourceKind.FILE, origin=out.path, hash=seed.hash, seen=seed.hash, declared=False
                )
                kept = self._inputs.hash(out.path)
                placements.append(Placement(path=out.path, hash=kept, executable=seed.executable))
        return {**records, **_configs(stage)}, tuple(placements), upstream

    def _is_executable(self, stage: Stage, dep: Dep) -> bool:
        """Whether a dep is a file with execute bits."""
        for made in self._makers(stage, dep):
            settled = self.settled.get(made.address)
            if settled is not None and settled.run is not None and dep.taken in settled.run.outs:
                return settled.run.outs[dep.taken].executable
        found = self._inputs.get(dep.taken)
        return found is not None and found.executable

    def _dep_record(self, stage: Stage, dep: Dep, digest: str) -> DepRecord:
        makers = self._makers(stage, dep)
        if dep.path in stage.texts and not makers:
            origin = stage.operation.origin if stage.operation is not None else dep.path
            return DepRecord(source=SourceKind.FILE, name=dep.name, origin=origin, seen=digest)
        found = self._inputs.get(dep.taken)
        if makers:
            run = self.settled[makers[0].address].run
            return DepRecord(
                source=SourceKind.DVCSTAGE,
                name=dep.name,
                origin=makers[0].address if run is not None else self._project_origin(makers[0], dep.taken),
                run=run.id if run is not None else None,
                seen=digest,
                declared=not dep.implied,
            )
        assert found is not None
        return DepRecord(
            source=SourceKind.DVCFILE if found.dvcfile or dep.recorded else SourceKind.FILE,
            name=dep.name,
            origin=f"{found.dvcfile or dep.taken}{_from_remote(found)}",
            seen=digest if self._counts(stage, dep) else "",
            declared=not dep.implied,
            differs=found.differs,
            placed="in place" if dep.kind is DepKind.ABSOLUTE else "copy",
        )

    def _project_origin(self, made: Stage, path: str) -> str:
        facts = [self._inputs.get(out.path) for out in made.outs if overlaps(out.path, path)]
        remote = next((_from_remote(found) for found in facts if found is not None and found.remote), "")
        return f"{made.address}{remote}" if remote else f"{made.address} in the project"

    def _is_source(self, stage: Stage, dep: Dep, digest: str) -> bool:
        """Whether the snapshot or the call's texts already bring the whole content of a dep into the workspace."""
        if dep.path in stage.texts:
            return not dep.origin
        if dep.path in self.point.replace and self._marks(stage)[dep.path] == digest:
            return True
        file = self._snapshot.files.get(dep.path)
        return file is not None and file.link is None and self._sources.get(dep.path) == digest

    def _kept(self, stage: Stage, dep: Dep, digest: str) -> str:
        """Make sure that the runs' cache holds a dependency, and return the hash to place it by."""
        makers = self._makers(stage, dep)
        if not makers:
            return self._inputs.hash(dep.taken)
        if len(makers) == 1 and dep.taken in self.settled[makers[0].address].outs:
            return digest
        return self._cache.put_listing(self._composed(dep, makers))


def _near(path: str, known: Collection[str]) -> str:
    """A hint at the paths that may be meant: those with the same last part, else those that are spelled alike."""
    same = sorted(one for one in known if PurePosixPath(one).name == PurePosixPath(path).name and one != path)
    if same:
        return f" Did you mean {' or '.join(map(repr, same[:_NEAR]))}?"
    return close_matches(path, [one for one in known if one != path])


def _missing(stage: Stage, dep: Dep, facts: InputFacts, hint: str = "") -> str:
    """What to say of a dep that nothing can supply; the words of its operation's author come last."""
    what = "operation" if stage.operation is not None else "stage"
    name = stage.name if stage.operation is not None else stage.address
    where = "as DVC has recorded it" if dep.recorded else "which is not in the project"
    needs = f"{what} {name!r} needs {(dep.origin or dep.declared)!r}, {where}"
    nowhere = f"is not in its DVC cache, and no stage makes it; put it there, or correct the {what}'s deps"
    if dep.local and facts.present:
        nowhere = f"though {facts.dvcfile or 'DVC'} records it: require it as dvcfile:{dep.taken}, or pull it"
    said = f"{needs}: {facts.problem}" if facts.problem else f"{needs}, {nowhere}"
    said += f".{hint}" if hint else ""
    if dep.found:
        said += "\n(A text in its code names that: it learns. Without --learn, it gets what -d and --requires name.)"
    return f"{said}\n{dep.help}" if dep.help else said


def _takes(stage: Stage, entry: Override) -> bool:
    """Whether a value of the call reaches a stage; an operation, by the name that it gives a file, too."""
    own = stage.operation.files if stage.operation is not None else ()
    files = {entry.file, *(file.path for file in own if file.origin == entry.file)}
    return any(flag.file in files and keys_overlap(flag.key, entry.key) for flag in stage.flags)


def _configs(stage: Stage) -> dict[str, DepRecord]:
    """The config files that an operation requires; they count by their values, as params do."""
    sources = stage.operation.requires if stage.operation is not None else ()
    return {
        source.target(source.path): DepRecord(
            source=SourceKind.CONFIG, name=source.name, origin=source.path, declared=False
        )
        for source in sources
        if source.kind is SourceKind.CONFIG
    }


def _from_remote(facts: InputFacts) -> str:
    return f" from remote {facts.remote.remote!r}" if facts.remote is not None else ""
