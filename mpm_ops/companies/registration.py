"""What a registration asks for, checked before anything is touched."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
)

from mpm_ops.errors import InvalidInput
from mpm_ops.records import MAIN

UsageType = Literal[
    "mini-grid", "shs", "e-bike", "mini-grid&shs", "mini-grid&e-bike", "shs&e-bike", "mini-grid&shs&e-bike"
]

#: Embedding, override and isolation of a direction of writing.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: bcrypt reads no more than this and would silently ignore the rest.
_LONGEST_PASSWORD = 72


def _one_line(value: Any) -> Any:
    """Bring a text to one form, so that a name typed in two ways is one name, and refuse what no name holds."""
    if not isinstance(value, str):
        return value
    text = unicodedata.normalize("NFC", value).strip()
    # Cc: control characters, NUL among them. Cs: halves of surrogate pairs, which are no text. Zl, Zp: breaks of lines.
    # Format characters (Cf) stay: Persian names and emoji are written with them. Not those that turn the direction of
    # what stands beside the name.
    if any(unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") or one in _TURNING for one in text):
        raise ValueError("must not hold control characters or line breaks")
    if text and all(unicodedata.category(one)[0] in "CMZ" for one in text):
        raise ValueError("must hold a character that shows")
    return text


def _fits_bcrypt(value: SecretStr) -> SecretStr:
    password = value.get_secret_value()
    if len(password) < 8:
        raise ValueError("must have at least 8 characters")
    if len(password.encode(errors="surrogatepass")) > _LONGEST_PASSWORD:
        raise ValueError(f"must not be longer than {_LONGEST_PASSWORD} bytes")
    if "\0" in password or not password.isprintable():
        raise ValueError("must be made of printable characters")
    return value


def _at_most_255(value: str) -> str:
    if len(value) > 255:
        raise ValueError("must not be longer than 255 characters")
    return value


Line = Annotated[str, BeforeValidator(_one_line), Field(min_length=1, max_length=255)]
Email = Annotated[EmailStr, AfterValidator(_at_most_255)]
_EMAIL: TypeAdapter[str] = TypeAdapter(EmailStr)


class Registration(BaseModel):
    """A company to register and its first user, who gets the role `owner`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Line = Field(description="Legal name, in any script.")
    email: Email = Field(description="The company's own e-mail address.")
    admin_email: Email = Field(description="E-mail address the first user logs in with.")
    admin_name: Line = Field(default="Admin", description="Name of the first user.")
    admin_password: Annotated[SecretStr, AfterValidator(_fits_bcrypt)] = Field(
        description="Password of the first user, 8 characters to 72 bytes."
    )
    address: Line = Field(default="-", description="Postal address.")
    phone: Line = Field(default="-", description="Telephone number.")
    country_id: int | None = Field(default=None, ge=1, description="countries.id of the company's databases.")
    usage_type: UsageType = Field(default="mini-grid&shs&e-bike", description="What the company runs.")
    server: str = Field(default=MAIN, description="Which of the servers in MPM_OPS_SERVERS its database goes to.")
    plugins: tuple[int, ...] = Field(default=(), description="Ids of the plugins to install.")


def normalized(email: str) -> str:
    """Return an e-mail address in the form in which a registration keeps it; what is none, as it is."""
    try:
        return _EMAIL.validate_python(email)
    except ValidationError:
        return email


def checked(values: dict[str, Any]) -> Registration:
    """Return the registration that `values` describe; the first thing wrong with them is an InvalidInput."""
    try:
        return Registration(**values)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        hint = Registration.model_fields[field].description if field in Registration.model_fields else ""
        refused = InvalidInput(f"{field.replace('_', '-')}: {message}", hint=hint or "")
    # Out here, so that it does not take along what it came from, which holds the values: a pickle would show it.
    raise refused
