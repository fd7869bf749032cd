"""The public schema of the Django project: who the tenants are."""

from django_tenants.models import DomainMixin, TenantMixin


class Tenant(TenantMixin):
    """A schema of its own for each."""


class Domain(DomainMixin):
    """Asked for by django-tenants."""
