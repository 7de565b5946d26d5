from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dvc_magic.errors import StoreError
from dvc_magic.store import RunStore

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
_NOBODY = 65534


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_store_that_others_can_write_is_refused_with_what_to_do(store, mode):
    store.home.chmod(mode)
    with pytest.raises(StoreError, match=f"Other users can write .*mode 0{mode:o}.*: chmod 700 {store.home}"):
        RunStore.open(store.home)
    assert store.home.stat().st_mode & 0o777 == mode
    store.home.chmod(0o700)
    RunStore.open(store.home)


@pytest.mark.parametrize("mode", [0o755, 0o2770])
def test_a_store_that_others_can_read_or_that_was_given_to_a_group_is_opened(store, mode):
    store.home.chmod(mode)
    assert RunStore.open(store.home).all() == []


def test_a_group_store_that_everybody_can_write_is_refused(store):
    store.home.chmod(0o2777)
    with pytest.raises(StoreError, match="Other users can write"):
        RunStore.open(store.home)


@needs_root
@pytest.mark.parametrize("create", [True, False])
def test_a_store_of_another_user_is_refused(store, create):
    os.chown(store.home, _NOBODY, _NOBODY)
    with pytest.raises(StoreError, match=r"belongs to user 65534, and you are user 0.*DVC_MAGIC_HOME"):
        RunStore.open(store.home, create=create)


@needs_root
def test_root_opens_the_store_of_the_user_whose_project_it_works_in(store):
    os.chown(store.home.parent, _NOBODY, _NOBODY)
    os.chown(store.home, _NOBODY, _NOBODY)
    assert RunStore.open(store.home).all() == []


@needs_root
def test_a_user_browses_a_store_of_root_and_is_told_what_to_set_for_a_run(store, add):
    add()
    for folder in (store.home, *store.home.parents):
        if not folder.stat().st_mode & 0o001 and folder.stat().st_uid == 0:
            folder.chmod(folder.stat().st_mode | 0o055)
    for path in store.home.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    code = (
        "import os, sys, pathlib; from dvc_magic.store import RunStore; from dvc_magic.errors import StoreError\n"
        f"os.setgroups([]); os.setgid({_NOBODY}); os.setuid({_NOBODY})\n"
        "store = RunStore.open(pathlib.Path(sys.argv[1])); store.sweep(); print(len(store.all()))\n"
        "for write in (store.check_writable, lambda: store.next_numbers(1)):\n"
        "    try: write()\n"
        "    except StoreError as error: print('DVC_MAGIC_HOME' in str(error), error)"
    )
    done = subprocess.run([sys.executable, "-c", code, store.home], capture_output=True, text=True, check=False)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["1", "True", "True"], done.stderr
