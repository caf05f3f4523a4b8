"""Routes of health: is the process alive, and can it do its work."""

from fastapi import APIRouter, Response

from service.api.context import Here
from service.schemas.catalogue import Health
from service.store import migrations

router = APIRouter(tags=["health"])


@router.get("/livez")
async def live() -> Health:
    """Whether the process answers at all."""
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Health, "description": "Not ready"}})
def ready(here: Here, response: Response) -> Health:
    """Whether the store answers with the current schema and planner and sweeper do their work."""
    with here.store.read() as session:
        is_current = migrations.is_current(session)
    if is_current and here.is_ready():
        return Health(status="ok")
    response.status_code = 503
    return Health(status="migrating" if not is_current else "no planner")
