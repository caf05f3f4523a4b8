"""The least that FastAPI can do: a route that reads one row, run as `api_bare.py DATABASE-URL`.

The one idea: as our status route it is a coroutine over the same SQLAlchemy engine on the same
file, behind the same server with the same settings; it has no schema, no caller and no error of its
own. Prints the port that it listens on.
"""

import asyncio
import socket
import sys

import uvicorn
from fastapi import FastAPI
from figures import say
from sqlalchemy import bindparam, select

from service.store.engine import parse_url, reading_engine, writing_engine
from service.store.models import Study

ROW = select(Study.id, Study.state, Study.revision).where(
    Study.project == bindparam("project"), Study.id == bindparam("study")
)


def bare_app(url: str) -> FastAPI:
    """The application over a database."""
    parsed = parse_url(url)
    engine = reading_engine(parsed, writing_engine(parsed))
    app = FastAPI()

    @app.get("/bare/{study}")
    async def read(study: str) -> dict[str, object]:
        with engine.connect() as connection:
            row = connection.execute(ROW, {"project": "default", "study": study}).one()
        return {"id": row.id, "state": row.state, "revision": row.revision}

    return app


def main(url: str) -> None:
    """Serve until this process is ended."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    say(f"listening on http://127.0.0.1:{listener.getsockname()[1]}")
    config = uvicorn.Config(bare_app(url), access_log=False, log_level="warning")
    asyncio.run(uvicorn.Server(config).serve([listener]))


if __name__ == "__main__":
    main(sys.argv[1])
