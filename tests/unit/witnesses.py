"""What tests learn of folders and of the embedded booru without asking the code they test."""

import json
from pathlib import Path

import embedded_booru

HISTORY = Path(embedded_booru.__file__).parent / "pack" / "history.jsonl"


def files_in(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def existing(day):
    """The IDs of the embedded booru's posts that were uploaded by a day, from its history."""
    found = set()
    for event in map(json.loads, HISTORY.read_text().splitlines()):
        if event["date"] < f"{day}T24":
            if event["event"] == "upload":
                found.add(event["post"])
            elif event["event"] == "expunge":
                found.remove(event["post"])
    return sorted(found)
