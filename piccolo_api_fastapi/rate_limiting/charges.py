"""The charges of one request by all the limits that it meets."""

from collections.abc import Mapping, Sequence

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.http.middleware import answer_of

from . import hints
from .headers import HeaderWriter, Standing
from .limiter import Quota

_BILL = "piccolo_api_fastapi.bill"


class Bill:
    """The quotas of one request, in the order in which its limits charged it."""

    __slots__ = ("quotas",)

    def __init__(self) -> None:
        self.quotas: list[Quota] = []

    def add(self, quota: Quota) -> None:
        """Add a charge."""
        if self.quotas:  # most requests meet one limit
            charged = quota.charged
            if charged is not None and any(charged == other.charged for other in self.quotas):
                hints.report("charged_twice", quota.scope)
        self.quotas.append(quota)

    async def refund(self) -> None:
        """Refund all charges, because a refused request costs nothing."""
        for quota in self.quotas:
            await quota.refund()

    def headers(self, writer: HeaderWriter | None) -> Mapping[str, str]:
        """The headers for all the limits together."""
        if writer is None:
            return {}
        standings: Sequence[Standing] = (
            self.quotas[0].standings
            if len(self.quotas) == 1
            else [standing for quota in self.quotas for standing in quota.standings]
        )
        return writer(standings) if standings else {}


def bill_of(connection: HTTPConnection) -> Bill:
    """The bill of a request, created at its first charge."""
    bill: Bill | None = connection.scope.get(_BILL)
    if bill is None:
        bill = connection.scope[_BILL] = Bill()
    return bill


def announce(
    connection: HTTPConnection, headers: Mapping[str, str], response: MutableHeaders
) -> None:
    """
    Add headers to the response: to any after `install`, else to those that FastAPI makes of data.

    Args:
        connection: The request.
        headers: The headers to add.
        response: The headers of the response that FastAPI makes.
    """
    answer = answer_of(connection.scope)
    if answer is not None:
        answer.headers.update(headers)
    elif response.raw:
        response.update(headers)
    else:  # there are no headers to replace
        encoded = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in headers.items()
        ]
        response.raw.extend(encoded)
