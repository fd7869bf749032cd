"""Flow: register a company, after finishing or undoing what an earlier crash left.

Run it by hand, without a server (`python flows/provision_company.py --help`), or as the deployment in prefect.yaml.
"""

from __future__ import annotations

import secrets
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect import State, flow, get_run_logger, task
from prefect.blocks.system import Secret
from prefect.states import Completed
from pydantic import Field

import mpm_ops
from flows.conduct import PATIENT, FlowPolicy, by_hand, fleet, publish_markdown, tell
from mpm_ops import Company, Plugin
from mpm_ops.errors import AlreadyExists, Transient, UnknownCompany
from mpm_ops.reports import as_markdown


class NewCompany(FlowPolicy):
    """The company to register. Its first user's password is no parameter: Prefect stores parameters in the clear."""

    name: str = Field(max_length=255, description="Legal name, in any script.")
    email: str = Field(max_length=255, description="The company's own e-mail address.")
    admin_email: str = Field(max_length=255, description="E-mail address that the first user logs in with.")
    admin_name: str = Field(default="Admin", max_length=255, description="Name of the first user.")
    address: str = Field(default="-", max_length=255, description="Postal address.")
    phone: str = Field(default="-", max_length=255, description="Telephone number.")
    usage_type: str = Field(default="mini-grid&shs&e-bike", description="mini-grid, shs, e-bike, or some joined by &.")
    server: str = Field(default="main", description="Which of the servers in MPM_OPS_SERVERS its database goes to.")
    plugins: tuple[int, ...] = Field(default=(), description="Ids of the plugins to install.")
    password_block: str = Field(
        default="", description="Secret block with the first user's password; empty makes one that nobody knows."
    )

    @property
    def subject(self) -> str:
        """Name the company."""
        return self.name

    def values(self) -> dict[str, Any]:
        """Return what a registration asks for."""
        return self.model_dump(exclude={"password_block", "dry_run"})


@task(name="check", **PATIENT)
def check(policy: NewCompany) -> Sequence[Plugin]:
    """Return the plugins that the company would get. Raises what a registration would be refused for."""
    with fleet() as ops:
        return ops.plan_register(**policy.values(), admin_password=_password(policy.password_block))


# Each try begins with what the last one left: a connection lost half-way is undone first, a crash finished or undone.
@task(name="register", **PATIENT)
def register(policy: NewCompany) -> Company:
    """Register the company, unless an earlier try of this run, or an earlier run, did."""
    with fleet() as ops:
        for one in ops.reconcile():
            get_run_logger().warning("registration of company %s: %s", one.company_id, one.result)
        try:
            return ops.register(**policy.values(), admin_password=_password(policy.password_block))
        except AlreadyExists as exc:
            return _registered(ops, policy, exc)


@flow(
    name="provision-company",
    flow_run_name="provision-company: {policy.title}",
    on_failure=[tell],
    on_crashed=[tell],
)
def provision_company(policy: NewCompany) -> State[Any]:
    """Register one company with a database of its own; however often it is run with the same, there is one."""
    with fleet():
        if policy.dry_run:
            plugins = ", ".join(plugin.name for plugin in check(policy)) or "none"
            message = f"would be registered on the server {policy.server}, with the plugins: {plugins}"
            publish_markdown("provision-company", f"Company **{as_markdown(policy.name)}** {as_markdown(message)}.")
            return Completed(message=message)
        made = register(policy)
    publish_markdown("provision-company", f"Company **{made.id}** is active; its database is `{made.database}`.")
    return Completed(message=f"company {made.id} is active in {made.database}", data=made)


def _registered(ops: mpm_ops.Ops, policy: NewCompany, refusal: AlreadyExists) -> Company:
    """Return the company that is there when it is the one that is wanted. Raises the refusal when it is another.

    Raises Transient while somebody is at it, as a server still is for a process that was killed.
    """
    if any(one.result == "in progress" for one in ops.reconcile()):
        raise Transient("a registration is under way") from refusal
    try:
        known, of_admin = ops.get_company(policy.email), ops.get_company(policy.admin_email)
    except UnknownCompany:
        raise refusal from None
    # As a registration writes it.
    if known != of_admin or known.name != unicodedata.normalize("NFC", policy.name).strip():
        raise refusal
    return known


def _password(block: str) -> str:
    if not block:
        return secrets.token_urlsafe(24)
    loaded = Secret.load(block)
    if not isinstance(loaded, Secret):
        raise TypeError(f"the block {block} is not a Secret block")
    return str(loaded.get())


if __name__ == "__main__":
    sys.exit(by_hand(provision_company, NewCompany))
