"""`glideslope demo`: the main job from nothing to a proven schedule, on real data.

The one idea: it does what a user would do, through the REST API of a service it starts: submit,
watch, read the verdict, save the best schedule, the report and a picture. Interrupted, it leaves
no process behind and takes the same study up again the next time.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.markup import escape

from service.cli.output import console
from service.cli.progress import watch
from service.client import Client
from service.errors import ServiceError
from service.schemas.studies import BestView, StudyView
from tuning.errors import InvalidValue
from tuning.schedules import Schedule

LABEL = "demo"
STOP_SECONDS = 20.0
PICTURE_POINTS = 2000
SHORT = ("winner", "tie_with", "recommended", "matters", "spread", "peak_safe_range", "speedup")
LISTENING = re.compile(r"listening on (http://\S+)")


def run(*, objective: str, trials: int, folder: Path) -> int:
    """Run the demo; returns the exit code."""
    _make(folder)
    try:
        with _service(folder) as url, Client(url) as client:
            study = _take_up(client, objective, trials)
            console.print(f"Study {study.id} at {url}/v1/studies/{study.id}", highlight=False)
            study = watch(client, study.id)
            if study.state != "completed":
                reason = escape(study.error or "no reason given")
                console.print(f"The study ended {study.state}: {reason}")
                return 1
            return _tell(client, study, folder)
    except KeyboardInterrupt:
        console.print("\nInterrupted; the same command takes the study up again.")
        return 130


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        allowed = f"a folder that can be made here ({error.strerror})"
        raise InvalidValue("--folder", str(folder), allowed) from error


def _take_up(client: Client, objective: str, trials: int) -> StudyView:
    """The unfinished study of an interrupted demo with the same question, or a new one."""
    for study in client.studies.list(objective=objective, label=LABEL):
        is_same = study.spec["budget"]["trials"] == trials
        if is_same and study.state in {"running", "confirming"}:
            console.print("Taking up the study that was interrupted.")
            return study
    console.print(f"Searching for the best learning-rate schedule of {escape(objective)} ...")
    return client.studies.create(
        {"objective": objective, "budget": {"trials": trials}, "label": LABEL}
    )


def _tell(client: Client, study: StudyView, folder: Path) -> int:
    best = client.results.best(study.id, table=True)
    if best.verdict is None:
        raise ServiceError("the study completed without a verdict")
    console.print(f"\n[bold]{escape(best.verdict['words'])}[/bold]\n", highlight=False)
    console.print_json(data=_short(best))
    (folder / "best.json").write_text(json.dumps(best.model_dump(mode="json"), indent=2) + "\n")
    (folder / "report.html").write_text(client.results.report(study.id))
    (folder / "schedule.png").write_bytes(_picture(client, study, best))
    console.print()
    for name, what in (
        ("best.json", "the best schedule with its learning rates"),
        ("report.html", "the evidence, in one file"),
        ("schedule.png", "the winner against the baselines"),
    ):
        console.print(f"  {folder / name}  {what}", highlight=False)
    return 0


def _short(best: BestView) -> dict[str, object]:
    """The best schedule as JSON, without what the words above already said."""
    verdict = best.verdict or {}
    return {
        "study": best.study,
        "schedule": {
            name: value
            for name, value in best.schedule.items()
            if name not in {"table", "identity"}
        },
        "metric": best.metric.model_dump(mode="json"),
        "verdict": {name: verdict[name] for name in SHORT},
    }


def _picture(client: Client, study: StudyView, best: BestView) -> bytes:
    # Here and not above: Matplotlib takes half a second to load, and the service starts first.
    from service.ui.picture import Line, draw_schedules  # noqa: PLC0415

    arms = {arm["trial"] for arm in (best.verdict or {})["arms"]}
    winner = best.provenance["trial"]
    lines = []
    for trial in client.trials.list(study.id):
        if trial.number in arms:
            steps, rates = Schedule.from_document(trial.schedule).preview(PICTURE_POINTS)
            label = f"{trial.params['family']}, peak {float(trial.params['peak']):.3g}"
            lines.append(Line(label, steps, rates, is_winner=trial.number == winner))
    return draw_schedules(sorted(lines, key=lambda line: not line.is_winner))


@contextmanager
def _service(folder: Path) -> Iterator[str]:
    """A service of its own on a free port, ended with this block however it ends."""
    database = f"sqlite:///{folder / 'glideslope.db'}"
    command = ["serve", "--port", "0", "--database", database, "--parent", str(os.getpid())]
    # Its own session: a Ctrl-C reaches this process alone, which then ends the service in order.
    server = subprocess.Popen(  # noqa: S603 - our own program and arguments
        [sys.executable, "-m", "service.cli.main", *command],
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    try:
        yield _address(server)
    finally:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _address(server: subprocess.Popen[str]) -> str:
    if server.stdout is None:
        raise ServiceError("the service has no output")
    for text in server.stdout:
        found = LISTENING.search(text)
        if found:
            return found.group(1)
    raise ServiceError(f"the service did not start (exit code {server.wait()})")
