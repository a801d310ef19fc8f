"""Days and moments: the history is written in UTC, the site speaks Eastern time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from embedded_booru.errors import NotADay

EASTERN = ZoneInfo("America/New_York")
FOREVER = datetime(9999, 12, 30, tzinfo=UTC)


def parse_moment(text: str) -> datetime:
    """Read an ISO 8601 moment; one without an offset is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def end_of_day(day: str | None) -> datetime:
    """Return the last moment of a day in UTC; of no day, the end of all history."""
    if day is None:
        return FOREVER
    try:
        parsed = date.fromisoformat(day)
        return datetime.combine(parsed, time(), UTC) + timedelta(days=1, microseconds=-1)
    except (ValueError, OverflowError) as error:
        raise NotADay(day) from error


def on_the_wire(moment: datetime) -> str:
    """Write a moment as the site does for visitors: 2016-11-25T21:40:42.851-05:00."""
    return moment.astimezone(EASTERN).isoformat(timespec="milliseconds")


def eastern_day(moment: datetime) -> date:
    """Return the day that a visitor sees for a moment."""
    return moment.astimezone(EASTERN).date()
