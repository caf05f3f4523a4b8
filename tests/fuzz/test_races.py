"""Fifty at once: one of them wins, and no quota is exceeded (S11).

Every race starts at a barrier, over real connections to a real server, on both databases.
"""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.campaign import Campaign
from tests.fuzz.roles import EXTERNAL, claim, create, serving

MANY = 50
ROOM = 20  # studies that may run at once
NARROW = {"GLIDESLOPE_QUOTA_RUNNING_STUDIES": str(ROOM)}
Ask = Callable[[httpx2.Client, int], httpx2.Response]


@dataclass(frozen=True)
class Race:
    """Fifty clients with connections of their own, which all ask at the same moment."""

    clients: list[httpx2.Client]
    campaign: Campaign

    def run(self, ask: Ask) -> list[httpx2.Response]:
        """What each is answered."""
        barrier = threading.Barrier(len(self.clients))

        def start(number: int) -> httpx2.Response:
            self.clients[number].get("/livez")  # the connection is there before the race
            barrier.wait()
            return ask(self.clients[number], number)

        with ThreadPoolExecutor(len(self.clients)) as pool:
            answers = list(pool.map(start, range(len(self.clients))))
        self.campaign.case(len(answers))
        self.campaign.find(
            f"a race was answered {one.status_code}: {one.text[:300]}"
            for one in answers
            if one.status_code >= 500
            and not (one.status_code == 503 and "retry-after" in one.headers)
        )
        return answers


def lease(client: httpx2.Client, study: str, name: str) -> dict[str, Any]:
    """One run of a study, once the planner has proposed some."""
    run: dict[str, Any] = claim(client, name, study)["runs"][0]
    return run


def ending(run: dict[str, Any], value: float) -> dict[str, Any]:
    """A tell of a result."""
    metrics = {"validation": {"val_loss": value}}
    end = {"run": run["run"], "token": run["token"], "outcome": "completed", "metrics": metrics}
    return {"worker": "racer", "results": [end]}


def status(answer: httpx2.Response) -> str:
    """How one tell was answered; another result under the same token contradicts the first."""
    told = answer.json()
    return str(told["replies"][0]["status"]) if "replies" in told else str(answer.status_code)


def statuses(answers: list[httpx2.Response]) -> Counter[str]:
    """How often a tell was answered how."""
    return Counter(map(status, answers))


def tell_at_once(race: Race, client: httpx2.Client, round_number: int) -> list[str]:
    """Different results of one lease: the first counts, and all others are stale."""
    study = create(client, EXTERNAL)
    run = lease(client, study, f"tell-{round_number}")
    answers = race.run(
        lambda one, number: one.post("/v1/runs:tell", json=ending(run, 1.0 + number))
    )
    told = statuses(answers)
    stored = client.get(f"/v1/studies/{study}/trials/{trial_of(run)}/runs").json()["items"]
    value = next(one for one in stored if one["id"] == run["run"])["metrics"]["validation"][
        "val_loss"
    ]
    winners = [number for number, one in enumerate(answers) if status(one) == "ok"]
    client.post(f"/v1/studies/{study}:cancel")
    if len(winners) != 1 or value != 1.0 + winners[0]:
        return [f"tell: {dict(told)}, stored {value}, of the winners {winners}"]
    return []


def trial_of(run: dict[str, Any]) -> str:
    """The trial in the name of a run."""
    return str(run["run"].split(".")[1])


def repeat_at_once(race: Race, client: httpx2.Client, round_number: int) -> list[str]:
    """The same result of one lease: told once, and all others know it already."""
    study = create(client, EXTERNAL)
    run = lease(client, study, f"repeat-{round_number}")
    told = statuses(race.run(lambda one, _: one.post("/v1/runs:tell", json=ending(run, 0.5))))
    client.post(f"/v1/studies/{study}:cancel")
    expected = {"ok": 1, "duplicate": MANY - 1}
    return [] if told == expected else [f"the same tell again: {dict(told)}"]


def claim_at_once(race: Race, client: httpx2.Client, round_number: int) -> list[str]:
    """Fifty workers claim: no run is handed out twice."""
    study = create(client, EXTERNAL)
    lease(client, study, f"first-{round_number}")
    answers = race.run(
        lambda one, number: one.post(
            "/v1/work:claim",
            json={
                "worker": f"w{number}",
                "claim": f"claim-{round_number}-{number}",
                "objectives": ["my_net"],
            },
        )
    )
    blocks = [one.json()["block"] for one in answers if one.status_code == 200]
    runs = Counter(run["run"] for block in blocks if block for run in block["runs"])
    client.post(f"/v1/studies/{study}:cancel")
    return [f"{run} was handed out {count} times" for run, count in runs.items() if count > 1]


