"""Links that let others read one study without a key."""

from dataclasses import dataclass
from typing import Generic, TypeVar, final

from service.client.calls import Call, nothing, parsed, post, study_path
from service.client.drivers import Driver
from service.client.methods import call
from service.schemas.shares import USUAL_HOURS, ShareView

D = TypeVar("D", bound=Driver)


@final
@dataclass(frozen=True, slots=True)
class Shares(Generic[D]):
    """`client.shares`."""

    driver: D

    @call
    def create(self, study: str, *, hours: float = USUAL_HOURS) -> Call[ShareView]:
        """Make a link that lets whoever has it read a study, its report, events, best and verdict.

        `url` is a path of the service, `token` a key that opens this study alone.
        """
        return post(f"{study_path(study)}:share", parsed(ShareView), {"hours": hours})

    @call
    def revoke(self, study: str) -> Call[None]:
        """End all links to a study."""
        return post(f"{study_path(study)}:unshare", nothing)
