"""A folder that is served over HTTP on this machine, while a test needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import md5
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


@dataclass(frozen=True, slots=True)
class Served:
    """A folder, and the URL of it."""

    folder: Path
    url: str

    def named_in(self, text: str) -> str:
        """`text` with ``@SERVED@`` and ``@HTTP@`` replaced by folder and URL."""
        return text.replace("@SERVED@", str(self.folder)).replace("@HTTP@", self.url)


class _Handler(SimpleHTTPRequestHandler):
    """Says nothing, and sends the ``ETag`` that DVC takes for the hash of a URL."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Keep quiet."""

    def end_headers(self) -> None:
        """Add the ETag of a file."""
        path = Path(self.translate_path(self.path))
        if path.is_file():
            self.send_header("ETag", f'"{md5(path.read_bytes()).hexdigest()}"')
        super().end_headers()


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Serve `folder`, which is made, until the block ends."""
    folder.mkdir(parents=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Served(folder, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
