"""The columns of the site's other tables, in the order in which it sends them."""

from __future__ import annotations

import re
from typing import Any

Row = dict[str, Any]

# Each column with its value where a corpus says none; complete() adds those that depend on others.
_RELATION: Row = {
    "id": 0,
    "antecedent_name": "",
    "consequent_name": "",
    "creator_id": 1,
    "forum_topic_id": None,
    "status": "active",
    "created_at": "",
    "updated_at": "",
    "approver_id": None,
    "forum_post_id": None,
    "reason": "",
}
COLUMNS: dict[str, Row] = {
    "tags": {
        "id": 0,
        "name": "",
        "post_count": 0,
        "category": 0,
        "created_at": "",
        "updated_at": "",
        "is_deprecated": False,
        "words": None,
    },
    "tag_aliases": _RELATION,
    "tag_implications": _RELATION,
    "pools": {
        "id": 0,
        "name": "",
        "description": "",
        "is_active": True,
        "post_ids": [],
        "is_deleted": False,
        "created_at": "",
        "updated_at": "",
        "category": "collection",
        "post_count": 0,
    },
    "notes": {
        "id": 0,
        "post_id": 0,
        "x": 0,
        "y": 0,
        "width": 0,
        "height": 0,
        "is_active": True,
        "body": "",
        "created_at": "",
        "updated_at": "",
        "version": 1,
    },
    "artist_commentaries": {
        "id": 0,
        "post_id": 0,
        "original_title": "",
        "original_description": "",
        "translated_title": "",
        "translated_description": "",
        "created_at": "",
        "updated_at": "",
    },
    "artists": {
        "id": 0,
        "name": "",
        "is_deleted": False,
        "is_banned": False,
        "group_name": "",
        "created_at": "",
        "updated_at": "",
        "other_names": [],
    },
}
# The day on which the real site opened.
FIRST_DAY = "2005-05-24T00:00:00.000-04:00"


def complete(table: str, given: Row) -> Row:
    """Return a row with all columns of its table in their order."""
    row: Row = {name: given.get(name, default) for name, default in COLUMNS[table].items()}
    row["id"] = given["id"]
    row["created_at"] = row["created_at"] or FIRST_DAY
    row["updated_at"] = row["updated_at"] or row["created_at"]
    if table == "tags":
        row["words"] = row["words"] or words_of(row["name"])
    if table == "pools":
        row["post_count"] = len(row["post_ids"])
    return row


def words_of(tag: str) -> list[str]:
    """Return the words that a tag is found by."""
    return re.findall(r"[^\W_]+", tag) or [tag]
