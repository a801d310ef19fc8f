"""What a loss of power leaves of the files that shim.c watched."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SHIM = Path(__file__).with_name("shim.c")

# The inode of a folder, and a name in it.
Entry = tuple[int, str]


def compiled(folder: Path) -> Path:
    """The shim as a library that can be preloaded."""
    library = folder / "shim.so"
    options = ["-shared", "-fPIC", "-O2", "-Wall", "-Werror"]
    subprocess.run(["cc", *options, "-o", str(library), str(SHIM), "-ldl"], check=True)
    return library


@dataclass
class Operation:
    """Names that change together: which file each of them stood for, and stands for now."""

    changes: dict[Entry, tuple[int, int]]
    makes_folder: bool = False


@dataclass
class Disk:
    """The files below a folder, and what of them is not yet safe."""

    folder: Path
    records: Path
    shim: Path

    @property
    def graves(self) -> Path:
        return self.records / "graves"

    @property
    def log(self) -> Path:
        return self.records / "events"

    def environment(self) -> dict[str, str]:
        self.graves.mkdir(parents=True, exist_ok=True)
        return {
            "LD_PRELOAD": str(self.shim),
            "DISK_FOLDER": str(self.folder),
            "DISK_LOG": str(self.log),
            "DISK_GRAVES": str(self.graves),
            "DISK_RECORDS": "1",
        }

    def lose_power(self, chance: random.Random) -> int:
        """Leave of what was not synced what chance decides; returns how much was lost.

        Data after the last sync is kept, cut off or zero; each operation on names in a folder
        that was not synced since is kept or undone, in no order.
        """
        found = Unsafe()
        for line in self.log.read_text(errors="surrogateescape").splitlines():
            found.hear(line)
        lost = self._lose_names(found, chance) + self._lose_data(found, chance)
        # What the disk has now is what it has; a new record begins.
        shutil.rmtree(self.records)
        self.graves.mkdir(parents=True)
        return lost

    def _lose_data(self, found: "Unsafe", chance: random.Random) -> int:
        lost = 0
        for path in files(self.folder):
            about = path.stat()
            safe = found.synced.get(about.st_ino, about.st_size)
            fate = chance.choice(["kept", "cut", "zero"])
            if about.st_ino not in found.dirty or fate == "kept":
                continue
            os.truncate(path, min(safe, about.st_size))
            if fate == "zero":
                os.truncate(path, about.st_size)
            os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
            lost += 1
        return lost

    def _lose_names(self, found: "Unsafe", chance: random.Random) -> int:
        lost = self._lose_folder_moves(found, chance)
        operations = [*found.operations]
        kept = [operation for operation in operations if chance.random() < 0.5]
        made = {e for operation in operations if operation.makes_folder for e in operation.changes}
        names: dict[Entry, int] = {}
        for operation in operations:
            for entry, (before, _) in operation.changes.items():
                names.setdefault(entry, before)
        for operation in kept:
            names |= {entry: after for entry, (_, after) in operation.changes.items()}
        self._bury(set(names.values()))
        places = {path.stat().st_ino: path for path in folders(self.folder)}
        doomed = []
        for (parent, name), number in names.items():
            place = places.get(parent)
            if place is not None and (parent, name) in made:
                doomed += [place / name] if not number else []
            elif place is not None:
                self._set(place / name, number)
        for folder in doomed:
            shutil.rmtree(folder, ignore_errors=True)
        return lost + len(operations) - len(kept)

    def _lose_folder_moves(self, found: "Unsafe", chance: random.Random) -> int:
        lost = 0
        for kind, (parent, name), (new_parent, new_name) in reversed(found.carried):
            places = {path.stat().st_ino: path for path in folders(self.folder)}
            if parent not in places or new_parent not in places or chance.random() < 0.5:
                continue
            old, new = places[parent] / name, places[new_parent] / new_name
            if kind == "exchange" and old.exists() and new.exists():
                aside = old.with_name(".swapped")
                old.rename(aside)
                new.rename(old)
                aside.rename(new)
                lost += 1
            elif kind == "carry" and new.exists() and not old.exists():
                new.rename(old)
                lost += 1
        return lost

    def _bury(self, numbers: set[int]) -> None:
        """Keep a link to each file that is about to change its name."""
        for path in files(self.folder):
            number = path.stat().st_ino
            if number in numbers and not (self.graves / str(number)).exists():
                (self.graves / str(number)).hardlink_to(path)

    def _set(self, path: Path, number: int) -> None:
        path.unlink(missing_ok=True)
        grave = self.graves / str(number)
        if number and grave.exists():
            path.hardlink_to(grave)


@dataclass
class Unsafe:
    """What the events of a disk leave unsafe."""

    dirty: set[int] = field(default_factory=set)
    synced: dict[int, int] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    carried: list[tuple[str, Entry, Entry]] = field(default_factory=list)

    def hear(self, line: str) -> None:
        """Take in one event."""
        kind, *values = line.split("\t")
        getattr(self, "_" + kind.replace(" ", "_"))(*values)

    def _dirty(self, number: str, size: str) -> None:
        self.dirty.add(int(number))
        self.synced.setdefault(int(number), int(size))

    def _cut(self, number: str, size: str) -> None:
        self._dirty(number, size)
        self.synced[int(number)] = min(self.synced[int(number)], int(size))

    def _synced(self, number: str, size: str) -> None:
        self.dirty.discard(int(number))
        self.synced[int(number)] = int(size)

    def _make(self, parent: str, name: str, number: str) -> None:
        self._add({(int(parent), name): (0, int(number))})

    def _remove(self, parent: str, name: str, number: str) -> None:
        self._add({(int(parent), name): (int(number), 0)})

    def _move(self, parent, name, new_parent, new_name, number, old) -> None:
        source, target = (int(parent), name), (int(new_parent), new_name)
        self._add({source: (int(number), 0), target: (int(old), int(number))})

    def _carry(self, parent, name, new_parent, new_name, number, old) -> None:
        self.carried.append(("carry", (int(parent), name), (int(new_parent), new_name)))

    def _exchange(self, parent, name, new_parent, new_name, number, old) -> None:
        self.carried.append(("exchange", (int(parent), name), (int(new_parent), new_name)))

    def _folder_made(self, parent: str, name: str, number: str) -> None:
        # The number may have been that of a folder which is gone.
        self._forget(int(number))
        self._add({(int(parent), name): (0, int(number))}, makes_folder=True)

    def _folder(self, number: str) -> None:
        self._forget(int(number))

    def _add(self, changes: dict[Entry, tuple[int, int]], *, makes_folder: bool = False) -> None:
        self.operations.append(Operation(changes, makes_folder))

    def _forget(self, folder: int) -> None:
        for operation in self.operations:
            if any(parent == folder for parent, _ in operation.changes):
                operation.changes = {}
        self.operations = [operation for operation in self.operations if operation.changes]
        self.carried = [moved for moved in self.carried if folder not in (moved[1][0], moved[2][0])]


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def folders(folder: Path) -> Iterator[Path]:
    yield folder
    yield from (path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())
