"""Pages under watch: what a page complains of, and whom it asks.

The one idea: no test asks whether the console stayed clean and every request stayed on this host;
whatever a page of any test does is noted, and judged when the test has ended.
"""

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

HARMLESS = {"data", "blob", "about"}
# Tells when every chart is drawn, without a trace in the page that a test would see.
NOTE_DRAWN = """
window.drawnFigures = new WeakSet();
document.addEventListener(
  "glideslope:drawn",
  (event) => {
    window.drawnFigures.add(event.target);
    performance.mark("glideslope:drawn");
  },
  true,
);
"""


class Watch:
    """What the pages of some browser contexts did."""

    def __init__(self) -> None:
        self._hosts: set[str] = set()
        self._forgiven: list[str] = []
        self.complaints: list[str] = []
        self.requests: list[str] = []

    def follow(self, context: "BrowserContext", origin: str) -> None:
        """Watch whatever happens in a context, which may ask one origin."""
        self._hosts.add(urlsplit(origin).netloc)
        context.add_init_script(NOTE_DRAWN)
        context.on("console", self._hear)
        context.on("weberror", self._note_error)
        context.on("request", self._note_request)

    def forgive(self, *words: str) -> None:
        """Expect complaints with these words: a test that is refused something causes one."""
        self._forgiven += words

    def judge(self) -> None:
        """Fail if a page complained, asked another host, or for one module by two addresses."""
        told = [one for one in self.complaints if not any(word in one for word in self._forgiven)]
        assert not told, "the console says:\n" + "\n".join(told)
        abroad = [url for url in self.requests if self._is_abroad(url)]
        assert not abroad, "requests left the host:\n" + "\n".join(abroad)
        modules = {url for url in self.requests if urlsplit(url).path.endswith(".js")}
        known = Counter(url.partition("?")[0] for url in modules)
        twice = [url for url, addresses in known.items() if addresses > 1]
        assert not twice, "modules that run twice:\n" + "\n".join(twice)

    def _hear(self, message: "ConsoleMessage") -> None:
        if message.type in {"error", "warning", "assert"}:
            place = message.location.get("url", "")
            self.complaints.append(f"{message.type}: {message.text} ({place})")

    def _note_error(self, error: "WebError") -> None:
        self.complaints.append(f"uncaught: {error.error.message} ({error.error.stack or ''})")

    def _note_request(self, request: "Request") -> None:
        self.requests.append(request.url)

    def _is_abroad(self, url: str) -> bool:
        parts = urlsplit(url)
        is_local = parts.scheme in {"http", "ws"} and parts.netloc in self._hosts
        return not is_local and parts.scheme not in {*HARMLESS, "file"}
