"""Projects as programs read them."""

from service.schemas.base import Schema


class ProjectView(Schema):
    """A project: what it uses of each quota the store counts, and the limits it has of its own."""

    name: str
    used: dict[str, int]
    quotas: dict[str, int]