def cancel_at_once(race: Race, client: httpx2.Client, round_number: int) -> list[str]:
    """Cancelled once: one event tells of it, and a cancelled study takes no result."""
    study = create(client, EXTERNAL)
    run = lease(client, study, f"cancel-{round_number}")

    def ask(one: httpx2.Client, number: int) -> httpx2.Response:
        if number % 5 == 0:
            return one.post("/v1/runs:tell", json=ending(run, 0.5))
        return one.post(f"/v1/studies/{study}:cancel")

    answers = race.run(ask)
    allowed = {200, 409}
    wrong = [
        f"cancel was answered {one.status_code}"
        for one in answers
        if one.status_code not in allowed
    ]
    kinds = Counter(client_events(client, study))
    if client.get(f"/v1/studies/{study}").json()["state"] != "cancelled" or kinds["cancelled"] != 1:
        wrong.append(f"cancelled at once, its events are {dict(kinds)}")
    return wrong


def client_events(client: httpx2.Client, study: str) -> list[str]:
    """The kinds of all events of a study that has ended."""
    told = client.get(f"/v1/studies/{study}/events").text
    return [one.removeprefix("event: ") for one in told.splitlines() if one.startswith("event: ")]


def delete_at_once(race: Race, client: httpx2.Client, _: int) -> list[str]:
    """Deleted once: one is answered 204 and the others that it is not there."""
    study = create(client, EXTERNAL)
    client.post(f"/v1/studies/{study}:cancel")
    answers = race.run(lambda one, _: one.delete(f"/v1/studies/{study}"))
    codes = Counter(one.status_code for one in answers)
    gone = client.get(f"/v1/studies/{study}").status_code
    expected = {204: 1, 404: MANY - 1}
    return [] if codes == expected and gone == 404 else [f"delete: {dict(codes)}, then {gone}"]


def create_at_once(race: Race, client: httpx2.Client, _: int) -> list[str]:
    """As many studies as the quota leaves, and not one more; the others are told when to ask."""
    answers = race.run(
        lambda one, number: one.post("/v1/studies", json={**EXTERNAL, "seed": number})
    )
    codes = Counter(one.status_code for one in answers)
    for one in answers:
        if one.status_code == 202:
            client.post(f"/v1/studies/{one.json()['id']}:cancel")
    wrong = [
        "a 429 without Retry-After"
        for one in answers
        if one.status_code == 429 and "retry-after" not in one.headers
    ]
    expected = {202: ROOM, 429: MANY - ROOM}
    return wrong if codes == expected else [*wrong, f"room for {ROOM} studies: {dict(codes)}"]


def key_at_once(race: Race, client: httpx2.Client, round_number: int) -> list[str]:
    """One idempotency key: one study, and everybody is answered with it."""
    headers = {"Idempotency-Key": f"race-{round_number}"}
    answers = race.run(lambda one, _: one.post("/v1/studies", json=dict(EXTERNAL), headers=headers))
    names = {one.json()["id"] for one in answers if one.status_code == 202}
    for name in names:
        client.post(f"/v1/studies/{name}:cancel")
    refused = Counter(one.status_code for one in answers if one.status_code != 202)
    expected = len(names) == 1 and set(refused) <= {409, 503}
    return [] if expected else [f"one idempotency key: studies {names}, refused {dict(refused)}"]


RACES = (
    tell_at_once,
    repeat_at_once,
    claim_at_once,
    cancel_at_once,
    delete_at_once,
    create_at_once,
    key_at_once,
)


@pytest.mark.full
@pytest.mark.timeout(600)
def test_one_of_fifty_wins(empty_database_url: str, campaign: Campaign, tmp_path: Path) -> None:
    """Whatever is asked for fifty times at once happens once, or as often as it may."""
    with (
        serving(empty_database_url, tmp_path, variables=NARROW) as house,
        house.client("admin") as client,
    ):
        race = Race([house.client("admin") for _ in range(MANY)], campaign)
        for round_number in range(campaign.dose(1, 10)):
            for one in RACES:
                campaign.find(
                    f"{one.__name__}: {words}" for words in one(race, client, round_number)
                )
        for one in race.clients:
            one.close()
        assert house.stop() == 0
    campaign.measure("races", campaign.dose(1, 10) * len(RACES))
