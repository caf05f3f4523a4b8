"""Routes of health: is the process alive, can it do its work, and how is it doing."""

from fastapi import APIRouter, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from service.api.caller import Admin
from service.api.context import Here
from service.api.problems import responses
from service.errors import Forbidden, HeadersTooLarge, QuotaExceeded, Unidentified
from service.schemas.catalogue import Health
from service.schemas.keys import Scope
from service.store import migrations

router = APIRouter(tags=["health"])


@router.get("/livez")
async def live() -> Health:
    """Whether the process answers at all."""
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Health, "description": "Not ready"}})
def ready(here: Here, response: Response) -> Health:
    """Whether the store answers with the current schema and planner and sweeper do their work.

    A server that is about to end is not ready: it still answers, but begins nothing new.
    """
    if here.bell.is_closed:
        response.status_code = 503
        return Health(status="ending")
    with here.store.read() as session:
        is_current = migrations.is_current(session)
    if is_current and here.is_ready():
        return Health(status="ok")
    response.status_code = 503
    return Health(status="migrating" if not is_current else "no planner")


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {}}, "description": "The text format of Prometheus"},
        **responses(Unidentified, Forbidden, QuotaExceeded, HeadersTooLarge),
    },
)
def read_metrics(here: Here, caller: Admin) -> Response:
    """Figures for Prometheus: studies, runs, queue, leases, workers, latencies, planning.

    Where keys are needed, it needs one of an administrator of all projects, whose figures they are.
    """
    if not caller.all_projects:
        raise Forbidden(Scope.ADMIN)
    return Response(here.metrics.text(), media_type=CONTENT_TYPE_LATEST)
