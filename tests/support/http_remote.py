"""A DVC remote over HTTP on loopback that can ask for a password, be slow, or fall silent."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_PIECE = 4096  # bytes


@dataclass(slots=True, kw_only=True)
class HttpRemote:
    """A folder as a remote, with what to do to those who ask.

    Attributes:
        root: the folder. url: where it is served.
        account: ``user:password`` to ask for, or empty.
        pause: seconds between pieces of 4 kB at most. silent: whether to stop after the first of them.
        asked: the paths that were asked for.
    """

    root: Path
    url: str = ""
    account: str = ""
    pause: float = 0.0
    silent: bool = False
    asked: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def header(self) -> str:
        """The header that is expected."""
        return f"Basic {base64.b64encode(self.account.encode()).decode()}"


@contextlib.contextmanager
def serve(root: Path) -> Iterator[HttpRemote]:
    """Serve a folder until the block ends."""
    remote = HttpRemote(root=root)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            remote.asked.append(self.path)
            if remote.account and self.headers.get("Authorization") != remote.header:
                self.send_error(401)
                return
            file = remote.root / self.path.lstrip("/").partition("?")[0]
            if not file.is_file():
                self.send_error(404)
                return
            self._send(file.read_bytes())

        def _send(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
            self.end_headers()
            if self.command == "HEAD":
                return
            with contextlib.suppress(OSError):  # whoever asked has gone
                step = min(_PIECE, len(content) // 2 + 1)
                for start in range(0, len(content), step):
                    self.wfile.write(content[start : start + step])
                    if remote.silent or remote.pause:
                        remote.closing.wait(None if remote.silent else remote.pause)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            """Nothing on the screen."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        remote.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield remote
        finally:
            remote.closing.set()
            server.shutdown()
            thread.join()
