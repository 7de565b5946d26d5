"""The run store: records, notes, locks, the index of them, content, and the doctor. Standard library only.

`RunStore` is the way in; `examine` finds what is wrong in a store, `check_store` says it in lines, `repair` mends it;
`read_noun` and `write_noun` keep any frozen noun in a file of its own, by the rules of the records; `aside` and
`write_whole` make every other file that has to appear whole. `KnownGood` says whether content is still what it was;
`RunCache` and `Objects` are where content lies.
"""

from dvc_magic.store.boot import UNSAFE, this_boot
from dvc_magic.store.calls import ALL, DRAIN, CallFolder, Calls
from dvc_magic.store.check import check_store, examine
from dvc_magic.store.content import Hasher, read_listing
from dvc_magic.store.copying import clone_content, copy_content
from dvc_magic.store.database import DATABASE_ERRORS, is_damage
from dvc_magic.store.dir_listing import (
    DIR_SUFFIX,
    DirListing,
    below,
    is_directory,
    is_hash,
    listing_hash,
    moved,
    without,
)
from dvc_magic.store.directory import RunStore
from dvc_magic.store.ids import is_run_id, new_run_id
from dvc_magic.store.known_good import KnownGood
from dvc_magic.store.listing import Listing
from dvc_magic.store.lock import RunLock, held
from dvc_magic.store.objects import Objects, RunCache, check_md5
from dvc_magic.store.pool import RunPool
from dvc_magic.store.purge import Freed, give_back, purge, size_of
from dvc_magic.store.quarantine import check_inside
from dvc_magic.store.record_file import read_noun, write_noun
from dvc_magic.store.remove import remove_tree
from dvc_magic.store.repair import kept_aside, repair
from dvc_magic.store.snapshots import load_snapshot, read_packages, snapshot_file
from dvc_magic.store.stat_table import Facts, StatTable, file_facts, hash_steady
from dvc_magic.store.stored import DamagedRun, StoredRun
from dvc_magic.store.use_lock import StoreUse, alone, begin_use
from dvc_magic.store.whole_files import NewFile, aside, cannot, is_full, nearly_full, room_left, write_all, write_whole

__all__ = [
    "ALL",
    "DATABASE_ERRORS",
    "DIR_SUFFIX",
    "DRAIN",
    "UNSAFE",
    "CallFolder",
    "Calls",
    "DamagedRun",
    "DirListing",
    "Facts",
    "Freed",
    "Hasher",
    "KnownGood",
    "Listing",
    "NewFile",
    "Objects",
    "RunCache",
    "RunLock",
    "RunPool",
    "RunStore",
    "StatTable",
    "StoreUse",
    "StoredRun",
    "alone",
    "aside",
    "begin_use",
    "below",
    "cannot",
    "check_inside",
    "check_md5",
    "check_store",
    "clone_content",
    "copy_content",
    "examine",
    "file_facts",
    "give_back",
    "hash_steady",
    "held",
    "is_damage",
    "is_directory",
    "is_full",
    "is_hash",
    "is_run_id",
    "kept_aside",
    "listing_hash",
    "load_snapshot",
    "moved",
    "nearly_full",
    "new_run_id",
    "purge",
    "read_listing",
    "read_noun",
    "read_packages",
    "remove_tree",
    "repair",
    "room_left",
    "size_of",
    "snapshot_file",
    "this_boot",
    "without",
    "write_all",
    "write_noun",
    "write_whole",
]
