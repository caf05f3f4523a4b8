"""Webhooks on the wire: who is to be told of which events, and what became of telling."""

from typing import Annotated, Any, Literal

from pydantic import Field

from service.schemas.base import Schema, Text, example

EventKind = Literal[
    "created",
    "planned",
    "progress",
    "closed",
    "paused",
    "resumed",
    "extended",
    "suggested",
    "described",
    "trial_cancelled",
    "stalled",
    "imported",
    "completed",
    "failed",
    "cancelled",
    "purged",
]
# Of which one is told unless one says: `progress` and `planned` come with every handful of runs,
# `purged` with every study there is.
QUIET: tuple[EventKind, ...] = (
    "created",
    "closed",
    "paused",
    "resumed",
    "extended",
    "suggested",
    "stalled",
    "imported",
    "completed",
    "failed",
    "cancelled",
)


class WebhookRequest(Schema):
    """A new webhook: an address, for one study or for all of the project.

    `events` are the kinds it is told of; by default all but the frequent ones.
    """

    model_config = example(
        url="https://hooks.example.com/glideslope", events=["completed", "failed", "cancelled"]
    )

    url: Annotated[Text, Field(min_length=1, max_length=2048)]
    study: Annotated[Text, Field(max_length=64)] | None = None
    events: Annotated[list[EventKind], Field(min_length=1, max_length=32)] | None = None


class WebhookView(Schema):
    """A webhook; `gone_at` says since when it answers that it wants no more (410)."""

    id: str
    url: str
    study: str | None
    events: list[str]
    gone_at: str | None
    created_at: str


class WebhookMade(WebhookView):
    """A new webhook with the secret that signs what it is sent; it is shown this once."""

    secret: str


class WebhookPage(Schema):
    """Webhooks, oldest first."""

    items: list[WebhookView]


class AttemptView(Schema):
    """One try: the status of the answer, or why there was none."""

    at: str
    status: int | None
    error: str | None
    milliseconds: int


class DeliveryView(Schema):
    """An event on its way to a webhook.

    `pending` until it was answered with a 2xx (`delivered`) or was tried too often (`failed`);
    `attempts` counts the tries, `tries` are the last of them, `due_at` is the next one.
    """

    id: str
    event: str
    kind: str
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    due_at: str | None
    created_at: str
    body: dict[str, Any]
    tries: list[AttemptView]


class DeliveryPage(Schema):
    """A page of deliveries, newest first; `next` is the cursor of the next page."""

    items: list[DeliveryView]
    next: str | None
