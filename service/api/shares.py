"""Routes of links to one study: share it, and end all its links.

The one idea: a link lets whoever has it read the study, its report, events, best and verdict, and
nothing else, without a key: as `?share=` behind the address, or as a bearer token.
Not here: how links are signed (`service.store.shares`), who follows one (`service.api.keyring`).
"""

from datetime import timedelta

from fastapi import APIRouter, Response

from service import audit
from service.api.caller import Writer
from service.api.context import Here, StudyId
from service.api.problems import responses
from service.errors import Conflict, NotFound
from service.schemas.shares import ShareRequest, ShareView
from service.store import shares

router = APIRouter(prefix="/v1/studies", tags=["studies"])


@router.post(
    "/{study}:share", status_code=201, responses=responses(NotFound, Conflict, has_body=True)
)
def share_study(
    study: StudyId, body: ShareRequest, here: Here, caller: Writer, response: Response
) -> ShareView:
    """Make a link that lets whoever has it read this study, its report, events, best and verdict.

    It ends by itself, or with `:unshare`. Each call makes another one.
    """
    with here.store.write() as session:
        share = shares.share(session, caller.project, study)
        end = shares.moment(session) + timedelta(hours=body.hours)
    here.keyring.forget()
    audit.study_shared(study, caller.project, end, by=caller.key)
    response.headers["Cache-Control"] = "no-store"
    token = share.token(int(end.timestamp()))
    return ShareView(
        study=study,
        url=f"/v1/studies/{study}/report?share={token}",
        token=token,
        expires_at=end.replace(microsecond=0).isoformat(),
    )


@router.post("/{study}:unshare", status_code=204, responses=responses(NotFound))
def unshare_study(study: StudyId, here: Here, caller: Writer) -> None:
    """End all links to this study: here at once, on other replicas in a second or so."""
    with here.store.write() as session:
        shares.unshare(session, caller.project, study)
    here.keyring.forget()
    audit.study_unshared(study, caller.project, by=caller.key)
