"""`glideslope serve`: the server with its worker.

The one idea: the main thread only waits for a signal. At the signal the worker drains first, while
the server still answers it, and then the server ends; a second signal ends everything at once. A
server that ends unasked, or an error on the way, ends everything in the same order.
"""

import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from types import FrameType

import uvicorn
from fastapi import FastAPI

from service.api.connections import Punctual
from service.app import create_app, open_store
from service.cli.output import console
from service.errors import ServiceError
from service.loopback import is_loopback
from service.secrecy import keep_secrets
from service.settings import Settings
from service.store import keys as stored_keys
from service.store import walls
from service.store import work as stored_work
from service.store.engine import Store
from service.tracing import start as start_tracing
from service.worker import supervise
from service.worker.apart import settle
from tuning.errors import InvalidValue
from tuning.execution import Network
from tuning.execution.link import die_with_parent

logger = logging.getLogger(__name__)

LOCAL_WORKER = "local"
MOST_NAMED = 5  # tables in a warning
SHUTDOWN_SECONDS = 5
# Not yet sent, in the system's buffer of a connection: without a limit the system takes megabytes
# for a client that does not read. What is under way to one that reads is not limited by it.
MOST_UNSENT_BYTES = 2**17
SIGNAL_SECONDS = 0.2
# A thread that computes, as the planner's when it writes down a long history, keeps the one that
# answers waiting for so long, and that after each of the ten system calls of an answer.
SWITCH_SECONDS = 0.0005
SIGNALS = (signal.SIGINT, signal.SIGTERM)
HERE = ("127.0.0.1", "::1")
WORKER_SETTINGS = {
    "cache_folder",
    "data_folder",
    "drain_seconds",
    "lanes",
    "log_format",
    "log_level",
    "objectives",
    "processes",
    "run_file_mib",
    "run_files",
    "run_memory_mib",
    "run_network",
    "run_processes",
    "run_timeout_seconds",
    "run_user",
    "traces",
}


def serve_until_signalled(settings: Settings, *, has_worker: bool, parent: int | None) -> None:
    """Serve until SIGINT or SIGTERM."""
    if parent is not None:
        die_with_parent(parent)
    keep_secrets()
    if has_worker and (settings.run_network is Network.NONE or settings.run_user is not None):
        settle(settings.allowance)  # else its worker would refuse to start, again and again
    sys.setswitchinterval(SWITCH_SECONDS)
    with _listen(settings) as listener:
        _serve(settings, listener, has_worker=has_worker)


def _serve(settings: Settings, listener: socket.socket, *, has_worker: bool) -> None:
    url = _address(listener)
    tracing = start_tracing("glideslope-server", settings.traces)
    store = open_store(settings, tracing)
    _check_keys(store, settings)
    _check_walls(store)
    name = _worker_name(settings)
    # What this server's own worker held died with the previous server.
    _requeue(store, name)
    app = create_app(store, settings, tracing=tracing)
    server = _server(app, settings)
    serving = threading.Thread(target=server.run, args=([listener],), name="server")
    supervisor = supervise.Supervisor(
        lambda: _start_worker(settings, url, name, app.state.context.keyring.own_token),
        lambda: _bereave(store, name, settings.max_attempts),
        settings.drain_seconds + SHUTDOWN_SECONDS,
    )
    asked = _note_signals()
    serving.start()
    try:
        if has_worker:
            supervisor.start()
        console.print(f"Glideslope is listening on {url}", highlight=False)
        console.print(f"  API description  {url}/docs", highlight=False)
        console.print(f"  studies          {url}/v1/studies", highlight=False)
        while serving.is_alive() and not asked.wait(SIGNAL_SECONDS):
            pass  # not one long wait: a signal may reach another thread, and its handler this one
    finally:
        app.state.context.bell.close()  # streams and waiting requests end
        supervisor.stop()
        server.should_exit = True
        serving.join()
        store.close()
        tracing.close()
    if not asked.is_set():
        raise ServiceError("the server ended by itself; its log says why")


