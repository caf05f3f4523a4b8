"""`glideslope study ...` against a real server with a real worker: one tiny study to its end."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from service.cli.options import complete_family, complete_objective, complete_study
from service.client import Client
from service.schemas.work import ClaimRequest, Tell, TellRequest
from tests.service.cli.conftest import Command
from tuning.schedules import Linear, Schedule

pytestmark = pytest.mark.usefixtures("there")

HAS_WORKER = True
TINY = {
    "objective": "realized_volatility",
    "horizon": 10,
    "space": {"families": ["cosine"]},
    "baselines": ["constant"],
    "budget": {"trials": 3},
    "seeds": 1,
    "confirm_seeds": 2,
}
LABEL = "[/red] tiny [bold]"  # as a terminal library would not like it


@pytest.fixture(scope="module")
def request_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A request in a file."""
    path = tmp_path_factory.mktemp("request") / "tiny.json"
    path.write_text(json.dumps(TINY))
    return path


def test_a_study_from_its_creation_to_its_schedule(glideslope: Command, request_file: Path) -> None:
    """Created from a file and options, watched, listed, shown, and its best schedule read."""
    options = ("--seed", "5", "--label", LABEL, "--set", "batch=32", "--trials", "2", "--json")
    options += ("--max-failures", "7")
    created = glideslope("study", "create", "--file", str(request_file), *options)
    assert (created.code, created.err) == (0, "")
    study = json.loads(created.out)
    assert study["spec"]["max_failures"] == 7
    spec = study["spec"]
    assert (spec["seed"], spec["config"]["batch"], spec["budget"]["trials"]) == (5, 32, 2)
    assert spec["horizon"] == 10

    watched = glideslope("study", "watch", study["id"])
    assert watched.code == 0
    assert "completed" in watched.out

    told = glideslope("study", "events", study["id"], "--json").out.splitlines()
    assert [json.loads(line)["revision"] for line in told] == list(range(1, len(told) + 1))
    later = glideslope("study", "events", study["id"], "--after", str(len(told) - 1))
    assert (later.code, later.out.split()[0], later.out.split()[2]) == (
        0,
        str(len(told)),
        "completed",
    )

    listed = glideslope("study", "list")
    assert study["id"] in listed.out
    assert LABEL in listed.out
    shown = json.loads(glideslope("study", "show", study["id"], "--json").out)
    assert (shown["state"], shown["best"]["stage"]) == ("completed", "confirmed")
    assert shown["best"]["family"] in glideslope("study", "show", study["id"]).out
    assert shown in json.loads(glideslope("study", "list", "--json").out)["items"]

    best = json.loads(glideslope("study", "best", study["id"], "--table").out)
    schedule = Schedule.from_document(best["schedule"])
    assert list(schedule.table()) == best["schedule"]["table"]["values"]
    assert "values" not in glideslope("study", "best", study["id"]).out

    _check_results(glideslope, study["id"])
    _check_transfer(glideslope, study["id"], request_file.parent)

    again = glideslope("study", "cancel", study["id"])
    assert again.code == 2
    assert "cancel: the study is completed; allowed: extend, delete" in again.err
    look_at_results(glideslope, study["id"], shown["best"]["trial"], request_file.parent)


def test_studies_are_searched_sorted_and_followed(glideslope: Command, request_file: Path) -> None:
    """By words, labels and order; without a study `watch` ends once none is under way."""
    studies = []
    for label in ("needle b", "needle a"):
        options = ("--file", str(request_file), "--label", label, "--json")
        study = json.loads(glideslope("study", "create", *options).out)["id"]
        studies.append(study)
    glideslope("study", "describe", studies[0], "--set", "team=rates")
    listed = glideslope("study", "list", "--search", "NEEDLE", "--sort", "name", "--json")
    assert listed.code == 0, listed.err
    assert [one["id"] for one in json.loads(listed.out)["items"]] == studies[::-1]
    labelled = glideslope("study", "list", "--search", "needle", "--set", "team=rates")
    assert (studies[0] in labelled.out, studies[1] in labelled.out) == (True, False)
    wrong = glideslope("study", "list", "--sort", "best")
    assert wrong.code == 2
    assert "newest" in wrong.err
    watched = glideslope("study", "watch")
    assert watched.code == 0
    ends = [line for line in watched.out.splitlines() if "completed" in line]
    assert all(any(study in line and "needle" in line for line in ends) for study in studies)
    again = glideslope("study", "watch", "--json")
    assert (again.code, again.out) == (0, "")
    assert "no study is under way" in again.err
    told = json.loads(glideslope("workers", "--json").out)  # the one that the server runs
    assert {one["project"] for one in told["items"]} == {None}  # other tests may have run some, too
    shown = glideslope("workers")
    assert (shown.code, told["items"][0]["name"] in shown.out) == (0, True)


