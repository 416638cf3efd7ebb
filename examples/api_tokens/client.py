"""
A script: it reads the reports, and writes one.

    API_TOKEN=pat_… API_URL=http://127.0.0.1:8000 python -m examples.api_tokens.client
"""

import os
import sys

import httpx


def publish(client: httpx.Client, text: str) -> int:
    """Write a report and count what there is then; the token comes from the environment."""
    headers = {"Authorization": f"Bearer {os.environ['API_TOKEN']}"}
    client.post("/reports", json={"text": text}, headers=headers).raise_for_status()
    answer = client.get("/reports", headers=headers).raise_for_status()
    return len(answer.json())


def main() -> int:
    """Publish one report, and say what is wrong with the token if it is refused."""
    url = os.environ.get("API_URL", "http://127.0.0.1:8000")
    try:
        with httpx.Client(base_url=url, timeout=10) as client:
            print(f"There are {publish(client, 'All is well.')} reports.")
    except httpx.HTTPStatusError as error:
        print(error.response.json()["detail"], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
