"""Which files that came or went since a run could have been met by its command."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dvc_magic import codec
from dvc_magic.engine.calls.new_files import Mentions, NewFiles
from dvc_magic.model.operation import SourceKind
from dvc_magic.model.paths import StorePaths
from dvc_magic.model.record import DepRecord, Looked, OutRecord
from dvc_magic.model.snapshot import Snapshot, SourceFile, snapshot_id
from dvc_magic.model.stage import Stage
from tests.support.projects import write
from tests.support.records import make_record

Keep = Callable[[Mapping[str, str]], Snapshot]
FILES = {
    "train.py": "import helper\nfrom pathlib import Path\nPath('conf/base.yaml').read_text()\nimport numpy as np\n",
    "helper.py": "try:\n    import local_settings\nexcept ImportError:\n    pass\n",
    "conf/base.yaml": "a: 1",
    "src/pkg/a.py": "open('extra.flag')",
    "lib/b.txt": "",
    "params.yaml": "",
}


@pytest.fixture
def store(tmp_path: Path) -> StorePaths:
    return StorePaths(tmp_path)


@pytest.fixture
def keep(store: StorePaths) -> Keep:
    """Keeps files as the sources of a call."""

    def kept(files: Mapping[str, str]) -> Snapshot:
        md5s = {path: hashlib.md5(text.encode()).hexdigest() for path, text in files.items()}
        write(store.objects, {f"{md5[:2]}/{md5[2:]}": files[path] for path, md5 in md5s.items()})
        sources = {path: SourceFile(md5=md5, size=len(files[path]), mtime_ns=1) for path, md5 in md5s.items()}
        snapshot = Snapshot(id=snapshot_id(sources, ()), files=sources)
        write(store.snapshots, {f"{snapshot.id}.json": codec.encode(snapshot)})
        return snapshot

    return kept


def _stage(command: str = "python train.py") -> Stage:
    return Stage(address="train", name="train", dvcfile="dvc.yaml", wdir=".", cmd=command, commands=(command,))


@pytest.fixture
def compared(store: StorePaths, keep: Keep) -> Callable[..., str]:
    """What is told of a run of `FILES` and `then` once the project has other files; `code` is added to the script."""

    def compare(
        *,
        new: tuple[str, ...] = (),
        gone: tuple[str, ...] = (),
        listed: tuple[str, ...] | None = (),
        code: str = "",
        command: str = "python train.py",
        **record: object,
    ) -> str:
        files = {**FILES, "train.py": FILES["train.py"] + code}
        then = keep({**files, **dict.fromkeys(gone, "")})
        now = keep({**files, **dict.fromkeys(new, "")})
        deps = {"train.py": DepRecord(source=SourceKind.FILE, seen="code")}
        run = make_record(
            cmd=command,
            snapshot=then.id,
            looked=Looked(paths=NewFiles(then, store).digest, folders=listed),
            **{"deps": deps, "read": {"helper.py": "x", "conf/base.yaml": "y"}, **record},
        )
        return NewFiles(now, store).difference(run, _stage(command))

    return compare


@pytest.mark.parametrize(
    ("path", "listed", "code"),
    [
        ("conf/new.yaml", ("conf",), ""),
        ("conf/deep/er/new.yaml", ("conf",), ""),
        ("new", ("lib", "."), "print(open('new'))"),
        ("local_settings.py", (".",), ""),
        ("local_settings.cpython-311-x86_64-linux-gnu.so", (".",), ""),
        ("local_settings/__init__.py", (".",), ""),
        ("debug.flag", (), "Path('debug.flag').exists()"),
        ("lib/debug.flag", (), "Path(ROOT, 'lib', 'debug.flag').exists()"),
        ("plugins/one.py", (), "if Path('plugins').is_dir(): pass"),
        (".env", (), "load(f'{here}/.env')"),
        ("a.csv", (".",), "glob('*.csv')"),
        ("a.csv", (".",), "glob(f'{here}/*.csv')"),
        ("two", (".",), "glob(r'*')"),
        ("a.csv", (".",), "glob(f'*{suffix}')"),
        ("part-1/x.csv", (".",), "glob('part-*/x.csv')"),
        ("parts/x.csv", (".",), "Path('.').rglob('*.csv')"),
        ("my flag.txt", (), "print('no', end=''); Path('my flag.txt').exists()"),
        ("odd+name", (), 'x = ["--odd", "odd+name"]'),
        ("a.csv", (".",), '{"cells": ["glob(\\"*.csv\\")"]}'),
        ("README.md", (".",), "os.listdir('.')"),
        ("plug.py", (".",), "for module in pkgutil.iter_modules(path): pass"),
        ("local_settings.py", None, ""),
        ("conf/new.yaml", None, "glob('conf/*.yaml')"),
    ],
)
def test_a_new_file_that_a_command_could_have_met_is_told(
    path: str, listed: tuple[str, ...] | None, code: str, compared: Callable[..., str]
) -> None:
    assert compared(new=(path,), listed=listed, code=code) == f"{path} appeared"


@pytest.mark.parametrize(
    ("path", "listed", "code"),
    [
        ("README.md", (".", "conf"), ""),
        ("other.py", (".",), ""),
        ("notes/a.txt", (".",), ""),
        ("conf/new.yaml", (), ""),
        ("conf/new.yaml", None, ""),
        ("lib/local_settings.py", (".",), ""),
        ("conf/.gitignore", ("conf",), ""),
        ("conf/data.csv.dvc", ("conf",), ""),
        ("conf/dvc.yaml", ("conf",), ""),
        ("other/base.yaml", (".",), ""),  # the code names a base.yaml: the one that it has read
        ("other/params.yaml", (), "open('params.yaml')"),
        ("README.md", (".",), "print(f'{loss}', '-' * 20, \"=\"*n, f'{x}{y}'); glob('part-*/x.csv')"),
        ("README.md", (".",), "area = width *height  # *args, 2*x, glob('conf/*.yaml')"),
    ],
)
def test_a_new_file_that_a_command_could_not_have_met_is_not(
    path: str, listed: tuple[str, ...] | None, code: str, compared: Callable[..., str]
) -> None:
    assert compared(new=(path,), listed=listed, code=code, params={"params.yaml": {"lr": 1}}) == ""


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("for f in *; do cat $f; done", "new.txt"),
        ("cat *.txt", "new.txt"),
        ("test -e flag && python train.py", "flag"),
        ("find . -type f | wc -l", "new.txt"),
        ("ls | wc -l", "new.txt"),
        ("pytest", "test_new.py"),
    ],
)
def test_a_command_names_files_without_quotes(command: str, path: str, compared: Callable[..., str]) -> None:
    assert compared(new=(path,), listed=(".",), command=command) == f"{path} appeared"


def test_a_file_that_is_gone_counts_by_the_same_rule(compared: Callable[..., str]) -> None:
    assert compared(gone=("conf/old.yaml",), listed=("conf",)) == "conf/old.yaml is gone"
    assert compared(gone=("old.md",), listed=(".", "conf")) == ""


def test_values_of_params_name_files_as_well(compared: Callable[..., str]) -> None:
    params = {"params.yaml": {"lr": 0.1, "inputs": ["parts/*.csv"], "flag": "on.flag"}}

    assert compared(new=("a.csv",), listed=(".",), params=params) == "a.csv appeared"
    assert compared(new=("on.flag",), params=params) == "on.flag appeared"


def test_what_lies_in_a_dep_counts_by_its_hash_alone(compared: Callable[..., str]) -> None:
    deps = {"conf": DepRecord(source=SourceKind.FILE, seen="x.dir")}

    assert compared(new=("conf/new.yaml",), listed=(".", "conf"), deps=deps) == ""
    assert compared(new=("other/base.yaml",), deps=deps, read={}, code="open('base.yaml')") == ""


def test_the_code_in_a_folder_that_is_a_dep_names_files_too(compared: Callable[..., str]) -> None:
    deps = {"src": DepRecord(source=SourceKind.FILE, seen="x.dir")}

    assert compared(new=("extra.flag",), deps=deps, read={}) == "extra.flag appeared"
    assert compared(new=("extra.flag",), deps={}, read={}) == ""
    assert compared(new=("ignored_key.py",), listed=(".", "src"), deps=deps, command="python -m src.pkg.a") == ""


def test_a_name_that_the_run_itself_makes_is_no_mention_of_another_file(compared: Callable[..., str]) -> None:
    code = "open('model.txt', 'w')"

    assert compared(new=("docs/model.txt",), code=code) == "docs/model.txt appeared"
    assert compared(new=("docs/model.txt",), code=code, outs={"model.txt": OutRecord()}) == ""


def test_the_same_paths_and_older_records_are_not_looked_at(store: StorePaths, keep: Keep) -> None:
    snapshot = keep(FILES)
    new_files = NewFiles(snapshot, store)
    same = make_record(snapshot="0" * 32, looked=Looked(paths=new_files.digest))
    older = make_record(snapshot="0" * 32)

    assert [new_files.difference(run, _stage()) for run in (same, older)] == ["", ""]


def test_a_run_whose_snapshot_is_gone_is_not_taken_for_equal(store: StorePaths, keep: Keep) -> None:
    run = make_record(snapshot="0" * 32, looked=Looked(paths="other"))

    assert "the snapshot of its sources cannot be read" in NewFiles(keep(FILES), store).difference(run, _stage())


def test_runs_that_could_have_met_the_same_files_are_compared_once(store: StorePaths, keep: Keep) -> None:
    then = keep(FILES)
    looked = Looked(paths=NewFiles(then, store).digest, folders=("conf",))
    runs = [make_record(snapshot=then.id, looked=looked, params={"p": {"lr": lr}}) for lr in range(1000)]
    new_files = NewFiles(keep({**FILES, "conf/new.yaml": ""}), store)
    first = new_files.difference(runs[0], _stage())
    for file in store.objects.rglob("*/*"):
        file.unlink()

    assert {new_files.difference(run, _stage()) for run in runs} == {first} == {"conf/new.yaml appeared"}


@pytest.mark.parametrize("text", ["a", "*", "a.*", "'", "a*b/", "'a'", "{*", "'{*", "'*a'", "-"])
@pytest.mark.timeout(30)
def test_no_text_takes_long_to_search(text: str) -> None:
    assert Mentions.of(text * 30_000, command=True).pattern.match("a.csv") is None or "*" in text
