"""Routes of what the service offers: objectives and families, read from the core's tables."""

from fastapi import APIRouter

from service.api.caller import READ
from service.api.context import Here
from service.api.settings_schema import settings_schema
from service.api.views import family_view, objective_view
from service.schemas.catalogue import FamilyList, ObjectiveList
from tuning.schedules import FAMILIES

router = APIRouter(prefix="/v1", tags=["catalogue"], dependencies=[READ])


@router.get("/objectives")
async def list_objectives(here: Here) -> ObjectiveList:
    """Every registered objective with the JSON Schema of its settings."""
    return ObjectiveList(
        items=[
            objective_view(objective, settings_schema(objective.config_type))
            for objective in here.objectives.values()
        ]
    )


@router.get("/families")
async def list_families() -> FamilyList:
    """Every family of schedules with its search parameters."""
    return FamilyList(items=[family_view(name) for name in FAMILIES])
