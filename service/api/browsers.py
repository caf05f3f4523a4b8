"""Browsers: the cookie that stands for a session, and what a page of another site may not ask.

The one idea: a browser sends its cookie whoever makes it ask, so a cookie alone proves nothing.
With one, what changes something must come from a page of this very server, as the browser itself
says (`Origin`, `Sec-Fetch-Site`), and what only reads must not be fetched by a page of another.
`SameSite=Strict` says the same to the browser; the two do not rely on each other.
Not here: whose token it is (`service.api.keyring`), sessions themselves (`service.store.sessions`).
"""

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from service.errors import Foreign

COOKIE = "glideslope_session"
LONGEST_TOKEN = 256
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OTHERS = frozenset({"cross-site", "same-site"})  # "same-site" is another port or name beside us

_NAME = COOKIE.encode() + b"="


def session_token(cookies: bytes) -> str | None:
    """The token in a Cookie header; None without one, with two, and for what can be none.

    >>> session_token(b"a=b; glideslope_session=gs_x"), session_token(b"glideslope_session=x")
    ('gs_x', None)
    """
    if _NAME not in cookies:
        return None
    parts = [part.strip() for part in cookies.split(b";")]
    found = [part.removeprefix(_NAME) for part in parts if part.startswith(_NAME)]
    # Two may be one of ours and one that a page beside us (another port) slipped in.
    if len(found) != 1 or not found[0].startswith(b"gs_") or len(found[0]) > LONGEST_TOKEN:
        return None
    return found[0].decode("latin-1")


def check_own(scope: Scope) -> None:
    """Refuse what a page of another site asks for with our cookie; raises Foreign."""
    headers = Headers(scope=scope)
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if scope["method"] in SAFE:  # links lead here from anywhere; what is fetched does not
        is_foreign = site in OTHERS and headers.get("sec-fetch-mode") != "navigate"
    elif origin is not None:
        is_foreign = not _is_own(origin, scope, headers)
    else:
        is_foreign = site != "same-origin"
    if is_foreign:
        raise Foreign("a page of another site may not ask with the session of this one")


def check_sign_in(scope: Scope) -> None:
    """Refuse a sign-in by a page of another site, with a key of its own choice; raises Foreign.

    Whoever asks without a browser tells no origin, and may.
    """
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is None:
        is_foreign = headers.get("sec-fetch-site") in OTHERS
    else:
        is_foreign = not _is_own(origin, scope, headers)
    if is_foreign:
        raise Foreign("a page of another site may not sign anybody in here")


def keep(response: Response, scope: Scope, token: str, seconds: int) -> None:
    """Have a browser keep a session as long as it lasts, out of reach of scripts."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=seconds,
        path="/",
        secure=_is_secure(scope),
        httponly=True,
        samesite="strict",
    )


def drop(response: Response, scope: Scope) -> None:
    """Have a browser forget it."""
    response.delete_cookie(
        COOKIE, path="/", secure=_is_secure(scope), httponly=True, samesite="strict"
    )


def _is_own(origin: str, scope: Scope, headers: Headers) -> bool:
    """Whether an origin is this server's own.

    A proxy that ends TLS asks us by plain HTTP for what the browser asked it for by HTTPS, so the
    host decides: `https` of the same host is nobody else. The other way round it is: a plain page
    of that host may be anybody's on the way.
    """
    host = headers.get("host")
    return bool(host) and origin in {f"{scope['scheme']}://{host}", f"https://{host}"}


def _is_secure(scope: Scope) -> bool:
    """Whether the browser asks by HTTPS, also if a proxy ends it before us."""
    origin = Headers(scope=scope).get("origin", "")
    return scope["scheme"] == "https" or origin.startswith("https://")
