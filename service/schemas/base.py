"""The base of every schema: strict, closed, finite."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Schema(BaseModel):
    """A JSON object that refuses unknown fields, wrong types and non-finite numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)
