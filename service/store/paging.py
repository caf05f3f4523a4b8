"""Pages of long lists, walked by an opaque cursor.

The one idea: a cursor is the sort key of the last item seen, so pages neither skip nor repeat items
when others are inserted meanwhile.
Not here: the queries; each list knows its own order.
"""

import base64
import binascii
import json
import math
import unicodedata
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from tuning.errors import InvalidValue
from tuning.records import check_integer

MAX_LIMIT = 1_000
LARGEST_KEY = 2**53  # microseconds until the year 2255
FORBIDDEN = frozenset({"Cc", "Cs"})  # Unicode categories of what no database stores as text

Key: TypeAlias = int | float | str

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list; `next` is the cursor of the next page, None if this was the last."""

    items: tuple[Item, ...]
    next: str | None = None


def check_limit(limit: int) -> int:
    """Return `limit` if a page may have that many items, else raise InvalidValue."""
    return check_integer("limit", limit, 1, MAX_LIMIT)


def write_cursor(*key: Key) -> str:
    """A sort key as an opaque word.

    >>> read_cursor(write_cursor(17, "st_x"), int, str)
    (17, 'st_x')
    """
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *types: type) -> tuple[Key, ...]:
    """The sort key of a cursor; raises InvalidValue for anything `write_cursor` did not write."""
    return read_key(cursor, types)


def read_key(cursor: str, *shapes: tuple[type, ...]) -> tuple[Key, ...]:
    """The same where keys have one of several shapes."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidValue("cursor", cursor, "the cursor of a page of this list") from error
    is_key = isinstance(key, list) and tuple(map(type, key)) in shapes
    if not is_key or not all(map(_is_plausible, key)):
        raise InvalidValue("cursor", cursor, "the cursor of a page of this list")
    return tuple(key)


def _is_plausible(part: Key) -> bool:
    """Whether a list can have such a key; a forged one must not upset the database."""
    if isinstance(part, float):
        return math.isfinite(part)
    if isinstance(part, int):
        return 0 <= part <= LARGEST_KEY
    return all(unicodedata.category(character) not in FORBIDDEN for character in part)
