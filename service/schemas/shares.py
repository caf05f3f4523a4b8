"""Links to one study on the wire."""

from pydantic import ConfigDict, Field

from service.schemas.base import Schema

MOST_HOURS = 8_760.0
USUAL_HOURS = 168.0


class ShareRequest(Schema):
    """A link to make."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"hours": 24}]})

    hours: float = Field(
        default=USUAL_HOURS, gt=0, le=MOST_HOURS, description="how long the link is valid"
    )


class ShareView(Schema):
    """A link: `url` is the path of the report, `token` what opens the study's other pages, too."""

    study: str
    url: str
    token: str
    expires_at: str
