"""`MovedUsers`: what a migration from fastapi-users did."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Refused:
    """
    A user who was not moved.

    ```python
    from piccolo_api_fastapi.piccolo_app.from_fastapi_users.report import Refused

    refused = Refused(7, "ada@example", "This is not an e-mail address.")
    assert str(refused) == "7 (ada@example): This is not an e-mail address."
    ```

    Args:
        id: The old id.
        email: The address, as fastapi-users stored it.
        reason: A sentence.
    """

    id: Any
    email: str
    reason: str

    def __str__(self) -> str:
        return f"{self.id} ({self.email}): {self.reason}"


@dataclass(slots=True)
class MovedUsers:
    """
    The numbers of users and OAuth accounts that a migration moved, refused and left.

    Args:
        users: Moved users.
        verified: Those among them whose address is verified.
        waiting: Those among them who have to verify their address before they sign in.
        without_password: Those among them whose hash could not be moved: they reset the password.
        oauth_accounts: Moved OAuth accounts.
        moved_before: Users and OAuth accounts that an earlier run moved.
        refused: Users who were not moved, each with the reason.
        left: OAuth accounts that were not moved, by the name of the provider.
        erased: Hashes that were erased from the old table.
        erased_oauth_accounts: OAuth accounts that were deleted from the old table.
    """

    users: int = 0
    verified: int = 0
    waiting: int = 0
    without_password: int = 0
    oauth_accounts: int = 0
    moved_before: int = 0
    refused: list[Refused] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    erased: int = 0
    erased_oauth_accounts: int = 0

    def __str__(self) -> str:
        left = ", ".join(f"{count} by {name}" for name, count in sorted(self.left.items()))
        report = (
            f"Moved: {self.users} users, {self.verified} of them with a verified address, "
            f"{self.waiting} that wait for it, {self.without_password} without a password; "
            f"{self.oauth_accounts} OAuth accounts.\n"
            f"Skipped: {self.moved_before} moved before, {len(self.refused)} users refused.\n"
            f"Left: {self.left.total()} OAuth accounts{left and f' ({left})'}.\n"
            f"Erased: {self.erased} password hashes, {self.erased_oauth_accounts} OAuth accounts."
        )
        return "\n".join([report, *(f"Refused: {refused}" for refused in self.refused)])
