"""The English texts of the pages, by key: tests name the text that is said, not its words."""

import json
from pathlib import Path

import piccolo_api_fastapi.pages as package

ROOT = Path(package.__file__).parent
FOLDERS = [ROOT, *sorted(path.parent for path in ROOT.glob("*/texts"))]


def read(folder: Path, language: str) -> dict[str, str]:
    """The texts of a folder."""
    texts: dict[str, str] = json.loads((folder / "texts" / f"{language}.json").read_text("utf-8"))
    return texts


TEXTS = {key: text for folder in FOLDERS for key, text in read(folder, "en").items()}
