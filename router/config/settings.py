"""Process settings of the commands: ``ROUTER_…`` variables. Flags win over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from router.config.diagnostics import Diagnostic, usual_hint
from router.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX: Final = "ROUTER_"


class ServerSettings(BaseSettings):
    """What a process needs to know before it reads a config.

    Attributes:
        config: path of the config file; None: not given.
        host: address to listen on.
        port: TCP port; 0 takes a free one.
        log_level: least level that is printed.
        log_format: ``auto`` prints for people on a terminal and JSON elsewhere.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=None,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        env_ignore_empty=True,
    )

    config: str | None = Field(default=None, description="Path of the config file.")
    host: Annotated[str, Field(min_length=1, max_length=255)] = Field(
        default="127.0.0.1", description="Address to listen on."
    )
    port: Annotated[int, Field(ge=0, le=65535)] = Field(default=4000, description="Port to listen on.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is printed."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto", description="`console` for people, `json` for machines; `auto` looks at the terminal."
    )


class SettingsError(ConfigError):
    """A variable of the environment cannot be used; no config was read.

    ``str`` has one line for each: ``environment variable ROUTER_PORT must be …``.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(diagnostics)
        self.args = ("\n".join(f"environment variable {item.path} {item.message}" for item in diagnostics),)


_WORDS = {
    "log_level": "must be `debug`, `info`, `warning` or `error`",
    "log_format": "must be `auto`, `console` or `json`",
    "port": "must be a port: a whole number from 0 to 65535",
    "host": "must be an address of at most 255 characters",
}


def read_settings() -> ServerSettings:
    """The settings that the environment's variables give.

    Raises:
        SettingsError: naming each variable that cannot be used.
    """
    try:
        return ServerSettings()
    except ValidationError as error:
        names = [str(details["loc"][0]) for details in error.errors(include_url=False, include_input=False)]
        raise SettingsError([_finding(name) for name in names]) from None


def _finding(name: str) -> Diagnostic:
    variable = PREFIX + name.upper()
    return Diagnostic(
        "bad-value", "error", variable, "environment", 0, 0, _WORDS[name], usual_hint("bad-value")
    )
