"""A server of one file on this machine, with the habits of servers elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Server:
    """What is served, how, and the headers of what was asked."""

    content: bytes
    tag: str | None = '"one"'
    ranges: bool = True
    #: Bytes after which each connection in turn is dropped.
    drops: list[int] = field(default_factory=list)
    #: Answers in turn that are no file: status codes.
    refusals: list[int] = field(default_factory=list)
    claimed: int | None = None
    start_told: int | None = None
    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append(dict(self.headers))
            if server.refusals:
                self.send_error(server.refusals.pop(0))
                return
            size, start = len(server.content), 0
            wanted = self.headers.get("Range", "")
            fresh = self.headers.get("If-Range", server.tag) == server.tag
            if server.ranges and wanted and fresh:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= size:
                    self.send_error(416)
                    return
            self.send_response(206 if start else 200)
            if start:
                told = start if server.start_told is None else server.start_told
                self.send_header("Content-Range", f"bytes {told}-{size - 1}/{size}")
            self.send_header("Content-Length", str(server.claimed or size - start))
            if server.tag:
                self.send_header("ETag", server.tag)
            self.end_headers()
            stop = start + server.drops.pop(0) if server.drops else size
            with suppress(ConnectionError):  # whoever asked has gone
                self.wfile.write(server.content[start:stop])

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_port}/speech.tar.gz"
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
