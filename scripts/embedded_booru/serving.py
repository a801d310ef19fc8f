"""Serve a booru on the loopback interface for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from embedded_booru.application import Application
from embedded_booru.booru import Booru, StoredBooru
from embedded_booru.mischief import read_mischief
from embedded_booru.moments import end_of_day
from embedded_booru.server import BooruServer
from embedded_booru.synthetic import SyntheticBooru

SECONDS_TO_NOTICE_THE_END = 0.02


@contextmanager
def serving(
    corpus: Path | None = None,
    *,
    as_of: str | None = None,
    cache: Path,
    synthetic: int = 0,
    synthetic_pixels: int = 64,
    log: Path | None = None,
    port: int = 0,
    image_base: str = "",
    mischief: Path | Sequence[Mapping[str, Any]] = (),
) -> Iterator[str]:
    """Serve a booru and yield its URL.

    Without a corpus it is the pack's; `synthetic` posts are made by formula instead. Visitors
    see it as it was at the end of the day `as_of`. Addresses of images are relative, unless
    `image_base` says what they begin with. `mischief` is a list of misdeeds, or a file with it.
    """
    end_of_day(as_of)
    booru = _booru(corpus, cache, synthetic, synthetic_pixels)
    # The first view is made now, so that a corpus that makes no sense is refused here.
    booru.at(as_of)
    honest = Application(booru, as_of, image_base).respond
    respond = partial(read_mischief(mischief).respond, honest=honest)
    with BooruServer(port, respond, log) as server:
        thread = Thread(target=partial(server.serve_forever, SECONDS_TO_NOTICE_THE_END))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.close_connections()


def _booru(corpus: Path | None, cache: Path, synthetic: int, pixels: int) -> Booru:
    if synthetic:
        return SyntheticBooru(synthetic, pixels)
    return StoredBooru(corpus, cache)
