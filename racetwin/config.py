"""One settings object: environment variables ``RACETWIN_*``, then a file, then defaults; what is set to nothing is not set.

The file is ``racetwin.toml`` in the current folder or in the user's configuration folder, or whatever ``RACETWIN_CONFIG`` names.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from racetwin.errors import ConfigurationError


def _config_files() -> list[Path]:
    named = os.environ.get("RACETWIN_CONFIG")
    if named:
        return [Path(named)]
    return [Path(platformdirs.user_config_dir("racetwin")) / "racetwin.toml", Path("racetwin.toml")]


class Settings(BaseSettings):
    """Everything that can be set from outside; each field is ``RACETWIN_<FIELD>`` in the environment."""

    model_config = SettingsConfigDict(env_prefix="RACETWIN_", env_ignore_empty=True, extra="ignore", frozen=True)

    data: Path | None = Field(
        default=None, description="folder of race data (laps.parquet, races.csv, results.csv, ...)"
    )
    library: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("racetwin")) / "races",
        description="the user's own races, as brought in by 'racetwin data add'",
    )
    state: Path = Field(
        default_factory=lambda: Path(platformdirs.user_state_dir("racetwin")),
        description="journals and run-time state",
    )
    cache: Path = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("racetwin")),
        description="compiled kernels and downloads; may be deleted at any time",
    )
    parameters: Path | None = Field(
        default=None, description="race-model parameters to use instead of the shipped ones"
    )

    journal_runs: int = Field(default=20, ge=1, description="runs that a journal keeps; the oldest go when one begins")
    journal_mib: int = Field(default=4096, ge=16, description="MiB that a journal may hold before its oldest runs go")

    host: str = "127.0.0.1"
    api_port: int = Field(default=8080, ge=0, le=65535)
    telemetry_port: int = Field(default=8765, ge=0, le=65535)
    udp_json_port: int = Field(default=8766, ge=0, le=65535)
    udp_game_port: int = Field(default=20777, ge=0, le=65535)
    voila_port: int = Field(default=8866, ge=0, le=65535)
    token: SecretStr | None = Field(default=None, description="required of every client when host is not loopback")
    tls_certificate: Path | None = Field(default=None, description="PEM file with which the API is served over TLS")
    tls_key: Path | None = Field(default=None, description="PEM file with the certificate's private key")
    engine: str | None = Field(default=None, description="URL of a running engine that LiveRace subscribes to")

    delay_s: float = Field(
        default=0.0, ge=0, le=300, description="seconds that the screen shows the race late, to match the TV picture"
    )

    feed_token: SecretStr | None = Field(
        default=None, description="token of the telemetry server that the feed websocket-client follows"
    )
    f1tv_token: SecretStr | None = Field(default=None, description="F1TV subscription token of the live timing feed")
    openf1_token: SecretStr | None = Field(default=None, description="OpenF1 access token, good for an hour")
    openf1_username: str | None = Field(default=None, description="OpenF1 account, to fetch and renew a token with")
    openf1_password: SecretStr | None = None
    game_senders: str | None = Field(
        default=None, description="addresses that may send EA game datagrams from outside, separated by commas"
    )

    rehearse_laps: int | None = Field(
        default=None,
        ge=1,
        description="LiveRace.auto runs only this many laps, as fast as it goes, and stops: how tests run a live notebook",
    )

    backend: str = Field(default="auto", pattern="^(auto|numba|mojo|cupy)$")
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    races: int = Field(default=2000, ge=16, description="races simulated per candidate plan")
    seed: int = Field(default=1, ge=0, lt=2**32)
    cluster: str | None = Field(default=None, description="address of a Dask scheduler")

    llm_url: str = Field(default="http://127.0.0.1:8000/v1", description="OpenAI-compatible server, with its version")
    llm_model: str = Field(default="", description="name of the model as the server lists it; empty: its first")
    llm_api_key: SecretStr | None = None
    llm_enabled: bool | None = Field(
        default=None,
        description="have a language model word the advice: true, false, or (default) when the server is found healthy",
    )
    llm_embedded: bool = Field(
        default=False, description="serve the small local model of the extra [llm] where no other server answers"
    )
    max_program: Path | None = Field(
        default=None, description="the program 'max'; default: our installation, or the PATH"
    )
    llm_deadline_s: float = Field(default=20.0, gt=0, description="longest wait for the model's wording")

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Leave out what is empty, wherever it was set: an empty path is not the current folder, an empty host not every host."""
        return {name: value for name, value in given.items() if value != ""}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence: arguments, environment, file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=_config_files())


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the process's settings, read once.

    Raises
    ------
    ConfigurationError
        Naming the setting, its value and what was expected.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "RACETWIN_" + "_".join(str(p) for p in first["loc"]).upper()
        raise ConfigurationError(f"{name}: {first.get('input')!r}, {first['msg'].lower()}") from None
