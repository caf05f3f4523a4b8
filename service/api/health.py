"""Routes of health: is the process alive, can it do its work, and how is it doing."""

from fastapi import APIRouter, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from service.api.caller import Admin
from service.api.context import Here
from service.api.problems import responses
from service.errors import Forbidden, HeadersTooLarge, QuotaExceeded, Unidentified
from service.schemas.catalogue import Health
from service.schemas.keys import Scope

router = APIRouter(tags=["health"])

NOT_READY = {
    "model": Health,
    "description": "Not ready: `status` says in two words why, the log of the server the rest",
    "headers": {
        "Retry-After": {
            "description": "seconds after which to ask again",
            "schema": {"type": "integer"},
        }
    },
    "content": {"application/json": {"example": {"status": "no database"}}},
}


@router.get("/livez")
async def live() -> Health:
    """Whether the process answers at all."""
    return Health(status="ok")


@router.get("/readyz", responses={503: NOT_READY})
async def ready(here: Here, response: Response) -> Health:
    """Whether the store answers with the current schema, the server works, and disks have room.

    The answer comes within about a second, also if the database hangs. A server that is about to
    end is not ready: it still answers, but begins nothing new.
    """
    status = "ending" if here.bell.is_closed else await here.readiness.ask()
    if status != "ok":
        response.status_code = 503
        response.headers["Retry-After"] = "1"
    return Health(status=status)


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
