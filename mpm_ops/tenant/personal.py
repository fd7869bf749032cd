"""What in a company's database is about a person, and how it is masked for those without a grant of personal data.

A column of `PERSONAL` reaches the group `_personal` as it is, and the group `_read` through the view of its table's
name in the schema `masked`. Masks are stable within a company, so that joins and counts go on working.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mpm_ops.tenant import plugin_tables
from mpm_ops.tenant.masks import Mask

#: Table -> column -> mask.
PERSONAL: Final[Mapping[str, Mapping[str, Mask]]] = MappingProxyType(
    dict(plugin_tables.PERSONAL)
    | {
        "addresses": {"email": Mask.PSEUDONYM, "phone": Mask.PSEUDONYM, "street": Mask.PSEUDONYM},
        "agents": {"email": Mask.PSEUDONYM, "mobile_device_id": Mask.PSEUDONYM},
        "agent_transactions": {"mobile_device_id": Mask.PSEUDONYM},
        "e_bikes": {"lat": Mask.COARSE, "lng": Mask.COARSE},
        "geographical_informations": {"geo_json": Mask.PLACE},
        "logs": {"action": Mask.HIDDEN},
        "manufacturers": {"contact_person": Mask.PSEUDONYM},
        "payment_histories": {"sender": Mask.PSEUDONYM},
        "people": {
            "name": Mask.PSEUDONYM,
            "surname": Mask.PSEUDONYM,
            "birth_date": Mask.YEAR,
            "onboarding_json": Mask.HIDDEN,
        },
        "person_documents": {"name": Mask.HIDDEN, "original_name": Mask.HIDDEN, "location": Mask.HIDDEN},
        "sms": {"receiver": Mask.PSEUDONYM, "body": Mask.HIDDEN, "error_message": Mask.HIDDEN},
        "third_party_transactions": {"description": Mask.HIDDEN},
        "ticket_comments": {"comment": Mask.HIDDEN},
        "ticket_users": {"user_name": Mask.PSEUDONYM, "phone": Mask.PSEUDONYM},
        "tickets": {"title": Mask.HIDDEN, "content": Mask.HIDDEN},
        "transactions": {"sender": Mask.PSEUDONYM},
        "users": {"name": Mask.PSEUDONYM, "email": Mask.PSEUDONYM},
    }
)