def look_at_results(glideslope: Command, study: str, best: int, folder: Path) -> None:
    """The verdict, the report, the best trial with its runs and their curves; each also as JSON."""
    ended = json.loads(glideslope("study", "watch", study, "--json").out)
    assert ended["state"] == "completed"
    verdict = json.loads(glideslope("study", "verdict", study, "--json").out)
    told = glideslope("study", "verdict", study, "--number", "1").out
    assert " ".join(verdict["words"].split()) in " ".join(told.split())
    assert all(arm["family"] in told for arm in verdict["arms"])
    page = folder / "page.html"
    assert glideslope("study", "report", study, "--out", str(page)).code == 0
    assert page.read_text().startswith("<!doctype html>")
    size = json.loads(glideslope("study", "report", study, "--out", str(page), "--json").out)
    assert size == {"file": str(page), "characters": len(page.read_text())}
    trial = json.loads(glideslope("study", "trial", study, str(best), "--json").out)
    assert trial["number"] == best
    shown = glideslope("study", "trial", study, str(best)).out
    assert all(run["id"] in shown and run["state"] in shown for run in trial["runs"])
    curves = json.loads(glideslope("study", "curves", study, "--json").out)["items"]
    assert {one["trial"] for one in curves} == {best}
    drawn = glideslope("study", "curves", study, "--trial", str(best), "--log")
    assert (drawn.code, drawn.out.count("▬")) == (0, len(curves))
    unknown = glideslope("study", "curves", study, "--metric", "nonsense")
    assert (unknown.code, "--metric" in unknown.err) == (2, True)


def _check_results(glideslope: Command, study: str) -> None:
    """What came of it, as tables and as JSON."""
    narrowed = ("--sort", "-value", "--where", "value >= 0", "--phase", "search")
    found = json.loads(glideslope("study", "trials", study, *narrowed, "--json").out)["items"]
    assert {one["phase"] for one in found} == {"search"}
    assert "completed" in glideslope("study", "trials", study).out
    assert glideslope("study", "trials", study, "--sort", "colour").code == 2
    told = json.loads(glideslope("study", "families", study, "--json").out)
    assert {one["family"] for one in told["items"]} == {"constant", "cosine"}
    assert "P(best)" in glideslope("study", "families", study, "--number", "1").out
    assert "too few trials" in glideslope("study", "importances", study).out
    assert json.loads(glideslope("study", "importances", study, "--json").out)["items"] == []


def _check_transfer(glideslope: Command, study: str, folder: Path) -> None:
    """Exported to files, and imported as another study."""
    whole, table = folder / "whole.json", folder / "trials.csv"
    written = glideslope("study", "export", study, "--output", str(whole), "--json")
    assert json.loads(written.out)["bytes"] == whole.stat().st_size
    assert glideslope("study", "export", study, "--to", "trials", "--output", str(table)).code == 0
    assert table.read_text().startswith("number,generation,")
    assert glideslope("study", "export", study, "--to", "xls").code == 2
    assert glideslope("study", "export", "st_x", "--output", str(folder / "x")).code == 2
    assert sorted(path.name for path in folder.iterdir()) == [
        "tiny.json",
        "trials.csv",
        "whole.json",
    ]
    copy = json.loads(glideslope("study", "import", str(whole), "--json").out)
    assert (copy["state"], copy["imported"]["study"]) == ("completed", study)
    assert glideslope("study", "import", str(table)).code == 2
    assert glideslope("study", "import", str(folder / "nowhere")).code == 2
    assert glideslope("study", "delete", copy["id"]).code == 0


