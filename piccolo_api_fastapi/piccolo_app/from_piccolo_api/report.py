"""`Moved`: what a migration from piccolo-api did."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Moved:
    """
    The numbers of rows that a migration moved, skipped, left and erased.

    Args:
        sessions: Moved sessions; their cookies stay valid.
        api_tokens: Moved API tokens; they stay valid.
        authenticators: Moved authenticators; the apps stay valid.
        moved_before: Rows that an earlier run moved.
        skipped: Rows that are of no use: expired, without a user, revoked or replaced.
        left: Authenticators in use that were left, without an attempt to decrypt them.
        unreadable: Authenticators in use that were left, because they can't be decrypted.
        recovery_codes: Recovery codes that were left, because their hashes have another format.
        erased: Rows that were deleted from the old tables, by the name of the table.
        other_authenticators: The names of tables that seem to hold authenticators, which were not
            read.
        kept: Moved authenticators that were not deleted, because Piccolo Admin asks for them.
    """

    sessions: int = 0
    api_tokens: int = 0
    authenticators: int = 0
    moved_before: int = 0
    skipped: int = 0
    left: int = 0
    unreadable: int = 0
    recovery_codes: int = 0
    erased: Counter[str] = field(default_factory=Counter)
    other_authenticators: list[str] = field(default_factory=list)
    kept: int = 0

    def __str__(self) -> str:
        report = (
            f"Moved: {self.sessions} sessions, {self.api_tokens} API tokens, "
            f"{self.authenticators} authenticators.\n"
            f"Skipped: {self.moved_before} moved before, "
            f"{self.skipped} expired, revoked, replaced or without a user.\n"
            f"Left: {self.left} authenticators in use, {self.unreadable} unreadable, "
            f"{self.recovery_codes} recovery codes.\n"
            f"Erased: {self.erased['sessions']} sessions, {self.erased['token_auth']} API tokens, "
            f"{self.erased['authenticator_secret']} authenticators; "
            f"{self.kept} authenticators kept for Piccolo Admin."
        )
        if not self.other_authenticators:
            return report
        names = ", ".join(self.other_authenticators)
        return f"{report}\nNot read: tables that seem to hold authenticators, too: {names}."
