"""What a request was charged so far, by whichever limits it met."""

from collections.abc import Mapping, Sequence

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.http.middleware import answer_of

from . import hints as self_checks
from .headers import HeaderWriter, Standing
from .quota import Quota

_BILL = "piccolo_api_fastapi.bill"


class Bill:
    """The quotas of one request, in the order in which its limits were asked."""

    __slots__ = ("quotas",)

    def __init__(self) -> None:
        self.quotas: list[Quota] = []

    def add(self, quota: Quota) -> None:
        """Put a charge on it."""
        if self.quotas:  # mostly there is one limit
            charged = quota.charged
            if charged is not None and any(charged == other.charged for other in self.quotas):
                self_checks.report("charged_twice", quota.scope)
        self.quotas.append(quota)

    async def refund(self) -> None:
        """Give everything back: a request that was refused has cost nothing."""
        for quota in self.quotas:
            await quota.refund()

    def headers(self, writer: HeaderWriter | None) -> Mapping[str, str]:
        """What to say of all the limits."""
        if writer is None:
            return {}
        standings: Sequence[Standing] = (
            self.quotas[0].standings
            if len(self.quotas) == 1
            else [standing for quota in self.quotas for standing in quota.standings]
        )
        return writer(standings) if standings else {}


def bill_of(connection: HTTPConnection) -> Bill:
    """The bill of a request."""
    bill: Bill | None = connection.scope.get(_BILL)
    if bill is None:
        bill = connection.scope[_BILL] = Bill()
    return bill


def announce(
    connection: HTTPConnection, headers: Mapping[str, str], response: MutableHeaders
) -> None:
    """
    Have headers sent: with any answer after `install`, else with what an endpoint returns as data.

    Args:
        connection: The request.
        headers: Which.
        response: The headers of the response that FastAPI makes.
    """
    answer = answer_of(connection.scope)
    if answer is not None:
        answer.headers.update(headers)
    elif response.raw:
        response.update(headers)
    else:  # nothing is there that would have to give way
        encoded = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in headers.items()
        ]
        response.raw.extend(encoded)
