"""What the events up to some moment have made of the posts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from embedded_booru.history import Event, History
from embedded_booru.models import Post

Change = Callable[[Post, Event, Mapping[str, str]], Post]


def posts_at(history: History, moment: datetime) -> dict[int, Post]:
    """Return the posts that exist at a moment by ID, in the order of their IDs."""
    posts: dict[int, Post] = {}
    for event in history.events:
        if event.moment > moment:
            break
        _happen(posts, event, history.categories)
    return _with_children(dict(sorted(posts.items())))


def _happen(posts: dict[int, Post], event: Event, categories: Mapping[str, str]) -> None:
    if event.post is not None:
        posts[event.post_id] = event.post
    elif event.kind == "expunge":
        del posts[event.post_id]
    else:
        changed = CHANGES[event.kind](posts[event.post_id], event, categories)
        posts[event.post_id] = replace(changed, updated_at=event.moment)


def _replace_file(post: Post, event: Event, _: Mapping[str, str]) -> Post:
    return post if event.asset is None else replace(post, asset=event.asset)


def _vote(post: Post, event: Event, _: Mapping[str, str]) -> Post:
    return replace(post, score=event.score, up_score=event.score, fav_count=event.score // 2)


def _delete(post: Post, _: Event, __: Mapping[str, str]) -> Post:
    return replace(post, is_deleted=True, is_pending=False, is_flagged=False)


CHANGES: dict[str, Change] = {
    "retag": lambda post, event, categories: replace(
        post, tags=post.tags.changed(event.add, event.remove, categories)
    ),
    "rerate": lambda post, event, _: replace(post, rating=event.rating),
    "replace": _replace_file,
    "flag": lambda post, *_: replace(post, is_flagged=True),
    "delete": _delete,
    "ban": lambda post, *_: replace(post, is_banned=True),
    "score": _vote,
}


def _with_children(posts: dict[int, Post]) -> dict[int, Post]:
    """Tell the parents of their children."""
    every = Counter(post.parent_id for post in posts.values())
    active = Counter(post.parent_id for post in posts.values() if not post.is_deleted)
    for parent in every:
        if parent in posts:
            post = posts[parent]
            posts[parent] = replace(
                post,
                has_children=True,
                has_active_children=post.has_active_children or parent in active,
            )
    return posts
