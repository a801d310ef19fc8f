"""Serve the embedded booru by hand, or tell what its history does between two days."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path

# `python scripts/embedded_booru` puts the package's own folder first, where it has no name.
if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from embedded_booru import BooruProblem, serving, truth

DEFAULT_CACHE = Path(tempfile.gettempdir()) / "embedded-booru"


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Understand the command line."""
    parser = argparse.ArgumentParser(prog="embedded_booru", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve a booru until Ctrl-C")
    serve.add_argument("--port", type=int, default=8080, help="0 takes any free one")
    serve.add_argument("--as-of", metavar="DAY", help="show the site at the end of that day, UTC")
    serve.add_argument("--synthetic", type=int, default=0, metavar="N", help="N posts by formula")
    serve.add_argument("--pixels", type=int, default=64, help="longer side of their images")
    serve.add_argument("--log", type=Path, metavar="FILE", help="append a line a request")
    serve.add_argument("--image-base", default="", metavar="URL", help="put before image paths")
    serve.add_argument("--mischief", type=Path, metavar="FILE", help="misbehave as it says")
    told = commands.add_parser("truth", help="tell what happened between two days")
    told.add_argument("before", metavar="DAY")
    told.add_argument("after", metavar="DAY")
    for command in (serve, told):
        command.add_argument("--corpus", type=Path, metavar="DIR", help="instead of the pack")
        command.add_argument("--cache", type=Path, default=DEFAULT_CACHE, metavar="DIR")
    return parser.parse_args(arguments)


def serve(options: argparse.Namespace) -> None:
    """Serve until a signal says to stop."""
    ends = {signal.SIGINT, signal.SIGTERM}
    # Blocked before any thread starts: threads inherit it, so that only sigwait gets the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with serving(
        options.corpus,
        as_of=options.as_of,
        cache=options.cache,
        synthetic=options.synthetic,
        synthetic_pixels=options.pixels,
        log=options.log,
        port=options.port,
        image_base=options.image_base,
        mischief=options.mischief or (),
    ) as url:
        print(url, flush=True)
        signal.sigwait(ends)


def main(arguments: list[str]) -> int:
    """Run a command and return its exit status."""
    options = parse_arguments(arguments)
    try:
        if options.command == "serve":
            serve(options)
        else:
            told = truth(options.before, options.after, corpus=options.corpus, cache=options.cache)
            print(json.dumps(told))
    except (BooruProblem, OSError) as error:
        print(f"embedded_booru: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