def _server(app: FastAPI, settings: Settings) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=Punctual,
            log_config=None,  # its lines go where ours do, see `service.logs`
            log_level=settings.log_level,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=[*HERE, *settings.proxy_networks],
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return (
        f"http://[{host}]:{port}" if listener.family is socket.AF_INET6 else f"http://{host}:{port}"
    )


def _listen(settings: Settings) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
    except (OSError, UnicodeError) as error:
        raise InvalidValue(
            "host", settings.host, f"an address of this machine ({error})"
        ) from error
    # The protocol is named, for asyncio turns Nagle's algorithm off for nothing but a socket that
    # is TCP by name; with it every answer would wait 40 ms for an acknowledgement.
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # not everywhere; its connections inherit it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MOST_UNSENT_BYTES)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise InvalidValue("host", settings.host, "an address of this machine") from error
        allowed = f"a free port of {settings.host} ({error.strerror})"
        raise InvalidValue("port", settings.port, allowed) from error
    listener.listen(2048)
    return listener


def _worker_name(settings: Settings) -> str:
    """One name per database file, which one server owns; one per server on a shared database."""
    if settings.database_url.startswith("sqlite"):
        return LOCAL_WORKER
    return f"{LOCAL_WORKER}-{socket.gethostname()}-{os.getpid()}"


def _check_keys(store: Store, settings: Settings) -> None:
    """Refuse to serve others than this machine while nobody could be told from anybody.

    Where keys are required even before there is one, nobody is let in until then.
    """
    if is_loopback(settings.host) or settings.require_keys:
        return
    with store.read() as session:
        if stored_keys.usable(session):
            return
    store.close()
    raise InvalidValue(
        "host",
        settings.host,
        "127.0.0.1 as long as there is no API key; make one first, with `glideslope key create` "
        "and the same --database, and whoever asks must show it",
    )


def _check_walls(store: Store) -> None:
    """Warn whoever serves as a role that PostgreSQL keeps behind no wall."""
    with store.read() as session:
        breaches = walls.breaches(session)
    if breaches:
        logger.warning(
            "projects are kept apart by this program alone: PostgreSQL shows the role of "
            "GLIDESLOPE_DATABASE_URL every row of %s; serve as a role of its own that owns the "
            "database and is neither SUPERUSER nor BYPASSRLS",
            "all tables" if len(breaches) > MOST_NAMED else ", ".join(breaches),
        )


def _requeue(store: Store, name: str) -> None:
    with store.write() as session:
        stored_work.requeue(session, worker=name)


def _bereave(store: Store, name: str, max_attempts: int) -> int:
    with store.write() as session:
        return stored_work.bereave(session, worker=name, max_attempts=max_attempts)


def _start_worker(settings: Settings, url: str, name: str, token: str) -> subprocess.Popen[bytes]:
    command = ["worker", "--url", url, "--name", name, "--parent", str(os.getpid())]
    # Its own session: a Ctrl-C at the terminal reaches the server alone, which then drains it.
    return subprocess.Popen(  # noqa: S603 - our own program and arguments
        [sys.executable, "-m", "service.cli.main", *command],
        env=_worker_environment(settings, token),
        start_new_session=True,
    )


def _worker_environment(settings: Settings, token: str) -> dict[str, str]:
    """This process's environment with the server's settings of a worker, and no database in it.

    The worker's own key is in it too: what is told on a command line everybody can read.
    """
    chosen = settings.model_dump(include=WORKER_SETTINGS, exclude_none=True) | {"api_key": token}
    ours = {f"GLIDESLOPE_{name.upper()}": str(value) for name, value in chosen.items()}
    kept = {name: text for name, text in os.environ.items() if name != "GLIDESLOPE_DATABASE_URL"}
    return kept | ours


def _note_signals() -> threading.Event:
    """What SIGINT or SIGTERM sets; the next of either ends the process at once."""
    asked = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        asked.set()

    for number in SIGNALS:
        signal.signal(number, ask)
    return asked
