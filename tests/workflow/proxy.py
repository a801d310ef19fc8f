"""A booru that fails: it passes everything on but what it is told to spoil."""

import http.server
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Booru:
    """What is asked, and what is answered instead: path's part -> status, headers, body."""

    behind: str
    url: str = ""
    spoiled: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    # What has this in its path waits until the test lets it go.
    held: str = "nothing"
    let_go: threading.Event = field(default_factory=threading.Event)

    def images_asked(self) -> list[str]:
        return [path for path in self.asked if path.startswith("/original/")]


@contextmanager
def failing(behind: str) -> Iterator[Booru]:
    """Stand before the booru at an address, on a port of its own."""
    booru = Booru(behind)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            booru.asked.append(self.path)
            if booru.held in self.path:
                booru.let_go.wait(60)
            status, headers, body = _answer(booru, self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        booru.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield booru
        server.shutdown()
        thread.join()


def _answer(booru: Booru, path: str) -> tuple[int, dict[str, str], bytes]:
    for part, answer in booru.spoiled.items():
        if part in path:
            return answer
    try:
        with urllib.request.urlopen(booru.behind + path) as answer:
            return answer.status, {"Content-Type": answer.headers["Content-Type"]}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {"Content-Type": error.headers["Content-Type"]}, error.read()
