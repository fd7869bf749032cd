"""Flow: register a company, after finishing or undoing what an earlier crash left.

Run it by hand, without a server (`python flows/provision_company.py --help`), or as the deployment in prefect.yaml.
"""

from __future__ import annotations

import argparse
import secrets
import sys

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect import State, flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.blocks.system import Secret
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

import mpm_ops
from mpm_ops import Company


class NewCompany(BaseModel):
    """The company to register. Its first user's password is no parameter: Prefect stores parameters in the clear."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Legal name, in any script.")
    email: str = Field(description="The company's own e-mail address.")
    admin_email: str = Field(description="E-mail address that the first user logs in with.")
    admin_name: str = Field(default="Admin", description="Name of the first user.")
    address: str = Field(default="-", description="Postal address.")
    phone: str = Field(default="-", description="Telephone number.")
    usage_type: str = Field(default="mini-grid&shs&e-bike", description="mini-grid, shs, e-bike, or some joined by &.")
    server: str = Field(default="main", description="Which of the servers in MPM_OPS_SERVERS its database goes to.")
    plugins: list[int] = Field(default=[], description="Ids of the plugins to install.")
    password_block: str = Field(
        default="", description="Secret block with the first user's password; empty makes one that nobody knows."
    )


@task(name="reconcile", retries=3, retry_delay_seconds=[2, 10, 30], retry_jitter_factor=0.5)
def reconcile() -> None:
    """Finish or undo what a crash left, so that a run which is tried again never makes two."""
    with mpm_ops.connect() as ops:
        for one in ops.reconcile():
            get_run_logger().warning("registration of company %s: %s", one.company_id, one.result)


@task(name="register")
def register(company: NewCompany) -> Company:
    """Register the company, unless an earlier try of this run did."""
    with mpm_ops.connect() as ops:
        for known in ops.list_companies():
            if known.email.casefold() == company.email.casefold() and known.name == company.name:
                return known
        values = company.model_dump(exclude={"password_block"})
        return ops.register(**values, admin_password=_password(company.password_block))


@flow(name="provision-company", flow_run_name="provision-company: {company.name}")
def provision_company(company: NewCompany) -> State[Company]:
    """Register one company with a database of its own."""
    reconcile()
    made = register(company)
    create_markdown_artifact(
        f"Company **{made.id}** is active; its database is `{made.database}`.", key="provision-company"
    )
    return Completed(message=f"company {made.id} is active in {made.database}", data=made)


def _password(block: str) -> str:
    if not block:
        return secrets.token_urlsafe(24)
    loaded = Secret.load(block)
    if not isinstance(loaded, Secret):
        raise TypeError(f"the block {block} is not a Secret block")
    return str(loaded.get())


def main() -> int:
    """Run the flow here and now."""
    parser = argparse.ArgumentParser(description="Register a company through Prefect.")
    for name, field in NewCompany.model_fields.items():
        if name != "plugins":
            parser.add_argument(f"--{name.replace('_', '-')}", required=field.is_required(), help=field.description)
    parser.add_argument(
        "--plugins", nargs="*", type=int, default=[], help=NewCompany.model_fields["plugins"].description
    )
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    state = provision_company(NewCompany(**given), return_state=True)
    sys.stdout.write(f"{state.message}\n")
    return 0 if state.is_completed() else 1


if __name__ == "__main__":
    sys.exit(main())
