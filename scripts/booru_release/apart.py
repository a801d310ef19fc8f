"""Work in a child process of its own, for libraries that end the process they run in."""

import os
from collections.abc import Callable
from typing import NoReturn

from .errors import ReleaseProblem


class Crashed(ReleaseProblem):
    """A library failed, or ended the process that was made for it."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name, self.why = name, why


def run_apart(name: str, work: Callable[[], bytes]) -> bytes:
    """The bytes that some work makes in a copy of this process, so that its end is not ours.

    Raises:
        Crashed: it ended without a result.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        hand_over(work, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as result:
        made = result.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        # A library that ends the process says why on stderr, which is this process's too.
        raise Crashed(name, made.decode() or f"ended with status {code}")
    return made


def hand_over(work: Callable[[], bytes], writer: int) -> NoReturn:
    """Write the work's result into a pipe, or why there is none, and end at once.

    Nothing of the parent's is cleaned up, for it is the parent's.
    """
    status = 1
    try:
        with os.fdopen(writer, "wb") as result:
            try:
                result.write(work())
                status = 0
            except BaseException as error:  # A panic of Rust's is not an Exception.
                result.write(f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(status)
