"""Where `make models` puts what it makes."""

import os
from pathlib import Path


def models_folder() -> Path:
    """`CARAVAN_MODELS_DIR`, else `.models` in the checkout."""
    return Path(os.environ.get("CARAVAN_MODELS_DIR", Path(__file__).parents[2] / ".models"))
