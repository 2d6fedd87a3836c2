"""Bodies of requests: read strictly, never echoed, and described for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from alphapanda.api.answers import ApiError
from alphapanda.api.headers import header

M = TypeVar("M", bound=BaseModel)

# One line of text: no control characters, nothing that turns the direction of text, no surrogate.
LINE = r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]*$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=LINE)]
UserName = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]*$")
]
Line = Annotated[str, StringConstraints(max_length=200, pattern=LINE)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=256)]
LoginName = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=LINE)]
Whole = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
Money = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}\.[0-9]{2}$")]


class Body(BaseModel):
    """A body: exactly these fields, of exactly these types."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )


class Login(Body):
    """A user's name and password."""

    name: LoginName
    password: Secret


class Refresh(Body):
    """A refresh token, good once."""

    refresh: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=LINE)]


class Password(Body):
    """The password again, before what can't be undone."""

    password: Secret


class NewPassword(Body):
    """The new password; the old one was given by the step-up."""

    password: Secret


class NewUser(Body):
    """A user of the same owner."""

    name: UserName
    password: Secret
    role: Literal["admin", "trader", "viewer"]


class UserChange(Body):
    """What changes about a user."""

    role: Literal["admin", "trader", "viewer"] | None = None
    active: bool | None = None


class NewKey(Body):
    """An API key for a program: some of one's own scopes."""

    name: Name
    scopes: Annotated[list[Name], Field(min_length=1, max_length=20)]
    days: Annotated[int, Field(ge=1, le=365)] | None = None


class Asked(Body):
    """A command to a run, or (without `run`) to every run that has not ended."""

    verb: Literal["kill", "pause", "resume", "flatten", "rearm"]
    scope: Literal["account", "strategy", "instrument"] = "account"
    name: Annotated[str, StringConstraints(max_length=64, pattern=LINE)] = ""
    run: Name | None = None
    reason: Line = ""


class Cancelled(Body):
    """Why an order is cancelled."""

    reason: Line = ""


class Steered(Body):
    """Which run a strategy is paused or resumed in; null: every run that has it."""

    run: Name | None = None
    reason: Line = ""


class StrategyChange(Body):
    """A strategy's set-up: what is left out stays as it is."""

    parameters: dict[Name, Whole | float | Line | bool] | None = Field(default=None, max_length=50)
    instruments: Annotated[list[Name], Field(max_length=1_000)] | None = None
    cash: Money | None = None
    active: bool | None = None


class Acted(Body):
    """A word on what was done about an alert."""

    note: Line = ""


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """Return what the OpenAPI document says of a route's body."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


async def read(request: Request, model: type[M], *, empty: bool = False) -> M:
    """Return the body of a request; `empty` lets nothing at all stand for a body of defaults.

    Raises:
        ApiError: if it is not JSON of that form; what was sent is not said again.
    """
    raw = await request.body()
    if empty and not raw:
        return model()
    kind = (header(request.scope, "content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, "send a body of application/json")
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        fields = [(where(each["loc"]), str(each["msg"])[:200]) for each in found[:20]]
        raise ApiError(422, "the body is not valid", fields=fields) from None
    except (ValueError, RecursionError):
        raise ApiError(422, "the body is not valid") from None


def where(path: tuple[int | str, ...]) -> str:
    """Return where in a body something is wrong; a name that we did not choose is cut."""
    return ".".join(
        str(part).encode("ascii", "backslashreplace").decode()[:40] for part in path[:4]
    )
