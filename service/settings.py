"""Settings: read once, from the environment, by `app`, `cli` and `worker`.

The one idea: every setting is one field with its default, unit and help; the core gets plain
arguments and never reads the environment. Not here: settings of a study (`tuning.records`).
"""

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self

from pydantic import DirectoryPath, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.quotas import Quotas
from tuning.execution import Allowance, Network
from tuning.execution.memory import usual_bytes
from tuning.execution.pinning import usable_cores
from tuning.objectives import Folders

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]


class Settings(BaseSettings):
    """Everything that can be set, as `GLIDESLOPE_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="GLIDESLOPE_", extra="ignore", frozen=True)

    database_url: str = Field(
        default="sqlite:///var/glideslope.db",
        description="SQLAlchemy URL of the study store: SQLite or PostgreSQL",
    )
    database_connections: int = Field(
        default=20,
        ge=2,
        le=1000,
        description="connections of a server to PostgreSQL; two more are for notices",
    )
    database_statement_seconds: float = Field(
        default=30.0,
        gt=0,
        le=86_400,
        description="time for one statement of PostgreSQL; exports, imports and migrations take "
        "theirs",
    )
    database_lock_seconds: float = Field(
        default=10.0,
        gt=0,
        le=86_400,
        description="how long one lock of PostgreSQL, or a free connection, is waited for",
    )
    data_folder: DirectoryPath | None = Field(
        default=None, description="folder that data files named in a study's config may lie in"
    )
    cache_folder: Path = Field(
        default=Path("var/cache"),
        description="folder for what is dear to make: data, pretrained weights, compiled programs",
    )
    dataset_folder: Path = Field(
        default=Path("var/datasets"),
        description="folder of uploaded datasets; replicas of a server share one",
    )
    dataset_mib: int = Field(
        default=200, ge=1, le=10_000, description="MiB that an uploaded dataset may have"
    )
    disk_free_percent: float = Field(
        default=5.0,
        ge=0,
        le=50,
        description="percent of the disks of store, datasets and cache below which `/readyz` "
        "answers 503; 0: none. Disks of the network do not count",
    )
    objectives: str | None = Field(
        default=None,
        description="importable modules with tables of further objectives, separated by commas",
    )
    require_keys: bool = Field(
        default=False,
        description="whether an API key is needed even before one was made; off this machine "
        "always",
    )
    api_key: SecretStr | None = Field(
        default=None, description="the API key that commands, clients and workers show"
    )
    webhooks: str | None = Field(
        default=None,
        description="hosts that webhooks may go to, separated by commas; `public`: any public "
        "address over TLS",
    )
    webhook_retry_seconds: float = Field(
        default=5.0,
        gt=0,
        le=3600,
        description="pause before a webhook is tried again; it doubles each time, 12 tries in all",
    )
    curve_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="days after the end of a study until its curves are purged; never, if none",
    )
    curve_keep_best: bool = Field(
        default=False, description="whether the curves of the schedules that are compared stay"
    )
    curve_archive: Path | None = Field(
        default=None,
        description="folder that a study is written to, as a compressed export, before its curves "
        "go",
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="address `serve` listens on")
    port: int = Field(default=8000, ge=0, le=65535, description="port `serve` listens on")
    proxies: str | None = Field(
        default=None,
        description="addresses or networks of proxies in front, separated by commas, whose "
        "X-Forwarded-For and X-Forwarded-Proto are believed; one on this machine always is",
    )
    processes: int = Field(
        default_factory=usable_cores,
        ge=1,
        le=256,
        description="training processes of one worker; one per core by default",
    )
    lanes: int = Field(default=4, ge=1, le=64, description="runs a training process takes at once")
    lease_seconds: float = Field(
        default=30.0,
        gt=0,
        le=86_400,
        description="how long a run stays leased without a heartbeat",
    )
    heartbeat_seconds: float = Field(
        default=10.0, gt=0, le=3600, description="how often a worker extends its leases"
    )
    sweep_seconds: float = Field(
        default=5.0, gt=0, le=3600, description="how often expired leases are taken back"
    )
    quota_running_studies: int = Field(
        default=100, ge=0, description="studies of a project that have not ended, with keys"
    )
    quota_trials: int = Field(
        default=100_000,
        ge=0,
        description="trials that a project's studies may make, or have made, with keys",
    )
    quota_storage_mib: int = Field(
        default=10_240,
        ge=0,
        description="MiB of a project's datasets and of the curves of its ended studies, with keys",
    )
    quota_requests: int = Field(
        default=12_000, ge=0, description="requests of a project in a minute, with keys"
    )
    quota_streams: int = Field(
        default=200,
        ge=0,
        description="live streams and waiting requests of a project on one server, with keys",
    )
    stall_seconds: float = Field(
        default=60.0,
        gt=0,
        le=86_400,
        description="after how long without any event a study is said to stall, and why",
    )
    max_attempts: int = Field(
        default=3, ge=1, le=100, description="attempts of a run before it counts as failed"
    )
    run_timeout_seconds: float = Field(
        default=3600.0,
        gt=0,
        le=10_000_000,
        description="time for one run; training that takes longer is killed and its run fails",
    )
    run_memory_mib: int | None = Field(
        default=None,
        ge=1,
        description="MiB that a training process may hold; 80 % of the machine's memory if none",
    )
    run_files: int = Field(
        default=65_536, ge=64, description="files that a training process may have open at once"
    )
    run_file_mib: int = Field(
        default=65_536, ge=1, description="MiB that a file may grow to by what training writes"
    )
    run_processes: int = Field(
        default=4_096,
        ge=16,
        description="processes and threads that a training may be at once, where it is walled and "
        "not root's",
    )
    run_network: Network = Field(
        default=Network.AUTO,
        description="network of a training process: none, or the worker does not start; auto, none "
        "where the kernel allows it; shared, the worker's",
    )
    run_user: str | None = Field(
        default=None,
        min_length=1,
        description="user, by name or number, that training processes run as; takes a worker of "
        "root. The worker's own if none",
    )
    drain_seconds: float = Field(
        default=5.0,
        ge=0,
        le=3600,
        description="how long a stopping worker lets its runs finish before it hands them back",
    )
    metrics_open: bool = Field(
        default=False,
        description="whether `/metrics` needs no key where the rest needs one; what a proxy passes "
        "on (X-Forwarded-For) needs one all the same",
    )
    traces: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="OpenTelemetry traces: on, off, or auto, as OTEL_EXPORTER_OTLP_ENDPOINT is set",
    )
    log_level: LogLevel = Field(
        default="warning",
        description="what is logged: debug, info (every request, too), warning or error",
    )
    log_format: LogFormat = Field(
        default="text", description="how: text for people, or json, one object a line"
    )

    @property
    def folders(self) -> Folders:
        """Where objectives may read and keep files."""
        return Folders(self.data_folder, self.cache_folder, self.dataset_folder)

    @property
    def worker_folders(self) -> Folders:
        """The same for a worker, who fetches datasets over HTTP and keeps them in its cache."""
        return replace(self.folders, datasets=self.cache_folder / "datasets")

    @property
    def quotas(self) -> Quotas:
        """What a project may use up that has no limits of its own."""
        return Quotas(
            running_studies=self.quota_running_studies,
            trials=self.quota_trials,
            storage_bytes=self.quota_storage_mib * 2**20,
            requests_per_minute=self.quota_requests,
            streams=self.quota_streams,
        )

    @property
    def allowance(self) -> Allowance:
        """What a training process may take."""
        told = self.allowance_elsewhere
        return told if told.memory_bytes else replace(told, memory_bytes=usual_bytes())

    @property
    def allowance_elsewhere(self) -> Allowance:
        """The same on a machine whose memory is not known here."""
        mebibytes = self.run_memory_mib
        return Allowance(
            run_seconds=self.run_timeout_seconds,
            memory_bytes=None if mebibytes is None else mebibytes * 2**20,
            files=self.run_files,
            file_bytes=self.run_file_mib * 2**20,
            processes=self.run_processes,
            network=self.run_network,
            user=self.run_user,
        )

    @property
    def proxy_networks(self) -> tuple[str, ...]:
        """The proxies of `proxies`."""
        return tuple(name.strip() for name in (self.proxies or "").split(",") if name.strip())

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules of `objectives`."""
        return tuple(name.strip() for name in (self.objectives or "").split(",") if name.strip())

    @field_validator("proxies")
    @classmethod
    def _check_proxies(cls, value: str | None) -> str | None:
        """Refuse names, and networks with bits of a host: nothing would be what was meant."""
        for name in filter(None, map(str.strip, (value or "").split(","))):
            try:
                ip_network(name)
            except ValueError as error:
                words = f"{name!r} is not allowed; allowed: an address, or a network as 10.0.0.0/8"
                raise ValueError(words) from error
        return value

    @model_validator(mode="after")
    def _check_pace(self) -> Self:
        """Refuse heartbeats that cannot keep a lease."""
        if self.heartbeat_seconds >= self.lease_seconds:
            raise ValueError(
                f"heartbeat_seconds: {self.heartbeat_seconds:g} is not allowed; allowed: less than "
                f"lease_seconds, which is {self.lease_seconds:g}"
            )
        return self
