"""`python -m notes.make_secrets`: write each secret that does not exist yet to a file."""

import secrets

from notes.settings import SECRETS
from piccolo_api_fastapi import generate_key


def new_secret() -> str:
    """32 random bytes."""
    return secrets.token_urlsafe(32)


MAKERS = {
    "jwt_secret": new_secret,
    "auth_encryption_keys": generate_key,
    "pg_password": new_secret,
}


def main() -> None:
    """Write the secrets. The folder keeps other users of the machine out."""
    SECRETS.mkdir(mode=0o700, exist_ok=True)
    for name, make in MAKERS.items():
        file = SECRETS / name
        if not file.exists():
            file.write_text(make() + "\n", encoding="utf-8")
            print(f"Wrote {file}.")


if __name__ == "__main__":
    main()
