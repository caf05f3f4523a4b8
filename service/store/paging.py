"""Pages of long lists, walked by an opaque cursor.

The one idea: a cursor is the sort key of the last item seen, so pages neither skip nor repeat items
when others are inserted meanwhile.
Not here: the queries; each list knows its own order.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Generic, TypeVar

from tuning.errors import InvalidValue
from tuning.records import check_integer

MAX_LIMIT = 1_000
LARGEST_KEY = 2**53  # microseconds until the year 2255

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list; `next` is the cursor of the next page, None if this was the last."""

    items: tuple[Item, ...]
    next: str | None = None


def check_limit(limit: int) -> int:
    """Return `limit` if a page may have that many items, else raise InvalidValue."""
    return check_integer("limit", limit, 1, MAX_LIMIT)


def write_cursor(*key: int | str) -> str:
    """A sort key as an opaque word.

    >>> read_cursor(write_cursor(17, "st_x"), int, str)
    (17, 'st_x')
    """
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *types: type) -> tuple[int | str, ...]:
    """The sort key of a cursor; raises InvalidValue for anything `write_cursor` did not write."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidValue("cursor", cursor, "the cursor of a page of this list") from error
    is_key = isinstance(key, list) and [type(part) for part in key] == list(types)
    if not is_key or not all(map(_is_plausible, key)):
        raise InvalidValue("cursor", cursor, "the cursor of a page of this list")
    return tuple(key)


def _is_plausible(part: int | str) -> bool:
    """Whether a list can have such a key; a forged one must not upset the database."""
    if isinstance(part, int):
        return 0 <= part <= LARGEST_KEY
    return part.isascii() and part.isprintable()
