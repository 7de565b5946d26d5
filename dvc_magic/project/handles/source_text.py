"""The source files that a run had."""

from __future__ import annotations

from pathlib import Path

from dvc_magic.comparison import SourceFiles, kept_content, read_by
from dvc_magic.errors import RequestError, StoreError, close_matches
from dvc_magic.model.record import RunRecord
from dvc_magic.store import RunStore, StoredRun
from dvc_magic.untrusted import one_line
from dvc_magic.views import Table, files_table


def source_text(run: StoredRun, path: str, store: RunStore) -> str:
    """The text of a source file as a run had it; of a param file, with the run's values.

    Raises:
        RequestError: the run had no such file, or it is no text that can be shown.
        StoreError: the run's snapshot is gone.
    """
    record = run.record
    if path in record.params:
        return _decoded(_param_file(run, path), path, record)
    files = SourceFiles(store)
    sources = files.of(record)
    if path not in sources:
        if record.id in files.lost:
            message = (
                f"the snapshot of {record.name} is gone, and {path!r} with it; its workspace is {run.paths.workspace}"
            )
            raise StoreError(message)
        raise RequestError(_unknown(path, list(sources), record))
    if (link := sources[path].link) is not None:
        raise RequestError(f"{path!r} is a link to {link!r} in {record.name}; name that file")
    return _decoded(kept_content(store.sources, sources[path].md5, run, path), path, record)


def source_files(run: StoredRun, store: RunStore) -> Table:
    """The source files of a run and what it did with each."""
    files = SourceFiles(store)
    sources = files.of(run.record)
    return files_table(run.record, sources, read=read_by(run.record, sources), complete=run.id not in files.lost)


def _param_file(run: StoredRun, path: str) -> bytes | str:
    place: Path = run.paths.dvc_root(run.record.root) / path
    try:
        return place.read_bytes()
    except OSError as error:
        return f"it is not in the run's workspace any more ({error.strerror})"


def _decoded(content: bytes | str, path: str, record: RunRecord) -> str:
    if isinstance(content, str):
        raise RequestError(f"{path!r} of {record.name} cannot be shown: {content}")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise RequestError(f"{path!r} of {record.name} is no UTF-8 text: {len(content):,} bytes") from None


def _unknown(path: str, sources: list[str], record: RunRecord) -> str:
    if path in record.deps or path in record.outs:
        return f"{path!r} is data of {record.name}, no source file: run.deps and run.outs have where it lies"
    hint = close_matches(path, sources) or f" %dvc_show {record.number} --files lists them."
    return f"{record.name} had no source file {one_line(path)!r}.{hint}"
