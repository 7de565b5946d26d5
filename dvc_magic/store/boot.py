"""Starts of the machine, and what a power cut between two of them takes.

A record is synced when it is written. What DVC and the commands write is not: ``syncfs`` costs 5 ms a run on a quiet
SSD and 26 ms beside somebody who writes 100 MB/s, while Linux does it by itself within 35 seconds (30 until data is
due, 5 between two looks). After power cuts on ext4 all outs, cache objects and ``dvc.lock`` of the last 34 seconds were
empty, on XFS all ``dvc.lock`` and listings; the records said completed. No file had its size and other bytes.
"""

from __future__ import annotations

from pathlib import Path

UNSAFE = 300.0
"""Seconds before the machine stopped in which a write may not have reached the disk.

A slow disk lags behind the 35: a fifth of 24 GB of memory may wait, which takes it 100 s at 50 MB/s.
"""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def this_boot() -> str:
    """What tells this start of the machine from the last one; empty where the system does not say."""
    try:
        return _BOOT_ID.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
