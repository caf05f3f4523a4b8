"""The desk: keys and projects looked after on the store itself.

The one idea: the same methods for keys as `client.keys`, for whoever can open the database may do
anything to it; no server is asked, and none needs to run.
Not here: options and tables (`service.cli.key`, `service.cli.project`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from service import audit
from service.api.fields import read_moment
from service.api.keys import key_view
from service.app import open_store
from service.errors import StoreBusy
from service.schemas.keys import KeyMade, KeyView, Scope
from service.schemas.projects import ProjectView
from service.settings import Settings
from service.store import keys, projects, quotas
from service.store.engine import Store
from service.store.paging import MAX_LIMIT


@dataclass(frozen=True, slots=True)
class Desk:
    """Keys of every project of one store."""

    store: Store

    def create(
        self,
        label: str,
        scopes: Sequence[str],
        *,
        expires_at: str | None = None,
        project: str | None = None,
        all_projects: bool = False,
    ) -> KeyMade:
        """Make a key, and its project if there is none of the name."""
        owner = project or "default"
        with self.store.write() as session:
            projects.ensure(session, owner)
            key, token = keys.create(
                session,
                owner,
                label=label,
                scopes=[Scope(name) for name in scopes],
                expires=read_moment(expires_at, "expires_at"),
                all_projects=all_projects,
            )
        audit.key_created(key, by=None)
        return KeyMade(**key_view(key).model_dump(), token=token)

    def list(self) -> Iterator[KeyView]:
        """All keys, newest first."""
        cursor = None
        while True:
            with self.store.read() as session:
                page = keys.page(session, None, cursor=cursor, limit=MAX_LIMIT)
            yield from map(key_view, page.items)
            cursor = page.next
            if cursor is None:
                return

    def create_project(self, project: str) -> ProjectView:
        """Make a project, if there is none of the name."""
        with self.store.write() as session:
            projects.ensure(session, project)
            return _project_view(session, project)

    def projects(self) -> Sequence[ProjectView]:
        """All projects."""
        with self.store.read() as session:
            return [_project_view(session, name) for name in projects.names(session)]

    def set_quotas(self, project: str, changes: Mapping[str, int | None]) -> ProjectView:
        """Give a project limits of its own, or with None the usual ones again."""
        with self.store.write() as session:
            quotas.set_own(session, project, changes)
            return _project_view(session, project)

    def revoke(self, key: str) -> None:
        """Revoke a key of whatever project."""
        with self.store.write() as session:
            revoked = keys.revoke(session, None, key)
        audit.key_revoked(revoked, by=None)


def _project_view(session: Any, project: str) -> ProjectView:  # noqa: ANN401 # the store's own
    return ProjectView(
        name=project,
        used={quota: quotas.used(session, project, quota) for quota in quotas.STORED},
        quotas=quotas.own(session, project),
    )


@contextmanager
def open_desk(settings: Settings) -> Iterator[Desk]:
    """A desk on the store of the settings, closed with this block."""
    try:
        store = open_store(settings)
    except StoreBusy as error:
        raise StoreBusy(f"{error}; ask that one, with --url") from error
    try:
        yield Desk(store)
    finally:
        store.close()