def test_a_study_is_moved_from_its_first_pause_to_its_end(
    glideslope: Command, request_file: Path
) -> None:
    """Paused, resumed, stopped, extended and deleted, each as text or JSON."""
    options = ("--json", "--seed", "6", "--trials", "4")
    study = json.loads(glideslope("study", "create", "--file", str(request_file), *options).out)[
        "id"
    ]
    paused = glideslope("study", "pause", study)
    assert (paused.code, "paused" in paused.out) == (0, True)
    resumed = json.loads(glideslope("study", "resume", study, "--json").out)
    assert resumed["state"] in {"running", "confirming"}
    assert glideslope("study", "watch", study).code == 0
    extended = glideslope("study", "extend", study, "--trials", "6", "--json")
    assert json.loads(extended.out)["spec"]["budget"]["trials"] == 6
    glideslope("study", "stop", study)
    assert glideslope("study", "watch", study).code == 0
    smaller = glideslope("study", "extend", study, "--trials", "2")
    assert (smaller.code, "at least 6" in smaller.err) == (2, True)
    trial = glideslope("study", "cancel", study, "--trial", "0")
    assert (trial.code, "cannot go from" in trial.err) == (2, True)
    told = glideslope("study", "describe", study, "--label", LABEL, "--set", "team=x", "--json")
    assert json.loads(told.out)["labels"] == {"team": "x"}
    changes = ("--set", "budget.trials=5", "--set", "seed=9", "--json")
    clone = json.loads(glideslope("study", "clone", study, *changes).out)
    assert (clone["spec"]["budget"]["trials"], clone["spec"]["seed"]) == (5, 9)
    assert glideslope("study", "cancel", clone["id"]).code == 0
    assert json.loads(glideslope("study", "delete", study, "--json").out) == {"deleted": study}
    assert glideslope("study", "delete", study).code == 2


@pytest.mark.parametrize(
    "words",
    [
        *(("pause",), ("resume",), ("stop",), ("cancel",), ("cancel", "--trial", "0")),
        *(("extend", "--trials", "900"), ("describe", "--label", "other"), ("delete",)),
        ("suggest", "one.json"),
    ],
    ids=" ".join,
)
def test_a_command_may_mean_the_study_that_was_seen(
    glideslope: Command,
    request_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: Sequence[str],
) -> None:
    """With `--if-match` it is refused for any other revision, with 2, and nothing happens."""
    monkeypatch.chdir(tmp_path)
    Path("one.json").write_text(json.dumps(Schedule(Linear(0.01), 100).document()))
    options = ("--json", "--horizon", "10000", "--trials", "500", "--label", "mine")
    created = glideslope("study", "create", "--file", str(request_file), *options)
    study = json.loads(created.out)["id"]
    verb, *more = words
    refused = glideslope("study", verb, study, *more, "--if-match", "0")
    assert (refused.code, "If-Match does not name" in refused.err) == (2, True)
    seen = json.loads(glideslope("study", "pause", study, "--json").out)
    assert (seen["state"], seen["label"]) == ("paused", "mine")
    for _ in range(20):  # what was in training when it was paused ends meanwhile
        matched = ("--if-match", str(seen["revision"]), "--json")
        cancelled = glideslope("study", "cancel", study, *matched)
        if cancelled.code == 0:
            break
        assert "If-Match does not name" in cancelled.err
        seen = json.loads(glideslope("study", "show", study, "--json").out)
    assert json.loads(cancelled.out)["state"] == "cancelled"


def test_a_study_is_handed_schedules(
    glideslope: Command, request_file: Path, tmp_path: Path
) -> None:
    """With its creation, and while it searches; alone or as `study best` prints them."""
    files = [tmp_path / "one.json", tmp_path / "other.json"]
    for at, file in enumerate(files):
        document = Schedule(Linear(0.01 / (1 + at), floor=0.3), 100).document()
        file.write_text(json.dumps({"schedule": document} if at else document))
    options = ("--file", str(request_file), "--trials", "200", "--seed", "7", "--json")
    created = glideslope("study", "create", *options, "--candidate", str(files[0]))
    study = json.loads(created.out)
    assert [one["schedule"]["peak"] for one in study["spec"]["candidates"]] == [0.01]
    assert glideslope("study", "pause", study["id"]).code == 0
    handed = glideslope("study", "suggest", study["id"], str(files[1]), "--json")
    assert (handed.code, handed.err) == (0, "")
    assert len(json.loads(handed.out)["spec"]["candidates"]) == 2
    assert glideslope("study", "cancel", study["id"]).code == 0
    late = glideslope("study", "suggest", study["id"], str(files[1]))
    assert (late.code, "suggest: the study is cancelled" in late.err) == (2, True)


def test_webhooks_are_off_unless_the_service_allows_them(glideslope: Command) -> None:
    """Which is said; there are none, hence none to look at or to remove."""
    refused = glideslope("webhook", "add", "https://example.org/", "--event", "completed")
    assert (refused.code, "webhooks are off" in refused.err) == (2, True)
    assert json.loads(glideslope("webhook", "list", "--json").out) == {"items": []}
    assert glideslope("webhook", "list").code == 0
    assert glideslope("webhook", "deliveries", "wh_0").code == 2
    assert glideslope("webhook", "delete", "wh_0").code == 2


