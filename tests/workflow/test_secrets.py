"""A token in the environment, a site that gives it back everywhere, and nothing that keeps it."""

import base64
import http.server
import json
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from embedded_booru import serving

pytestmark = [pytest.mark.xdist_group("workflow"), pytest.mark.long]

LOGIN, KEY = "albert-the-operator", "t0ken/of+the=operator"
SECRETS = [
    LOGIN,
    KEY,
    "t0ken%2Fof%2Bthe%3Doperator",
    *(base64.b64encode(text.encode()).decode() for text in (LOGIN, KEY, f"{LOGIN}:{KEY}")),
]
# As a person would look for an error: everything that Python says, on every stream.
DEBUGGING = """
import http.client, logging, sys
http.client.HTTPConnection.debuglevel = 1
logging.getLogger().addHandler(logging.StreamHandler(sys.stderr))
logging.getLogger().setLevel(logging.DEBUG)
logging.getLogger("booru_release").setLevel(logging.DEBUG)
"""


@contextmanager
def indiscreet(behind):
    """A site that says in rows, headers, pages and addresses what it was sent."""
    sent = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            header = self.headers.get("Authorization", "Basic ")
            sent.append(header)
            told = [header, base64.b64decode(header[6:]).decode(), *SECRETS]
            if self.path.startswith("/original/"):
                self._spoil(told)
            else:
                self._tell(told)

        def _tell(self, told):
            try:
                with urllib.request.urlopen(behind + self.path) as answer:
                    rows = json.loads(answer.read())
            except urllib.error.HTTPError as error:
                return self._send(error.code, " ".join(told), {})
            for row in rows if isinstance(rows, list) else [rows]:
                row.update(echo=told, source=" ".join(told))
            return self._send(200, json.dumps(rows), {"Content-Type": "application/json"})

        def _spoil(self, told):
            text = " ".join(told)
            kind = {"Content-Type": f"text/html; {text}", "ETag": f'"{told[1]}"'}
            elsewhere = f"http://elsewhere.example/{told[1]}?{told[0][6:]}"
            answers = [
                (302, {"Location": elsewhere}),
                (302, {"Location": f"http://[{told[1]}"}),
                (404, kind),
                (403, kind),
                (500, kind),
                (200, kind),
            ]
            status, headers = answers[len(sent) % len(answers)]
            self._send(status, f"<html>{text}", headers)

        def _send(self, status, text, headers):
            self.send_response(status, text.split("\n")[0])
            for name, value in {**headers, "X-Echo": text.split("\n")[0]}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", sent
        server.shutdown()
        thread.join()


def test_a_failing_run_at_debug_level_writes_no_credentials_anywhere(
    workshop, corpus, tmp_path, monkeypatch
):
    debugging = tmp_path / "debugging"
    debugging.mkdir()
    (debugging / "sitecustomize.py").write_text(DEBUGGING)
    monkeypatch.setenv("PYTHONPATH", str(debugging))
    monkeypatch.setenv("BOORU_LOGIN", LOGIN)
    monkeypatch.setenv("BOORU_API_KEY", KEY)
    cache = tmp_path / "drawings"
    with serving(corpus, as_of="2018-12-31", cache=cache) as behind, indiscreet(behind) as site:
        workshop.config["source"] = {
            "kind": "danbooru",
            "url": site[0],
            "contact": "tests@example.org",
            "requests_per_second": None,
            "attempts": 1,
            "retry_wait": 0.01,
            "timeout": 5,
        }
        run = workshop.run("release_2018", "--verbose")
    assert run.code != 0
    assert "posts failed" in run.output
    assert SECRETS[-1] in "".join(site[1])
    assert [secret for secret in SECRETS if secret in run.output] == []
    assert places_with(SECRETS, workshop.folder) == {}
    log = next(workshop.releases.glob("2018/logs/download_bucket/*.log")).read_text()
    assert "***" in log


def places_with(secrets, folder):
    """The files below a folder that hold a secret, in their bytes or unpacked, or in their name."""
    import gzip

    found = {}
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        data += str(path).encode()
        held = [secret for secret in secrets if secret.encode() in data]
        if held:
            found[str(path)] = held
    return found
