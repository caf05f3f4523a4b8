"""The best schedule as code: every format of the interop, and unknown ones refused."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tuning.schedules.interop import FRAMEWORKS

STUDIES = "/v1/studies"


def test_the_best_comes_in_every_format(
    api: TestClient, submit: Callable[..., dict[str, Any]], play: Callable[[], None]
) -> None:
    """JSON with its evidence, CSV with its numbers, and Python that says why it is as it is."""
    path = f"{STUDIES}/{submit()['id']}/best"
    play()
    best = api.get(f"{path}?table=true").json()
    assert api.get(f"{path}?format=json&table=true").json() == best
    for framework in FRAMEWORKS:
        answer = api.get(f"{path}?format={framework}")
        assert answer.status_code == 200
        media_type = answer.headers["content-type"].partition(";")[0]
        if framework == "csv":
            assert media_type == "text/csv"
            rows = list(csv.DictReader(io.StringIO(answer.text)))
            rates = [float(row["lr"]) for row in rows]
            assert rates == best["schedule"]["table"]["values"]
        elif framework != "json":
            assert media_type == "text/x-python"
            assert answer.text.startswith("# ")
            compile(answer.text, f"{framework}.py", "exec")


@pytest.mark.parametrize("name", ["tf", "", "a%00", "x" * 129])
def test_an_unknown_format_is_refused(
    api: TestClient, submit: Callable[..., dict[str, Any]], name: str
) -> None:
    """Naming the field, even before there is a best schedule."""
    answer = api.get(f"{STUDIES}/{submit()['id']}/best?format={name}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/format"