def test_a_cancelled_study_has_no_winner(glideslope: Command, request_file: Path) -> None:
    """Cancelling succeeds; watching it, or asking for its best, does not."""
    options = ("--json", "--horizon", "10000", "--trials", "500")
    created = glideslope("study", "create", "--file", str(request_file), *options)
    study = json.loads(created.out)["id"]
    cancelled = glideslope("study", "cancel", study)
    assert (cancelled.code, "cancelled" in cancelled.out) == (0, True)
    assert glideslope("study", "watch", study).code == 1
    assert glideslope("study", "best", study).code == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("study", "show", "st_none"), "there is no study 'st_none'"),
        (("study", "show", "[red]"), "there is no study '[red]'"),
        (("study", "create", "nonsense"), "/objective: 'nonsense' is not allowed; allowed: one of"),
        (("study", "create"), "/objective: Field required"),
        (("study", "create", "realized_volatility", "--horizon", "0"), "/horizon: 0 is not"),
        (("study", "create", "realized_volatility", "--family", "cosin"), "/space/families/0"),
        (("study", "create", "realized_volatility", "--set", "file=../x.csv"), "/config/file"),
        (("study", "create", "realized_volatility", "--peak", "1", "0.1"), "/space/peak"),
        (("study", "create", "realized_volatility", "--label", "\x1b[31m"), "/label"),
    ],
)
def test_what_the_service_refuses_is_a_mistake(
    glideslope: Command, words: tuple[str, ...], told: str
) -> None:
    """Exit code 2 and the field, the value and the range, as the service told them."""
    before = study_ids(glideslope)
    ended = glideslope(*words)
    assert ended.code == 2
    assert told in ended.err
    assert study_ids(glideslope) == before


def test_a_request_in_yaml_is_checked_and_submitted(glideslope: Command, tmp_path: Path) -> None:
    """What is wrong is told with its line; `--check` says what it would cost and starts nothing."""
    file = tmp_path / "study.yaml"
    file.write_text(
        "objective: realized_volatility\nhorizon: 10\nlabel: no\nbaselines: [constant]\n"
        "space:\n  families:\n    - cosine\n    - cosin\n  peak: [1e-3, 0.1]\n"
    )
    before = study_ids(glideslope)
    for option in ("--check", "--json"):
        refused = glideslope("study", "create", "-f", str(file), option)
        assert refused.code == 2
        assert f"{file}:8 /space/families/1: 'cosin' is not allowed" in refused.err
    replaced = glideslope("study", "create", "-f", str(file), "--family", "cosin")
    assert "  /space/families/0: 'cosin'" in replaced.err
    file.write_text(file.read_text().replace("    - cosin\n", ""))
    shown = glideslope("study", "create", "-f", str(file), "--trials", "4", "--check")
    assert (shown.code, "full trainings" in shown.out) == (0, True)
    cost = json.loads(glideslope("study", "create", "-f", str(file), "--check", "--json").out)
    assert "0.001" in json.dumps(cost["spec"]["space"])
    assert study_ids(glideslope) == before
    made = glideslope("study", "create", "-f", str(file), "--trials", "4", "--json")
    assert json.loads(made.out)["label"] == "no"
    study = json.loads(made.out)["id"]
    assert glideslope("study", "cancel", study).code == 0
    listed = glideslope("study", "list", "--label", "no", "--state", "cancelled", "--json")
    assert listed.code == 0, listed.err
    assert [one["id"] for one in json.loads(listed.out)["items"]] == [study]
    assert glideslope("study", "clone", study, "--json").code == 0
    first = glideslope("study", "list", "--limit", "1")
    assert "--limit 10 shows them" in first.err
    assert len(first.out.splitlines()) == 2


