"""The gate: every request is let in, as somebody, or answered here.

The one idea: before any route, and before a byte of the body is read, it is settled who asks; a
route that forgot to ask finds a caller all the same. Where no key is needed, only this machine is
served, and no page of another site that a browser on it shows. A key that is shown counts before a
link, and both before the cookie of a session, which a browser adds whether it was meant or not.
Not here: what a caller may do (`service.api.caller`), who has which key (`service.api.keyring`),
what is asked of a request with a cookie (`service.api.browsers`).
"""

from collections.abc import Collection

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.browsers import LONGEST_TOKEN, check_own, session_token
from service.api.caller import CALLER, OPEN, is_public
from service.api.keyring import Keyring
from service.api.meter import Meter
from service.api.problems import answer
from service.errors import Foreign, HeadersTooLarge, ServiceError, Unidentified
from service.loopback import is_loopback
from service.store.reach import NOTHING, reaching

MOST_HEADER_BYTES = 2**15  # with the address
MOST_HOSTS = 100  # names by which this machine asked, that are remembered


class Gate:
    """ASGI middleware that finds out who asks.

    Args:
        app: what comes behind.
        keyring: who has which key.
        meter: how often each project asks.
        host: the name this server is listening by.
        open_paths: whoever asks there, and not through a proxy, may do anything, beside the paths
            that ask for nothing.
    """

    def __init__(
        self,
        app: ASGIApp,
        keyring: Keyring,
        meter: Meter,
        host: str,
        open_paths: Collection[str] = (),
    ) -> None:
        self._app = app
        self._keyring = keyring
        self._meter = meter
        self._host = host
        self._hosts: set[bytes] = set()
        self._open = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; a request reaches no row yet, whatever it is let in for."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with reaching(NOTHING):
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in self._open and not _is_passed_on(scope):
            scope[CALLER] = OPEN
        elif not is_public(scope["method"], scope["path"]):
            try:
                await self._identify(scope)
            except ServiceError as error:
                response = answer(Request(scope), error)
                response.headers["Connection"] = "close"  # there may be a body, which nobody reads
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _identify(self, scope: Scope) -> None:
        """Note who asks; raises ServiceError for whoever is not let in."""
        _check_size(scope)
        link = _link(scope)
        shown, cookies = _shown(scope)
        token = _token(shown) or link
        is_cookie = token is None
        if is_cookie:
            token = session_token(cookies)
        caller = self._keyring.recall(token) or await self._keyring.find(token)
        scope[CALLER] = caller  # first: a refusal is logged with who it was
        if caller is OPEN:
            self._check_origin(scope)
        elif is_cookie:
            check_own(scope)
        self._meter.count(caller)

    def _check_origin(self, scope: Scope) -> None:
        """Refuse what another site sends through a browser, or under a name it made up."""
        host, origin = b"", None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value if not host else b","  # two are none
            elif name == b"origin":
                origin = value
        if host not in self._hosts:
            self._check_host(host)
        if origin is not None and origin != f"{scope['scheme']}://".encode() + host:
            raise Foreign("a page of another site may not ask a server that has no keys")

    def _check_host(self, host: bytes) -> None:
        name = _name(host.decode("latin-1"))
        if not is_loopback(name) and name != self._host:
            raise Foreign(
                f"this server has no keys and serves this machine only, not {name!r}; make a key "
                "with `glideslope key create` to reach it by another name"
            )
        if len(self._hosts) < MOST_HOSTS:
            self._hosts.add(host)


def _is_passed_on(scope: Scope) -> bool:
    """Whether a proxy says that it asks for somebody else, who may be anybody."""
    return any(name in {b"x-forwarded-for", b"forwarded"} for name, _ in scope["headers"])


def _check_size(scope: Scope) -> None:
    """Refuse an address and headers that are too long to be honest."""
    size = len(scope["raw_path"] or b"") + len(scope["query_string"])
    for name, value in scope["headers"]:
        size += len(name) + len(value)
    if size > MOST_HEADER_BYTES:
        raise HeadersTooLarge(MOST_HEADER_BYTES)


def _shown(scope: Scope) -> tuple[bytes | None, bytes]:
    """The Authorization header of a request, and its cookies."""
    shown, cookies = None, b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            shown = value if shown is None else b""  # two are none
        elif name == b"cookie":
            cookies = value if not cookies else cookies + b";" + value
    return shown, cookies


def _token(shown: bytes | None) -> str | None:
    """The token in an Authorization header; raises Unidentified if it is something else."""
    if shown is None:
        return None
    kind, _, token = shown.partition(b" ")
    if kind.lower() != b"bearer" or not 0 < len(token) <= LONGEST_TOKEN:
        raise Unidentified(is_shown=True)
    return str(token.strip(), "latin-1")


def _link(scope: Scope) -> str | None:
    """The token of a link, which is taken out of the address: nothing behind shall tell it on."""
    query: bytes = scope["query_string"]
    if b"share=" not in query:
        return None
    parts = query.split(b"&")
    shown = [part.removeprefix(b"share=") for part in parts if part.startswith(b"share=")]
    scope["query_string"] = b"&".join(part for part in parts if not part.startswith(b"share="))
    if not shown or scope["method"] != "GET":
        return None
    if len(shown) > 1 or len(shown[0]) > LONGEST_TOKEN or not shown[0].startswith(b"gss_"):
        raise Unidentified(is_shown=True)
    return str(shown[0], "latin-1")


def _name(host: str) -> str:
    """A Host header without its port."""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
