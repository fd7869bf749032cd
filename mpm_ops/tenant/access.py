"""Users of a company and what they may do: the tables of spatie/laravel-permission."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from mpm_ops.tenant.base import Base, CaseFree, Id, LooseRef, Stamped, pair


class User(Stamped, Base):
    """A person who logs in to the web application."""

    __tablename__ = "users"

    id: Mapped[Id]
    name: Mapped[str]
    # The company's id in the central database: no foreign key reaches it.
    company_id: Mapped[LooseRef]
    email: Mapped[CaseFree] = mapped_column(unique=True)
    password: Mapped[str]
    remember_token: Mapped[str | None]


class Role(Stamped, Base):
    """A named set of permissions."""

    __tablename__ = "roles"
    __table_args__ = (sa.UniqueConstraint("name", "guard_name"),)

    id: Mapped[Id]
    name: Mapped[CaseFree]
    guard_name: Mapped[str]


class Permission(Stamped, Base):
    """Something that a role or a user may do."""

    __tablename__ = "permissions"
    __table_args__ = (sa.UniqueConstraint("name", "guard_name"),)

    id: Mapped[Id]
    name: Mapped[CaseFree]
    guard_name: Mapped[str]


class RoleHasPermission(Base):
    """One permission of one role."""

    __tablename__ = "role_has_permissions"

    permission_id: Mapped[int] = mapped_column(sa.ForeignKey("permissions.id", ondelete="CASCADE"), primary_key=True)
    role_id: Mapped[int] = mapped_column(sa.ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True, index=True)


class ModelHasRole(Base):
    """One role of one user (or of another model)."""

    __tablename__ = "model_has_roles"
    __table_args__ = (pair("model_has_roles", "model"),)

    role_id: Mapped[int] = mapped_column(sa.ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True)
    model_id: Mapped[LooseRef] = mapped_column(primary_key=True)
    model_type: Mapped[str] = mapped_column(primary_key=True)


class ModelHasPermission(Base):
    """One permission given to one user directly, without a role."""

    __tablename__ = "model_has_permissions"
    __table_args__ = (pair("model_has_permissions", "model"),)

    permission_id: Mapped[int] = mapped_column(sa.ForeignKey("permissions.id", ondelete="CASCADE"), primary_key=True)
    model_id: Mapped[LooseRef] = mapped_column(primary_key=True)
    model_type: Mapped[str] = mapped_column(primary_key=True)


class PasswordReset(Base):
    """The open request of one e-mail address for a new password."""

    __tablename__ = "password_resets"

    # MPM only indexes the address and deletes an older request before it inserts the next: a primary key says so.
    email: Mapped[CaseFree] = mapped_column(primary_key=True)
    token: Mapped[str]
    created_at: Mapped[dt.datetime | None] = mapped_column(server_default=sa.func.now())
