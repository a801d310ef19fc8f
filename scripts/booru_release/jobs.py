"""What every job does around its step: one log, a record, an end that says whether it went well."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .credentials import scrub
from .errors import ReleaseProblem
from .files import DISK_TROUBLES, UnwritableFile
from .records import recorded

logger = logging.getLogger(__name__)

FORMAT = "%(asctime)s %(levelname)s %(message)s"


class _Discreet(logging.Formatter):
    """Lines and tracebacks without credentials, whatever the site sent back."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, scrubbed."""
        return scrub(super().format(record))


@contextmanager
def logged(logs: Sequence[str]) -> Iterator[None]:
    """Send what the step logs into the job's file, and end the job with 1 if the step fails.

    The release's records get a line of what the job took and did, also when it failed.

    A problem that a person can act on is logged as its message, a full or closed disk among them;
    any other with its traceback.
    """
    # A file's name may be no text: it is to be named all the same.
    handler = logging.FileHandler(_made(logs[0]), encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(_Discreet(FORMAT))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    # What is logged after this was the step; a log that ends here is of a job that was killed.
    logger.info("begins")
    try:
        with recorded(Path(logs[0])):
            yield
    except Exception as error:
        _say(error)
        sys.exit(1)
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        handler.close()


def _say(error: Exception) -> None:
    if isinstance(error, OSError) and error.errno in DISK_TROUBLES:
        error = UnwritableFile(Path(error.filename or Path.cwd()), error)
    if isinstance(error, ReleaseProblem):
        logger.error("%s", error)
    else:
        logger.error("unexpected error; please report it with this log", exc_info=error)


def _made(log: str) -> Path:
    path = Path(log)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
