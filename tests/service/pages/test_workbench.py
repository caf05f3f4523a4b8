"""The page of the workbench: open to whoever reads studies, the same for all."""

import json
import re
from collections.abc import Callable

from starlette.testclient import TestClient

from tuning.schedules import FAMILIES

PERSON = {"Accept": "text/html"}


def test_the_page_knows_every_family(api: TestClient) -> None:
    """In the choice, and in the data of its script."""
    page = api.get("/workbench", headers=PERSON)
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    cards = re.findall(r'data-family="([a-z_0-9]+)"', page.text)
    assert sorted(cards) == sorted(FAMILIES)
    (data,) = re.findall(r'id="bench-data">(.*?)</script>', page.text)
    assert set(json.loads(data)["families"]) == set(FAMILIES)


def test_who_may_not_read_studies_is_refused(holder: Callable[..., TestClient]) -> None:
    """The tools behind the page would refuse them, too."""
    assert holder("a", "studies:read").get("/workbench", headers=PERSON).status_code == 200
    assert holder("a", "work").get("/workbench", headers=PERSON).status_code == 403
