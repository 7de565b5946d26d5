"""What a project was at the moment of a call, besides its sources: all that its runs may ask of it later.

A project goes on while the runs of a call wait for their turn: commits, another branch, another remote. So the call
writes this down once, and its runs are prepared from it and from the snapshot, never from the project.
"""

from __future__ import annotations

from msgspec import Struct, field


class IndexCopy(Struct, frozen=True, kw_only=True):
    """A copy of git's index in the store.

    Attributes:
        md5: of the content, which the store's ``objects`` folder holds.
        mtime_ns: of the project's file, by which git knows which of its entries it may trust.
        shared: name -> md5 of the larger part of a split index.
    """

    md5: str
    mtime_ns: int
    shared: dict[str, str] = field(default_factory=dict)


class GitFacts(Struct, frozen=True, kw_only=True):
    """What git inside a run is to answer with. Texts of files that are no UTF-8 have surrogates in them (PEP 383).

    Attributes:
        prefix: the project's path from the top of the work tree, empty when the project is the top.
        objects: the folder of git's objects: from the project's root where both move together, else absolute.
        commit: the commit that HEAD is at, None before the first one.
        head: the text of ``HEAD``: the branch that the project is on, as far as that is known, else a commit.
        refs: branches and tags -> commit or tag object.
        sha256: whether the repository names objects by SHA-256.
        settings: the lines of the repository's config that change how files look to git, or who commits, and the urls
            of its remotes, without credentials.
        exclude: the text of ``info/exclude``.
        shallow: the text of ``shallow``, empty in a whole clone.
        rules: ``.gitignore`` and ``.gitattributes`` files above the project, path from the top -> text.
        index: None where git has none, as before the first ``git add``.
        absent: tracked files, from the project's root, that the project itself did not have: git calls them deleted.
    """

    prefix: str
    objects: str
    commit: str | None = None
    head: str = "ref: refs/heads/main"
    refs: dict[str, str] = field(default_factory=dict)
    sha256: bool = False
    settings: str = ""
    exclude: str = ""
    shallow: str = ""
    rules: dict[str, str] = field(default_factory=dict)
    index: IndexCopy | None = None
    absent: tuple[str, ...] = ()


class Surroundings(Struct, frozen=True, kw_only=True):
    """The project of a call without its sources. It holds no secret, so the store may keep it.

    Attributes:
        git: None without git.
        dvc_config: the text of a run's ``.dvc/config.local``, but for the cache, which each run has at another path.
        cache_types: the project's ``cache.type`` in its order, None when it says nothing.
        uv_project: the folder above the project that ``uv run`` would use, empty without one.
        python_path: the entries of the call's ``PYTHONPATH`` that lie outside of the project.
    """

    git: GitFacts | None = None
    dvc_config: str = ""
    cache_types: tuple[str, ...] | None = None
    uv_project: str = ""
    python_path: tuple[str, ...] = ()


class ProjectLinks(Struct, frozen=True, kw_only=True):
    """What a stage still reaches of the live project. An order that has any can be executed on this machine only.

    Attributes:
        environments: environments in the project that the workspace links to, from the root.
        secrets: files that look secret and are linked rather than copied, from the root.
        absolute: deps and outs that the stage names by an absolute path.
        git_objects: the folder of the project's git objects, which git in the run reads; empty without git.
    """

    environments: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    absolute: tuple[str, ...] = ()
    git_objects: str = ""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.environments or self.secrets or self.absolute or self.git_objects)
