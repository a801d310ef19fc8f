"""What every job does around its step: one log, and an end that says whether it went well."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .errors import ReleaseProblem

logger = logging.getLogger(__name__)

FORMAT = "%(asctime)s %(levelname)s %(message)s"


@contextmanager
def logged(logs: Sequence[str]) -> Iterator[None]:
    """Send what the step logs into the job's file, and end the job with 1 if the step fails.

    A problem that a person can act on is logged as its message; any other with its traceback.
    """
    handler = logging.FileHandler(_made(logs[0]), encoding="utf-8")
    handler.setFormatter(logging.Formatter(FORMAT))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    except ReleaseProblem as problem:
        logger.error("%s", problem)
        sys.exit(1)
    except Exception:
        logger.exception("unexpected error; please report it with this log")
        sys.exit(1)
    finally:
        root.removeHandler(handler)
        handler.close()


def _made(log: str) -> Path:
    path = Path(log)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
