"""A server of JupyterLab and Notebook 7 of the tests' own: loopback only, with nothing of the developer's settings."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TZ")
_FOLDERS = (
    "HOME",
    "IPYTHONDIR",
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
)
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


class FrontEnd(StrEnum):
    """A program in the browser, by its part of an address."""

    LAB = "lab/tree"
    NOTEBOOK = "notebooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabServer:
    """A running server.

    Attributes:
        root: the folder that it serves.
        url: ends in a slash.
        token: what a first request has to bring.
    """

    root: Path
    url: str
    token: str

    def address(self, notebook: Path, front_end: FrontEnd = FrontEnd.LAB) -> str:
        """Where a browser finds `notebook`, in a Lab without the tabs of an earlier page."""
        path = quote(notebook.relative_to(self.root).as_posix())
        return f"{self.url}{front_end}/{path}?reset&token={self.token}"


@contextlib.contextmanager
def serve(root: Path, *, home: Path) -> Iterator[LabServer]:
    """A server of `root`, whose settings, runtime files and log are in `home`, an empty folder.

    Raises:
        RuntimeError: it ended, or did not answer in a minute; the message has the end of its log.
    """
    token = secrets.token_hex(16)
    environment = _environment(home)
    log = home / "server.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            _command(root, token), env=environment, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        facts = Path(environment["JUPYTER_RUNTIME_DIR"]) / f"jpserver-{process.pid}.json"
        yield LabServer(root=root, url=_wait_for_url(process, facts, log), token=token)
    finally:
        _stop(process)


def _environment(home: Path) -> dict[str, str]:
    folders = {name: home / name.lower() for name in _FOLDERS}
    for folder in folders.values():
        folder.mkdir()
    labconfig = folders["JUPYTER_CONFIG_DIR"] / "labconfig"
    labconfig.mkdir()
    # The news asks by a toast that lies over the page.
    page = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (labconfig / "page_config.json").write_text(json.dumps(page), encoding="utf-8")
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    own = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(home / "dvc-site-cache"), "GIT_CONFIG_NOSYSTEM": "1"}
    own["JUPYTER_PATH"] = str(Path(__file__).parents[2] / "share" / "jupyter")  # the labextension of this checkout
    return {**inherited, **own, **{name: str(folder) for name, folder in folders.items()}}


def _command(root: Path, token: str) -> list[str]:
    return [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1"),
        f"--ServerApp.root_dir={root}",
        f"--IdentityProvider.token={token}",
        # As `window.jupyterapp`, which the page object asks and commands. The server finds Notebook 7 by itself.
        *("--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True"),
        *(["--allow-root"] if os.getuid() == 0 else []),
    ]


def _wait_for_url(process: subprocess.Popen[bytes], facts: Path, log: Path) -> str:
    """The server picks a free port and writes where it listens; nothing else can take the port in between."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):  # not there yet, or half written
            return f"http://127.0.0.1:{json.loads(facts.read_text(encoding='utf-8'))['port']}/"
        time.sleep(0.05)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server's process group; on SIGTERM it ends its kernels, which have groups of their own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
            return
