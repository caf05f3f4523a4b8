"""API keys of a project; for admins."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar, final

from service.client.calls import Call, get, nothing, parsed, post, segment
from service.client.drivers import Driver
from service.client.flows import Telling, pages
from service.client.methods import call, listing
from service.schemas.keys import KeyMade, KeyPage, KeyView

D = TypeVar("D", bound=Driver)


@final
@dataclass(frozen=True, slots=True)
class Keys(Generic[D]):
    """`client.keys`."""

    driver: D

    @call
    def create(
        self,
        label: str,
        scopes: Sequence[str],
        *,
        expires_at: str | None = None,
        project: str | None = None,
        all_projects: bool = False,
    ) -> Call[KeyMade]:
        """Make a key; its token is in this answer only, so it is asked for once.

        Args:
            label: whose or what for.
            scopes: of `studies:read`, `studies:write`, `work` and `admin`.
            expires_at: when it ends, ISO 8601 with time zone; never if None.
            project: whose it is; the caller's if None.
            all_projects: whether it works and administers for every project.
        """
        body = {
            "label": label,
            "scopes": list(scopes),
            "expires_at": expires_at,
            "project": project,
            "all_projects": all_projects,
        }
        once = replace(self.driver.patience, seconds=0.0)
        return post("/v1/keys", parsed(KeyMade), body, patience=once)

    @call
    def revoke(self, key: str) -> Call[None]:
        """Revoke a key by its id: it opens nothing any more."""
        return post(f"/v1/keys/{segment(key)}", nothing, method="DELETE")

    @listing
    def list(self, *, limit: int | None = None) -> Telling[KeyView]:
        """All keys, newest first; `limit` is the size of the pages they come in."""
        return pages(get("/v1/keys", parsed(KeyPage), {"limit": limit}), self.driver.patience)
