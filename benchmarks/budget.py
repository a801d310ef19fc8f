"""Eight processes and one budget: what the server counts in any second, and on average."""

import argparse
import multiprocessing
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, f"{REPOSITORY}/scripts")

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


def answer(visitor: socket.socket, moments: list[float]) -> None:
    """Note when each request of a connection arrives, and answer it."""
    with visitor:
        while visitor.recv(65536):
            moments.append(time.monotonic())
            visitor.sendall(ANSWER)


def serve(listening: socket.socket, moments: list[float]) -> None:
    """Take connections until the socket is closed."""
    while True:
        try:
            visitor, _ = listening.accept()
        except OSError:
            return
        visitor.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer, args=(visitor, moments), daemon=True).start()


def ask(folder: Path, url: str, per_second: float, until: float) -> None:
    """Send requests within the budget for as long as there is time."""
    from booru_release.budget import Budget
    from booru_release.connections import Connections

    budget, connections = Budget(folder, per_second), Connections(10)
    while time.monotonic() < until:
        with budget.slot():
            reply = connections.get(url, {})
        for _ in reply.blocks(100):
            pass


def main() -> None:
    """Read the arguments, let the processes ask, and print what the server saw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-second", type=float, default=10)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    moments: list[float] = []
    listening = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listening, moments), daemon=True).start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    until = time.monotonic() + given.seconds
    with tempfile.TemporaryDirectory() as folder:
        arguments = (Path(folder), url, given.per_second, until)
        jobs = [
            multiprocessing.get_context("spawn").Process(target=ask, args=arguments)
            for _ in range(given.processes)
        ]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
    moments.sort()
    most = max(sum(first <= other < first + 1 for other in moments) for first in moments)
    average = len(moments) / (moments[-1] - moments[0])
    print(f"{len(moments)} requests, {most} at most in a second, {average:.2f} on average")


if __name__ == "__main__":
    main()
