"""The masks that personal data is shown through to those without a grant of it."""

from __future__ import annotations

from enum import StrEnum


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
