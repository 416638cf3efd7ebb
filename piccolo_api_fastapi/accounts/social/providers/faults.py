"""Why an identity could not be had from a provider. The reasons are for events, never for users."""


class Refused(Exception):
    """
    The provider refused, or what it sent is not valid.

    Args:
        reason: A code of ours, safe to log.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Down(Exception):
    """
    The provider did not answer, or answered with nothing that can be used.

    Args:
        reason: A code of ours, safe to log.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
