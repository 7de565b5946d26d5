"""The run store: records, notes, locks, and the index of them. Standard library only.

`RunStore` is the way in; `check_store` says whether a store holds what it promises; `read_noun` and `write_noun` keep
any frozen noun in a file of its own, by the rules of the records.
"""

from dvc_magic.store.check import check_store
from dvc_magic.store.directory import RunStore
from dvc_magic.store.ids import is_run_id, new_run_id
from dvc_magic.store.listing import Listing
from dvc_magic.store.lock import RunLock, held
from dvc_magic.store.record_file import read_noun, write_noun
from dvc_magic.store.stored import DamagedRun, StoredRun

__all__ = [
    "DamagedRun",
    "Listing",
    "RunLock",
    "RunStore",
    "StoredRun",
    "check_store",
    "held",
    "is_run_id",
    "new_run_id",
    "read_noun",
    "write_noun",
]
