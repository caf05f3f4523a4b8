"""Static files of the pages; an address with the right hash may be kept for good."""

from typing import Annotated

from fastapi import Header, Query, Request, Response

from service.errors import NotFound
from service.pages import page
from service.ui import assets

router = page.router()

FOR_GOOD = "public, max-age=31536000, immutable"


@router.get("/static/{name}")
async def read_static(
    name: str,
    request: Request,
    v: Annotated[str, Query(max_length=64)] = "",
    known: Annotated[str | None, Header(alias="If-None-Match", max_length=256)] = None,
) -> Response:
    """A static file, compressed for whoever takes that."""
    if name not in assets.names():
        raise NotFound("file", name)
    asset = assets.asset(name)
    etag = f'"{asset.digest}"'
    headers = {
        "ETag": etag,
        "Cache-Control": FOR_GOOD if v == asset.digest else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if known is not None and etag in known:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.zipped, media_type=asset.media_type, headers=headers)
    return Response(asset.body, media_type=asset.media_type, headers=headers)
