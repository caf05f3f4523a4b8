"""Routes of webhooks: make, list, delete, and the log of what was sent.

The one idea: an address is refused here as far as it can be told from the URL, and again for what
its name resolves to whenever something is sent; the secret is answered once.
Not here: sending (`service.planner.delivery`).
"""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from service.api.caller import Reader, Writer
from service.api.context import Here
from service.api.problems import responses
from service.errors import Conflict, NotFound
from service.schemas.webhooks import (
    QUIET,
    AttemptView,
    DeliveryPage,
    DeliveryView,
    WebhookMade,
    WebhookPage,
    WebhookRequest,
    WebhookView,
)
from service.store import outbox, webhooks
from service.store.outbox import Sent, State
from service.store.webhooks import Hook

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

WebhookId = Annotated[str, Path(max_length=64, pattern="^wh_[0-9a-f]+$")]


@router.post("", status_code=201, responses=responses(NotFound, Conflict, has_body=True))
def create_webhook(
    body: WebhookRequest, here: Here, caller: Writer, response: Response
) -> WebhookMade:
    """Have an address told of the events of a study, or of all studies of the project.

    Every event is POSTed as `{"type": "study.completed", "timestamp": ..., "data": {...}}`, signed
    as Standard Webhooks have it, at least once, and again for some hours until it is answered with
    a 2xx; `webhook-id` tells a repetition, `data.revision` the order. 409 where webhooks are off.
    """
    if not here.webhooks:
        raise Conflict("webhooks are off on this service: GLIDESLOPE_WEBHOOKS allows no address")
    here.webhooks.check(body.url)
    with here.store.write() as session:
        hook, secret = webhooks.create(
            session,
            caller.project,
            url=body.url,
            study=body.study,
            kinds=body.events or QUIET,
        )
    response.headers["Cache-Control"] = "no-store"
    return WebhookMade(**_webhook_view(hook).model_dump(), secret=secret)


@router.get("", responses=responses())
def list_webhooks(here: Here, caller: Reader) -> WebhookPage:
    """The webhooks of the project, oldest first."""
    with here.store.read() as session:
        found = webhooks.everyone(session, caller.project)
    return WebhookPage(items=[_webhook_view(one) for one in found])


@router.delete("/{webhook}", status_code=204, responses=responses(NotFound))
def delete_webhook(webhook: WebhookId, here: Here, caller: Writer) -> None:
    """Remove a webhook; what was still to be sent to it is dropped."""
    with here.store.write() as session:
        webhooks.remove(session, caller.project, webhook)


@router.get("/{webhook}/deliveries", responses=responses(NotFound))
def list_deliveries(
    webhook: WebhookId,
    here: Here,
    caller: Reader,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DeliveryPage:
    """A page of what was sent or is to be, newest first, with what came of every try."""
    with here.store.read() as session:
        page = outbox.page(session, caller.project, webhook, cursor=cursor, limit=limit)
    return DeliveryPage(items=[_delivery_view(one) for one in page.items], next=page.next)


def _webhook_view(hook: Hook) -> WebhookView:
    return WebhookView(
        id=hook.id,
        url=hook.url,
        study=hook.study,
        events=list(hook.kinds),
        gone_at=None if hook.gone is None else hook.gone.isoformat(),
        created_at=hook.created.isoformat(),
    )


def _delivery_view(sent: Sent) -> DeliveryView:
    return DeliveryView(
        id=sent.id,
        event=sent.event,
        kind=sent.kind,
        state=sent.state.value,
        attempts=sent.attempts,
        due_at=sent.due.isoformat() if sent.state is State.PENDING else None,
        created_at=sent.created.isoformat(),
        body=dict(sent.body),
        tries=[AttemptView(**one) for one in sent.log],
    )
