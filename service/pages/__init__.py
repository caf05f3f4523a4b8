"""The pages of the site: what a browser is shown at `/`.

The one idea: a page is a route that reads the store as the API does and hands what it found to
`service.ui`, which makes HTML of it; whatever a reader does on a page, its script does through the
public API. So no page can show or change what the API would refuse.
Not here: how pages look (`service.ui`), the API (`service.api`).
"""

from fastapi import APIRouter

from service.pages import (
    compare,
    datasets,
    documentation,
    keys,
    new_study,
    objectives,
    sign_in,
    static,
    studies,
    study,
    trial,
    workbench,
    workers,
)

# A page is a module with a router, and a line here.
ROUTERS: tuple[APIRouter, ...] = (
    static.router,
    sign_in.router,
    new_study.router,  # before whatever takes an id in the same place
    studies.router,
    workbench.router,
    compare.router,
    objectives.router,
    datasets.router,
    workers.router,
    keys.router,
    documentation.router,
    study.router,  # takes an id where others have names
    trial.router,
)
