"""Start a worker with a supervisor beside it: ``python -m dvc_magic.executors.start_worker MODULE --parent PID``.

The supervisor is forked here, while this process is small and has one thread. Then it becomes the worker: MODULE runs
as ``python -m`` would run it, with ``--supervisor PID --channel DESCRIPTOR`` besides.
"""

from __future__ import annotations

import os
import runpy
import sys

from dvc_magic.executors.lifeline import Lifeline
from dvc_magic.executors.supervisor_process import fork_supervisor


def main() -> None:
    """Become the worker; nothing when whoever started it is gone already."""
    module, parent = sys.argv[1], int(sys.argv[sys.argv.index("--parent") + 1])
    kernel = Lifeline(parent)
    if os.getppid() != parent:  # its id may be another's by now
        return
    pid, channel = fork_supervisor(kernel)
    sys.argv[:] = [module, *sys.argv[2:], "--supervisor", str(pid), "--channel", str(channel)]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
