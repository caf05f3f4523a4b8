"""The entry point: the tree of commands and the one place where errors become exit codes."""

import os
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from service import logs
from service.cli import (
    dataset,
    db,
    demo,
    key,
    lifecycle,
    objective,
    project,
    results,
    schedule,
    share,
    study,
    transfer,
    trial,
    verdict,
    webhook,
)
from service.cli.engine import Engine, open_cluster, slots_of
from service.cli.options import DEFAULT_URL, Url
from service.cli.output import fail, misfit_words
from service.cli.workers import workers
from service.client import BadAnswer, Client, ClientError, ProblemError, Unreachable
from service.client.addresses import API_KEY, open_http
from service.errors import ServiceError
from service.schemas.base import Name
from service.secrecy import keep_secrets
from service.settings import Settings
from service.tracing import start as start_tracing
from service.worker import run as run_worker
from service.worker.traces import carry_along
from tuning.errors import InvalidValue, NoCluster, TuningError
from tuning.execution.link import die_with_parent

FAILURE, MISTAKE, NO_SERVICE = 1, 2, 3  # exit codes; 0 is success, 130 an interruption

app = typer.Typer(
    name="glideslope",
    help="Finds the best learning-rate schedule for a training objective, and proves it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
study.app.add_typer(lifecycle.app)
study.app.add_typer(share.app)
study.app.add_typer(results.app)
study.app.add_typer(trial.app)
study.app.add_typer(verdict.app)
study.app.add_typer(transfer.app)
app.add_typer(study.app, name="study")
app.add_typer(schedule.app, name="schedule")
app.add_typer(objective.app, name="objective")
app.add_typer(webhook.app, name="webhook")
app.add_typer(dataset.app, name="dataset")
app.add_typer(db.app, name="db")
app.add_typer(key.app, name="key")
app.add_typer(project.app, name="project")
app.command()(workers)


@app.callback()
def choose_key(
    key: Annotated[
        str | None,
        typer.Option(
            help="API key to show to the service. Better in GLIDESLOPE_API_KEY: others on this "
            "machine can read a command line."
        ),
    ] = None,
) -> None:
    """What every command may need."""
    if key is not None:
        os.environ[API_KEY] = key


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    database: Annotated[str | None, typer.Option(help="SQLAlchemy URL of the store.")] = None,
    data_folder: Annotated[
        Path | None, typer.Option(help="Folder that data files of studies may lie in.")
    ] = None,
    worker: Annotated[bool, typer.Option(help="Run a local worker beside the server.")] = True,
    parent: Annotated[
        int | None, typer.Option(hidden=True, help="Process id of the parent to end with.")
    ] = None,
) -> None:
    """Run the service, with one local worker."""
    # Here and not above: the server's libraries take a second to load; no other command needs them.
    from service.cli.serving import serve_until_signalled  # noqa: PLC0415

    given = {
        "host": host,
        "port": port,
        "database_url": database,
        "data_folder": data_folder,
    }
    settings = Settings.model_validate(
        Settings().model_dump() | {name: one for name, one in given.items() if one is not None}
    )
    serve_until_signalled(settings, has_worker=worker, parent=parent)


@app.command()
def worker(
    url: Url = DEFAULT_URL,
    name: Annotated[
        str | None, typer.Option(help="Name of this worker; made up if left out.")
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Training processes; one per core if left out. On a cluster: blocks at most at "
            "once, 64 if left out.",
        ),
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="Where to train: processes of this machine, or a Ray cluster.")
    ] = Engine.PROCESS,
    address: Annotated[
        str | None,
        typer.Option(
            help="With --engine ray: host:port of the cluster's head; if left out, RAY_ADDRESS, or "
            "the cluster that this machine belongs to."
        ),
    ] = None,
    autoscales: Annotated[
        bool,
        typer.Option(
            help="With --engine ray: the cluster adds machines for blocks that wait, so some wait, "
            "also for what no machine of today has."
        ),
    ] = False,
    parent: Annotated[
        int | None, typer.Option(hidden=True, help="Process id of the parent to end with.")
    ] = None,
) -> None:
    """Train runs for a service: claims them over HTTP, reports and tells what came of them.

    Checkpoints of long runs stay on this machine's disk, in the folder GLIDESLOPE_CACHE_FOLDER.
    """
    if parent is not None:
        die_with_parent(parent)
    keep_secrets()
    settings = Settings()
    _check_name(name)
    tracing = start_tracing("glideslope-worker", settings.traces)
    with ExitStack() as stack:
        stack.enter_context(closing(tracing))
        http = stack.enter_context(open_http(url, None))
        client = stack.enter_context(Client(url, http=http))
        os.environ.pop(API_KEY, None)  # what is trained here has no business with it
        carry_along(http, tracing)
        cluster = open_cluster(engine, settings, address, is_growing=autoscales)
        if cluster is not None:
            stack.callback(cluster.close)
        code = run_worker(
            client,
            name=name,
            processes=processes or slots_of(settings, cluster),
            lanes=settings.lanes,
            drain_seconds=settings.drain_seconds,
            allowance=settings.allowance,
            folders=settings.worker_folders,
            modules=settings.modules,
            tracing=tracing,
            cluster=cluster,
        )
    raise typer.Exit(code)


def _check_name(name: str | None) -> None:
    """Refuse a name before the first claim would be refused because of it."""
    try:
        TypeAdapter(Name | None).validate_python(name)
    except ValidationError as error:
        allowed = "1 to 128 characters without control characters"
        raise InvalidValue("--name", name, allowed) from error


@app.command("demo")
def demo_command(
    objective: Annotated[str, typer.Option(help="Registered objective.")] = "realized_volatility",
    trials: Annotated[int, typer.Option(help="Distinct schedules to try.")] = 60,
    folder: Annotated[Path, typer.Option(help="Where everything goes.")] = Path("var/demo"),
) -> None:
    """The main job on real data: serve, search, prove, and write a report."""
    raise typer.Exit(demo.run(objective=objective, trials=trials, folder=folder))


def run() -> None:
    """Run the command line of this process."""
    try:
        logs.start()
        app(prog_name="glideslope")
    except ProblemError as error:
        fail(str(error), code=MISTAKE if error.status < 500 else NO_SERVICE)
    except (Unreachable, BadAnswer, NoCluster) as error:
        fail(str(error), code=NO_SERVICE)
    except (ClientError, ServiceError) as error:
        fail(str(error), code=FAILURE)
    except TuningError as error:
        fail(str(error), code=MISTAKE)
    except ValidationError as error:
        fail(misfit_words(error), code=MISTAKE)
    except OSError as error:
        fail(f"{error.filename or 'a file'}: {error.strerror or error}", code=FAILURE)


if __name__ == "__main__":
    run()
