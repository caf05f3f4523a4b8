"""Signing in on the wire: a key once, then who one is.

The one idea: the key is in one request only and in no answer.
Not here: the cookie that stands for the session (`service.api.browsers`).
"""

from pydantic import Field

from service.schemas.base import Schema, Text, example
from service.schemas.keys import ScopeName

LONGEST_KEY = 256


class SessionRequest(Schema):
    """The key to sign in with."""

    model_config = example(key="gs_…")

    key: Text = Field(min_length=1, max_length=LONGEST_KEY, description="the token of an API key")


class SessionView(Schema):
    """Who asks, and until when.

    `key` is the public id of the API key that was shown or signed in with; null where none is
    needed. `is_session` says whether a browser signed in, so that it can sign out.
    """

    key: str | None
    label: str
    project: str
    scopes: list[ScopeName]
    all_projects: bool
    expires_at: str | None
    is_session: bool
