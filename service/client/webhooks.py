"""Webhooks: addresses that are told of the events of studies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar, final

import httpx2

from service.client.calls import Call, get, nothing, parsed, post, segment
from service.client.drivers import Driver
from service.client.flows import Telling, pages
from service.client.methods import call, listing
from service.schemas.webhooks import (
    DeliveryPage,
    DeliveryView,
    WebhookMade,
    WebhookPage,
    WebhookView,
)

D = TypeVar("D", bound=Driver)

PATH = "/v1/webhooks"
WebhookList: TypeAlias = list[WebhookView]


@final
@dataclass(frozen=True, slots=True)
class Webhooks(Generic[D]):
    """`client.webhooks`."""

    driver: D

    @call
    def create(
        self, url: str, *, study: str | None = None, events: Sequence[str] | None = None
    ) -> Call[WebhookMade]:
        """Have an address told of events; the answer shows the secret that signs them, this once.

        Args:
            url: where they are POSTed to.
            study: whose events; None: those of every study of the project.
            events: kinds of events; None: all but the frequent ones.
        """
        wishes = {"url": url, "study": study, "events": None if events is None else list(events)}
        given = {name: value for name, value in wishes.items() if value is not None}
        return post(PATH, parsed(WebhookMade), given)

    @call
    def list(self) -> Call[WebhookList]:
        """The webhooks of the project, oldest first."""
        return get(PATH, _webhooks)

    @call
    def delete(self, webhook: str) -> Call[None]:
        """Remove a webhook; what was still to be sent to it is dropped."""
        return post(f"{PATH}/{segment(webhook)}", nothing, method="DELETE")

    @listing
    def deliveries(self, webhook: str, *, limit: int | None = None) -> Telling[DeliveryView]:
        """What was sent or is to be, newest first, with what came of every try."""
        path = f"{PATH}/{segment(webhook)}/deliveries"
        return pages(get(path, parsed(DeliveryPage), {"limit": limit}), self.driver.patience)


def _webhooks(response: httpx2.Response) -> WebhookList:
    return parsed(WebhookPage)(response).items