def test_the_shell_completes_what_the_service_knows(
    glideslope: Command, request_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids of studies with their state, objectives and families; nothing where nobody answers."""
    made = glideslope("study", "create", "--file", str(request_file), "--json")
    study = json.loads(made.out)["id"]
    assert glideslope("study", "cancel", study).code == 0
    assert study in dict(complete_study("st_"))
    assert complete_study("nonsense") == []
    assert "realized_volatility" in dict(complete_objective("real"))
    assert {"cosine", "cosine_waves"} <= set(dict(complete_family("cos")))
    monkeypatch.setenv("_GLIDESLOPE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "glideslope study show st_")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert study in glideslope().out.split()
    monkeypatch.setenv("GLIDESLOPE_URL", "http://127.0.0.1:9")
    ended = glideslope()
    assert (ended.out.strip(), ended.err) == ("", "")


def study_ids(glideslope: Command) -> list[str]:
    """All studies of the service."""
    return [one["id"] for one in json.loads(glideslope("study", "list", "--json").out)["items"]]


def test_the_policy_is_set_by_options(glideslope: Command, request_file: Path) -> None:
    """Every part of it, beside what the file says."""
    options = ("--seconds", "3600", "--evidence-budget", "5000", "--leaders", "0", "--no-rungs")
    options += ("--no-climb",)
    options += ("--no-early-stop", "--constraint", "warmup <= 0.05", "--seeds", "2", "--json")
    created = glideslope("study", "create", "--file", str(request_file), *options)
    assert (created.code, created.err) == (0, "")
    study = json.loads(created.out)
    spec = study["spec"]
    assert (spec["budget"]["seconds"], spec["evidence_budget"], spec["seeds"]) == (3600, 5000, 2)
    assert (spec["leaders"], spec["rungs"], spec["early_stop"]) == (0, [], False)
    assert spec["climb"] is False
    assert spec["space"]["constraints"][0]["name"] == "warmup"
    wrong = ("--constraint", "warmup < 0.05")
    refused = glideslope("study", "create", "--file", str(request_file), *wrong)
    assert refused.code == 2
    assert "/space/constraints/0" in refused.err
    both = glideslope("study", "create", "--file", str(request_file), "--rung", "0.5", "--no-rungs")
    assert both.code == 2
    assert "--no-rungs" in both.err
    shown = glideslope("study", "show", study["id"])
    assert "full trainings" in shown.out
    glideslope("study", "cancel", study["id"])


def test_pruning_is_asked_for_by_an_option_and_warned_of(
    glideslope: Command, request_file: Path
) -> None:
    """In the answer and whenever the study is shown."""
    options = ("--pruning", "asha", "--rung", "0.5", "--json")
    created = glideslope("study", "create", "--file", str(request_file), *options)
    assert (created.code, created.err) == (0, "")
    study = json.loads(created.out)
    assert (study["spec"]["pruning"], study["spec"]["rungs"]) == ("asha", [0.5])
    assert "prefix_pruning" in glideslope("study", "show", study["id"]).out
    glideslope("study", "cancel", study["id"])
    unknown = glideslope("study", "create", "--file", str(request_file), "--pruning", "sha")
    assert unknown.code == 2
    assert "/pruning" in unknown.err


def test_what_a_failed_run_said_last_is_shown(url: str, glideslope: Command) -> None:
    """Its traceback and the end of its log, and nothing in them commands the terminal."""
    declared = {"metrics": [{"name": "loss"}], "horizon": 10, "peak": [0.1, 1.0]}
    body = {**TINY, "objective": "mine", "external": declared, "priority": 0.5}
    with Client(url) as client:
        study = client.studies.create(body).id
        asked = ClaimRequest(worker="w", claim="c", objectives=["mine"], wait_seconds=20)
        block = client.work.claim(asked).block
        assert block is not None
        run = block.runs[0]
        told = Tell(
            run=run.run,
            token=run.token,
            outcome="failed",
            reason="ValueError: \x1b[31mred",
            traceback="Traceback:\n\tline [7]\n",
            log_tail="epoch [bold]1[/]\r\x1b[2J\u202eend\n",
        )
        client.work.tell(TellRequest(worker="w", results=[told]))
    shown = glideslope("study", "trial", study, "0")
    assert shown.code == 0
    assert "Traceback:\n\tline [7]\n" in shown.out.replace("        line", "\tline")
    assert r"epoch [bold]1[/]\r\x1b[2J\u202eend" in shown.out
    assert r"ValueError: \x1b[31mred" in shown.out
    assert not {"\x1b", "\r", "\u202e"} & set(shown.out)
    told = json.loads(glideslope("study", "trial", study, "0", "--json").out)["runs"][0]
    assert told["log_tail"] == "epoch [bold]1[/]\r\x1b[2J\u202eend\n"
    assert glideslope("study", "show", study).out.count("0.5") == 1
    changed = glideslope("study", "describe", study, "--priority", "3", "--json")
    assert json.loads(changed.out)["priority"] == 3.0
    assert glideslope("study", "describe", study, "--priority", "1000").code == 2
    assert glideslope("study", "cancel", study).code == 0
