import gzip
import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest
from booru_release import connections as module
from booru_release.connections import Connections
from booru_release.patience import TryAgain
from web import Reply, file


@pytest.fixture
def connections():
    return Connections(5)


@contextmanager
def serving(*pieces, again=False, pause=0.0):
    """A server on a socket that sends these pieces, whatever it is asked, and hangs up."""
    listening, ending = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def send():
        visitor, _ = listening.accept()
        with visitor:
            visitor.recv(65536)
            while True:
                for piece in pieces:
                    try:
                        visitor.sendall(piece)
                    except OSError:
                        return
                    if ending.wait(pause):
                        return
                if not again:
                    return

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/7.png"
    finally:
        ending.set()
        thread.join()
        listening.close()


def body_of(connections, url, most=1 << 20, **headers):
    answer = connections.get(url, headers)
    try:
        return b"".join(answer.blocks(most))
    finally:
        connections.release(answer, url)


def test_an_answer_has_its_status_headers_place_and_body(web, connections):
    web.put("/7.png", file(b"picture", headers={"ETag": '"seven"'}))
    answer = connections.get(f"{web.url}/7.png?page=1", {"Range": "bytes=0-"})
    assert (answer.status, answer.headers["etag"]) == (200, '"seven"')
    assert answer.place == f"{web.url}/7.png"
    assert b"".join(answer.blocks(100)) == b"picture"
    assert web.asked[0].query == {"page": "1"}
    assert web.asked[0].headers["Range"] == "bytes=0-"


@pytest.mark.parametrize("more", [{}, {"chunked": True}])
def test_one_connection_serves_one_request_after_another(web, connections, more):
    web.put("/7.png", file(b"picture", **more))
    ports = set()
    for _ in range(3):
        answer = connections.get(f"{web.url}/7.png", {})
        ports.add(answer.fp.raw._raw._sock.getsockname())
        assert b"".join(answer.blocks(100)) == b"picture"
        connections.release(answer, f"{web.url}/7.png")
    assert len(ports) == 1


def test_an_answer_that_is_not_read_takes_its_connection_along(web, connections):
    web.put("/7.png", file(b"picture" * 10000))
    connections.release(connections.get(f"{web.url}/7.png", {}), f"{web.url}/7.png")
    assert body_of(connections, f"{web.url}/7.png") == b"picture" * 10000


def test_a_connection_that_the_other_side_has_closed_is_opened_anew(web, connections):
    # A length of its own makes the server hang up after each answer.
    web.put("/7.png", file(b"picture", length=7))
    for _ in range(3):
        assert body_of(connections, f"{web.url}/7.png") == b"picture"
        # As long as the end of the connection takes to get here.
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("", "/"),
        ("/a b.png", "/a%20b.png"),
        ("/名.png", "/%E5%90%8D.png"),
        ("/%E5.png", "/%E5.png"),
        ("/7.png#part", "/7.png"),
        ("?page=1", "/"),
        ("/a//b/../c", "/a//b/../c"),
    ],
)
def test_what_may_not_stand_in_a_request_is_escaped(web, connections, address, asked):
    web.put(asked, file(b"x"))
    assert body_of(connections, f"{web.url}{address}") == b"x"


@pytest.mark.parametrize("address", ["/7.png\r\nX-Evil: 1", "/7 HTTP/1.1\r\n\r\nGET /x"])
def test_an_address_cannot_carry_a_header(web, connections, address):
    web.put("/7.png", file(b"x"))
    body_of(connections, f"{web.url}{address}")
    assert len(web.asked) == 1
    assert "X-Evil" not in web.asked[0].headers


def test_nobody_listening_is_no_answer(connections):
    # Port 1 is reserved, and nothing on a test machine listens there.
    with pytest.raises(TryAgain, match="no answer"):
        connections.get("http://127.0.0.1:1/", {})


