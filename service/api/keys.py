"""Routes of API keys: make, list, revoke.

The one idea: an admin sees and changes the keys of its project; one of all projects, or whoever
uses a server that needs no keys yet, those of every project. A token is answered once, and stored
nowhere. Not here: the same on the store itself (`service.cli.key`).
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from service import audit
from service.api.caller import Admin, Caller
from service.api.context import Here
from service.api.fields import read_moment
from service.api.problems import responses
from service.errors import Conflict, Forbidden, NotFound
from service.schemas.keys import KeyMade, KeyPage, KeyRequest, KeyView, Scope
from service.store import keys, projects
from service.store.keys import Key

router = APIRouter(prefix="/v1/keys", tags=["keys"])

KeyId = Annotated[str, Path(max_length=64, pattern="^[a-z2-7]+$")]


@router.post("", status_code=201, responses=responses(NotFound, Conflict, has_body=True))
def create_key(body: KeyRequest, here: Here, caller: Admin, response: Response) -> KeyMade:
    """Make a key; the answer shows its token, this once.

    The first one closes the service to whoever has none.
    """
    project = _project(body, caller)
    expires = read_moment(body.expires_at, "expires_at")
    with here.store.write() as session:
        if caller.all_projects:
            projects.ensure(session, project)
        key, token = keys.create(
            session,
            project,
            label=body.label,
            scopes=body.scopes,
            expires=expires,
            all_projects=body.all_projects,
        )
    here.keyring.forget()
    audit.key_created(key, by=caller.key)
    response.headers["Cache-Control"] = "no-store"
    return KeyMade(**key_view(key).model_dump(), token=token)


@router.get("", responses=responses())
def list_keys(
    here: Here,
    caller: Admin,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> KeyPage:
    """A page of keys, newest first, those that were revoked among them; sessions are told apart."""
    with here.store.read() as session:
        page = keys.page(session, caller.reach, cursor=cursor, limit=limit)
    return KeyPage(items=[key_view(one) for one in page.items], next=page.next)


@router.delete("/{key}", status_code=204, responses=responses(NotFound))
def revoke_key(key: KeyId, here: Here, caller: Admin) -> None:
    """Revoke a key: it opens nothing any more, here at once, on other replicas in a second or so.

    Nor do the sessions of whoever signed in with it. Once is as good as twice.
    """
    with here.store.write() as session:
        revoked = keys.revoke(session, caller.reach, key)
    here.keyring.forget()
    audit.key_revoked(revoked, by=caller.key)


def key_view(key: Key) -> KeyView:
    """A key as it is shown."""
    moments = {
        f"{name}_at": _moment(getattr(key, name))
        for name in ("created", "expires", "revoked", "last_used")
    }
    return KeyView.model_validate(
        {
            "id": key.id,
            "project": key.project,
            "label": key.label,
            "scopes": list(key.scopes),
            "all_projects": key.all_projects,
            "sessions": key.sessions,
            **moments,
        }
    )


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _project(body: KeyRequest, caller: Caller) -> str:
    """Whose key is asked for; another project's is not the business of one."""
    if caller.all_projects:
        return body.project or caller.project
    if body.all_projects:
        raise Forbidden(Scope.ADMIN, of_all=True)
    if body.project not in {None, caller.project}:
        raise NotFound("project", str(body.project))
    return caller.project
