"""The signed feed that tells mirrors of withdrawals, and helps nobody to find a picture.

It names no ID, path, address or plain hash. Who has a file hashes the salt and its bytes, and
finds the outcome in the feed if the file was withdrawn; who has none learns nothing of it.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ReleaseProblem
from .files import dump_json, read_json, write_bytes, write_if_changed
from .withdrawn import Withdrawn

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FEED, SIGNATURE, PUBLIC_KEY = "withdrawals.json", "withdrawals.json.sig", "withdrawals.pub"
FEED_FILES = (FEED, SIGNATURE, PUBLIC_KEY)
KEY_VARIABLE = "BOORU_SIGNING_KEY"


class BadKey(ReleaseProblem):
    """The key that the feed is to be signed with cannot be used."""

    hint = "openssl genpkey -algorithm ed25519 -out key.pem makes one"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


class BadFeed(ReleaseProblem):
    """A feed is not signed by the key beside it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder / FEED}: the signature is not that of {PUBLIC_KEY}")
        self.folder = folder


def feed_folder(releases: Path) -> Path:
    """Where our own copy of the feed is."""
    return releases / "feed"


def salt_of(releases: Path, environment: Mapping[str, str] = os.environ) -> str:
    """The salt of the feed's hashes (hex): the feed's own, or made from the public key.

    Raises:
        BadKey: the key is none, or cannot be read.
    """
    feed = feed_folder(releases) / FEED
    if feed.is_file():
        return str(read_json(feed)["salt"])
    public = _public_pem(load_key(releases, environment))
    return hashlib.sha256(b"salt of the withdrawals\n" + public).hexdigest()


def write_feed(
    releases: Path, entries: Iterable[Withdrawn], environment: Mapping[str, str] = os.environ
) -> None:
    """Write the feed, its signature and the public key; equal entries give equal bytes."""
    salt, key = salt_of(releases, environment), load_key(releases, environment)
    # What was never published is known to nobody, and stays so.
    listed = [entry for entry in map(_entry, entries) if entry["files"]]
    listed.sort(key=lambda entry: (entry["date"], str(entry["files"])))
    feed = dump_json({"salt": salt, "withdrawals": listed})
    folder = feed_folder(releases)
    write_if_changed(folder / PUBLIC_KEY, _public_pem(key))
    # The feed is last: whoever sees it finds what it is to be held against.
    write_if_changed(folder / SIGNATURE, key.sign(feed))
    write_if_changed(folder / FEED, feed)


def _entry(post: Withdrawn) -> dict[str, Any]:
    files = [
        {"release": file.release, "set": file.set, "hash": file.token}
        for file in post.files
        if file.token is not None
    ]
    # Not in the order of IDs or sizes: that of the hashes tells nothing.
    ordered = sorted(files, key=lambda file: str(file["hash"]))
    return {"date": post.date, "reason": post.reason, "files": ordered}


def verify_feed(folder: Path) -> None:
    """Hold a feed against its signature.

    Raises:
        BadFeed: it is not signed by the key beside it.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        public = load_pem_public_key((folder / PUBLIC_KEY).read_bytes())
        if not isinstance(public, Ed25519PublicKey):
            raise BadFeed(folder)
        public.verify((folder / SIGNATURE).read_bytes(), (folder / FEED).read_bytes())
    except (OSError, ValueError, InvalidSignature) as error:
        raise BadFeed(folder) from error


def share_feed(releases: Path, stage: Path) -> None:
    """Give a stage the feed that we have, if it has another; each file appears whole."""
    for name in FEED_FILES:
        data = (feed_folder(releases) / name).read_bytes()
        write_if_changed(stage / name, data)


def load_key(releases: Path, environment: Mapping[str, str] = os.environ) -> "Ed25519PrivateKey":
    """The key that signs: the one that BOORU_SIGNING_KEY names, or our own, made when it is needed.

    Raises:
        BadKey: it is none, or cannot be read.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    named = environment.get(KEY_VARIABLE)
    path = Path(named) if named else releases / "keys" / "feed.pem"
    if not named and not path.is_file():
        _make_key(path)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise BadKey(path, f"is no key that can be read ({type(error).__name__})") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKey(path, "is no Ed25519 key")
    return key


def _make_key(path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    pem = Ed25519PrivateKey.generate().private_bytes(
        forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Closed to others before it holds a secret, and not only after.
    previous = os.umask(0o077)
    try:
        write_bytes(path, pem)
    finally:
        os.umask(previous)


def _public_pem(key: "Ed25519PrivateKey") -> bytes:
    from cryptography.hazmat.primitives import serialization as forms

    return key.public_key().public_bytes(
        forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo
    )
