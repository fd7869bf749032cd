"""Settings: read once from the environment (MPM_OPS_*) and `.env`, then passed explicitly."""

from __future__ import annotations

import getpass
import json
import os
import re
from pathlib import Path
from typing import Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from mpm_ops.errors import InvalidInput
from mpm_ops.records import MAIN, Hardening

#: Behind the prefix, what the names of databases begin with that are listed and swept by it.
_SWEPT = re.compile(r"(company|scratch|template)_")


def default_home() -> Path:
    """Return where the embedded server and this installation's own revisions live.

    As root it lies outside root's home: the server runs as an unprivileged user, which must be able to get there.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/mpm_ops")
    return user_data_path("mpm_ops")


def operator() -> str:
    """Return who is at work, for the ledger; a number where the system knows no name, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


class Settings(BaseSettings):
    """Everything that an installation may set; each field is the variable MPM_OPS_<FIELD>."""

    model_config = SettingsConfigDict(
        env_prefix="MPM_OPS_", env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: SecretStr | None = Field(
        default=None,
        description="A PostgreSQL 15+ server to use, as postgresql://user@host:port/; without it the embedded one.",
    )
    servers: dict[str, SecretStr] = Field(
        default={},
        description='More servers for company databases, by name, as JSON: {"west": "postgresql://user@west:5432/"}.',
    )
    keyring: str = Field(
        default="",
        description="Name under which the system's keyring has the passwords, each as USER@HOST:PORT, "
        "of logins whose connection strings hold none.",
    )
    home: Path = Field(default_factory=default_home, description="Where the embedded server keeps its data.")
    env: Literal["development", "production"] = Field(
        default="development", description="'production' makes the commands that change schemas ask first."
    )
    hardening: Hardening | None = Field(
        default=None,
        description="How far databases are closed: 'standard', or 'strict', which takes a superuser "
        "(default: strict on the embedded server, else standard).",
    )
    prefix: str = Field(default="mpm_", description="Begins every database and role name of this installation.")
    central_database: str = Field(default="micro_power_manager", description="Name of the central database.")
    workers: int = Field(default=8, ge=1, le=512, description="Company databases worked on at the same time.")
    bcrypt_rounds: int = Field(default=12, ge=4, le=20, description="Cost of hashing a password, as a power of two.")
    migrations: Path | None = Field(
        default=None,
        description="A folder with more revisions of the central database (default: HOME/migrations).",
    )
    tenant_migrations: Path | None = Field(
        default=None,
        description="A folder with more revisions of the company databases (default: HOME/tenant_migrations).",
    )

    @field_validator("servers")
    @classmethod
    def _servers_have_plain_names(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name in value:
            if name == MAIN or not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name):
                raise ValueError(
                    f"a name is 1 to 32 characters of a-z, 0-9, - and _, begins with a letter and is not {MAIN}"
                )
        return value

    @field_validator("prefix")
    @classmethod
    def _prefix_is_plain(cls, value: str) -> str:
        # With the longest suffix (a short-lived login) a name still has to fit PostgreSQL's 63 bytes.
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,15}", value):
            raise ValueError("a prefix is 1 to 16 characters of a-z, 0-9 and _, and begins with a letter")
        if value.startswith("pg_"):
            raise ValueError("PostgreSQL keeps the names of roles that begin with pg_ to itself")
        if _SWEPT.search(value):
            # What one installation with a shorter prefix takes for its own, it may drop.
            raise ValueError("a prefix holds neither company_, scratch_ nor template_")
        return value

    @field_validator("central_database")
    @classmethod
    def _central_is_plain(cls, value: str, info: ValidationInfo) -> str:
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", value):
            raise ValueError("a database name is 1 to 63 characters of a-z, 0-9 and _")
        if value in ("template0", "template1"):
            raise ValueError("new databases are copies of it")
        prefix = info.data.get("prefix")
        if prefix and value.startswith(prefix) and _SWEPT.match(value, len(prefix)):
            raise ValueError("databases of such names are made and dropped for companies")
        return value

    @field_validator("home")
    @classmethod
    def _home_is_absolute(cls, value: Path) -> Path:
        try:
            return value.expanduser().absolute()
        except RuntimeError as exc:
            raise ValueError("begins with the home of a user whom this system does not know") from exc

    @property
    def level(self) -> Hardening:
        """How far the databases of this installation are closed."""
        return self.hardening or (Hardening.STRICT if self.database_url is None else Hardening.STANDARD)

    @property
    def owner_role(self) -> str:
        """The one NOLOGIN role that owns the company databases (D6)."""
        return f"{self.prefix}owner"

    @property
    def analysts_role(self) -> str:
        """The NOLOGIN role of all analysts, which may look into the central database."""
        return f"{self.prefix}analysts"

    @property
    def own_tenant_migrations(self) -> Path:
        """The folder with this installation's own revisions of the company databases."""
        return self.tenant_migrations or self.home / "tenant_migrations"

    @property
    def own_migrations(self) -> Path:
        """The folder with this installation's own revisions of the central database."""
        return self.migrations or self.home / "migrations"

    def environment(self) -> dict[str, str]:
        """Return the variables that describe this installation to another process; some may hold passwords."""
        given = self.model_dump(exclude_none=True)
        return {f"MPM_OPS_{name.upper()}": _variable(value) for name, value in given.items()}

    def company_database(self, company_id: int) -> str:
        """Return the opaque name of a company's database: it shows in catalogs that every login may read (D5)."""
        return f"{self.prefix}company_{company_id}"


def _variable(value: object) -> str:
    """Return a setting as its variable has it."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case dict():
            return json.dumps({name: _variable(one) for name, one in value.items()})
        case Path():
            # A process in another folder is to find it, too.
            return str(value.absolute())
    return str(value)


def load_settings() -> Settings:
    """Read the settings; a value that breaks a rule is an InvalidInput that names its variable."""
    try:
        return Settings()
    except SettingsError:
        variable, message, hint = "servers", "is no JSON object of names and connection strings", ""
    except ValidationError as exc:
        # Not all of the place: in MPM_OPS_SERVERS that is a name, which somebody may have taken for the URL's.
        variable, message = next((str(one["loc"][0]), one["msg"]) for one in exc.errors(include_url=False))
        hint = "See the table of settings in README.md."
    # Out here, where neither error is carried along: what they are about may be a password.
    raise InvalidInput(f"MPM_OPS_{variable.upper()}: {message}", hint=hint)
