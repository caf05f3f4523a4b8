"""Retries: every call is repeated, byte for byte, until it is answered or patience ends."""

from dataclasses import replace

import httpx2
import pytest

from service.client import (
    BadAnswer,
    Client,
    Conflict,
    Forbidden,
    Invalid,
    NotAuthenticated,
    NotFound,
    ProblemError,
    QuotaExceeded,
    TooLarge,
    Unavailable,
    Unreachable,
)
from tests.service.client.answers import Network, ok, study

CUT = httpx2.ReadError("cut")
REFUSED = httpx2.ConnectError("refused")
BUSY = httpx2.Response(503, json={})
LATE = httpx2.Response(408, json={})  # a request whose end never came: cut between the two


@pytest.mark.parametrize("trouble", [CUT, REFUSED, httpx2.ReadTimeout("slow"), BUSY, LATE])
def test_a_call_is_repeated_until_it_is_answered(trouble: httpx2.Response | Exception) -> None:
    """A lost request, a lost answer and a busy server look the same to the caller: a wait."""
    network = Network([trouble, trouble, ok(study())])

    assert network.client().studies.get("st_a").id == "st_a"
    assert len(network.asked) == 3


def test_a_creation_is_repeated_byte_for_byte_under_one_key() -> None:
    """The key is made up once per call, so a lost answer never makes a second study."""
    network = Network([CUT, CUT, ok(study())])
    network.client().studies.create({"objective": "realized_volatility"})

    keys = {request.headers["Idempotency-Key"] for request in network.asked}
    assert len(network.asked) == 3
    assert len(keys) == 1
    assert len(set(network.bodies)) == 1


def test_two_creations_have_different_keys() -> None:
    """Two calls are two studies, even with the same body."""
    network = Network([ok(study())])
    client = network.client()
    client.studies.create({"objective": "x"})
    client.studies.create({"objective": "x"})

    assert len({request.headers["Idempotency-Key"] for request in network.asked}) == 2


def test_a_server_that_stays_away_is_unreachable() -> None:
    """No new try starts once patience has run out; the error names address and cause."""
    network = Network([REFUSED])

    with pytest.raises(Unreachable, match=r"service\.test/v1/studies/st_a: ConnectError: refused"):
        network.client().studies.get("st_a")
    assert sum(network.pauses) + 5.0 > 8.0
    assert sum(network.pauses) <= 10.0


def test_a_server_that_stays_busy_is_quoted() -> None:
    """When patience ends, the last answer is what the caller learns."""
    problem = {
        "type": "urn:x",
        "title": "Busy",
        "status": 503,
        "detail": "the store is busy",
        "instance": "urn:y",
    }
    network = Network([httpx2.Response(503, json=problem)])

    with pytest.raises(ProblemError, match="503 Busy: the store is busy"):
        network.client().studies.get("st_a")
    assert len(network.asked) > 1


def test_pauses_grow_and_are_never_longer_than_their_bound() -> None:
    """Full jitter: a pause is anything up to its bound, and the bound doubles."""
    network = Network([REFUSED])
    with pytest.raises(Unreachable):
        network.client(replace(network.patience, seconds=100.0)).studies.get("st_a")

    bounds = network.patience.bounds()
    assert all(0 <= pause <= bound for pause, bound in zip(network.pauses, bounds, strict=False))


def test_the_server_may_ask_for_a_longer_pause() -> None:
    """`Retry-After` is honoured."""
    network = Network([httpx2.Response(503, json={}, headers={"Retry-After": "7"}), ok(study())])
    network.client().studies.get("st_a")

    assert network.pauses == [7.0]


def test_an_interrupted_pause_ends_patience() -> None:
    """A worker that must stop does not wait for a server that is away."""
    network = Network([REFUSED], is_patient=False)

    with pytest.raises(Unreachable):
        network.client().studies.get("st_a")
    assert len(network.asked) == 1


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500, 501])
def test_a_refusal_is_not_repeated(status: int) -> None:
    """What the server decided, it would decide again."""
    network = Network([httpx2.Response(status, text="no")])

    with pytest.raises(ProblemError) as caught:
        network.client().studies.get("st_a")
    assert caught.value.status == status
    assert caught.value.problem.detail == "no"
    assert len(network.asked) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (401, NotAuthenticated),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (413, TooLarge),
        (422, Invalid),
        (429, QuotaExceeded),
        (503, Unavailable),
        (500, ProblemError),
    ],
)
def test_a_refusal_is_an_error_of_its_own_kind(status: int, kind: type[ProblemError]) -> None:
    """So that a program catches what it can do something about."""
    network = Network([httpx2.Response(status, text="no", headers={"Retry-After": "9"})])

    with pytest.raises(ProblemError) as caught:
        network.client(replace(network.patience, seconds=0)).studies.get("st_a")
    assert type(caught.value) is kind
    assert caught.value.retry_after == 9.0


def test_a_problem_names_every_field() -> None:
    """The message says where, what and what would be allowed."""
    problem = {
        "type": "urn:x",
        "title": "Invalid",
        "status": 422,
        "detail": "the request is wrong",
        "instance": "urn:y",
        "errors": [{"pointer": "/horizon", "detail": "0 is not allowed", "allowed": "1 or more"}],
        "added by a newer server": True,
    }
    network = Network([httpx2.Response(422, json=problem)])

    with pytest.raises(ProblemError, match="/horizon: 0 is not allowed; allowed: 1 or more"):
        network.client().studies.get("st_a")


def test_an_answer_of_something_else_is_a_bad_answer() -> None:
    """A proxy's cheerful page is no study."""
    network = Network([httpx2.Response(200, text="<html>welcome</html>")])

    with pytest.raises(BadAnswer, match="did not answer with a StudyView"):
        network.client().studies.get("st_a")


def test_a_redirect_is_refused() -> None:
    """The service never redirects; following one could send work to a stranger."""
    elsewhere = httpx2.Response(307, headers={"Location": "http://elsewhere.test/"})

    with pytest.raises(ProblemError, match="307"):
        Network([elsewhere]).client().studies.get("st_a")


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://localhost", "http://[::1", "nonsense"])
def test_an_address_that_is_none_is_said_at_once(url: str) -> None:
    """No patience helps against a typing error."""
    with pytest.raises(Unreachable), Client(url) as client:
        client.studies.get("st_a")
