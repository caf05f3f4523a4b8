"""Schedules: tools that look at one, and translate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, final

from service.client.calls import Call, document, get, parsed, post
from service.client.drivers import Driver
from service.client.methods import call
from service.schemas.schedules import ConvertView, LintView, PreviewView

D = TypeVar("D", bound=Driver)


@final
@dataclass(frozen=True, slots=True)
class Schedules(Generic[D]):
    """`client.schedules`."""

    driver: D

    @call
    def preview(self, body: Mapping[str, Any]) -> Call[PreviewView]:
        """Points of a schedule; `body` is a `PreviewRequest` as a dictionary."""
        return post("/v1/schedules:preview", parsed(PreviewView), body)

    @call
    def lint(self, body: Mapping[str, Any]) -> Call[LintView]:
        """What is suspicious about a schedule; `body` is a `LintRequest` as a dictionary."""
        return post("/v1/schedules:lint", parsed(LintView), body)

    @call
    def convert(self, body: Mapping[str, Any]) -> Call[ConvertView]:
        """A schedule from a call, or as code; `body` is a `ConvertRequest` as a dictionary."""
        return post("/v1/schedules:convert", parsed(ConvertView), body)

    @call
    def schema(self) -> Call[dict[str, Any]]:
        """The JSON Schema of a schedule's portable document."""
        return get("/v1/schemas/schedule", document)
