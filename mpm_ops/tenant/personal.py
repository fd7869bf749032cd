"""What in a company's database is about a person, and how it is masked for those without a grant of personal data.

A column of `PERSONAL` reaches the group `_personal` as it is, and the group `_read` through the view of its table's
name in the schema `masked`. Masks are stable within a company, so that joins and counts go on working.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Mask(StrEnum):
    """What is shown in a value's place; NULL stays NULL."""

    #: Sixteen hex digits of a hash with the company's own key: equal values have equal masks, whatever their case,
    #: in this company only.
    PSEUDONYM = "pseudonym"
    #: The first day of the year.
    YEAR = "year"
    #: Degrees with one place: ten kilometres or so.
    COARSE = "coarse"
    #: That there is something: free texts and documents in which anything may stand.
    HIDDEN = "hidden"
    #: The place of a mini-grid, a cluster or a village is shown; that of a customer's device is not.
    PLACE = "place"


#: Table -> column -> mask.
PERSONAL: Final[Mapping[str, Mapping[str, Mask]]] = MappingProxyType(
    {
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