def test_an_answer_that_never_begins_is_too_slow(web):
    web.put("/7.png", file(b"x", seconds=60))
    with pytest.raises(TryAgain, match="too slow"):
        Connections(0.05).get(f"{web.url}/7.png", {})


def test_a_head_that_trickles_is_too_slow():
    with (
        serving(b"HTTP/1.1 200 OK\r\nX: ", *[b"y"] * 1000, pause=0.02) as url,
        pytest.raises(TryAgain, match="too slow"),
    ):
        Connections(0.2).get(url, {})


def test_a_body_that_trickles_is_too_slow():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    with serving(head, *[b"y"] * 1000, pause=0.02) as url:
        connections = Connections(0.2)
        with pytest.raises(TryAgain, match="too slow"):
            body_of(connections, url)


def test_a_slow_body_that_is_fast_enough_comes_whole(monkeypatch):
    monkeypatch.setattr(module, "SLOWEST", 10)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
    with serving(head, *[b"y" * 10] * 50, pause=0.01) as url:
        assert body_of(Connections(0.2), url) == b"y" * 500


@pytest.mark.parametrize(
    "endless", [b"HTTP/1.1 100 Continue\r\n\r\n" * 100, b"X-More: header\r\n" * 100, b"x" * 9999]
)
def test_a_head_without_end_is_given_up(connections, endless):
    with (
        serving(b"HTTP/1.1 100 Continue\r\n\r\n", endless, again=True) as url,
        pytest.raises(TryAgain, match="no answer"),
    ):
        connections.get(url, {})


def test_a_chunked_body_whose_trailer_has_no_end_is_given_up(connections):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    with (
        serving(head + b"X-More: trailer\r\n" * 100000) as url,
        pytest.raises(TryAgain, match="broke off"),
    ):
        body_of(connections, url, most=10)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"\x00" * 100,
    ],
)
def test_what_is_no_http_is_no_answer(connections, answer):
    with (
        serving(answer) as url,
        pytest.raises(TryAgain, match="no answer"),
    ):
        connections.get(url, {})


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 100\r\n\r\nshort",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\nshort",
        b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nshort",
        b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 1000, mtime=0)[:-8],
    ],
)
def test_a_body_that_breaks_off_is_said_so(connections, rest):
    with (
        serving(b"HTTP/1.1 200 OK\r\n" + rest) as url,
        pytest.raises(TryAgain, match="the answer broke off"),
    ):
        body_of(connections, url)


def test_a_packed_body_is_unpacked_only_as_far_as_it_is_wanted(web, connections):
    packed = gzip.compress(bytes(64 << 20))
    web.put("/7.png", Reply(body=packed, headers={"Content-Encoding": "gzip"}))
    answer = connections.get(f"{web.url}/7.png", {})
    assert answer.is_packed
    assert len(next(iter(answer.blocks(1000)))) == 1001


def test_an_unknown_certificate_is_not_trusted(tmp_path, connections, make_certificate):
    with (
        encrypted(make_certificate) as url,
        pytest.raises(TryAgain, match=r"no safe connection \(CERTIFICATE_VERIFY_FAILED\)"),
    ):
        connections.get(url, {})


def test_a_certificate_that_the_machine_trusts_is(monkeypatch, connections, make_certificate):
    monkeypatch.setenv("SSL_CERT_FILE", str(make_certificate))
    with encrypted(make_certificate) as url:
        assert body_of(connections, url) == b"safe"


@contextmanager
def encrypted(certificate):
    """A server that speaks TLS with a certificate, and says one thing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listening = socket.create_server(("127.0.0.1", 0))

    def answer():
        visitor, _ = listening.accept()
        try:
            with context.wrap_socket(visitor, server_side=True) as safe:
                safe.recv(65536)
                safe.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsafe")
        except OSError:
            visitor.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        thread.join()
        listening.close()


@pytest.fixture
def make_certificate(tmp_path):
    """A certificate for this machine that signs itself, with its key, in one file."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
