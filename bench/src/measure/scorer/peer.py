import json
import sys
import time

import torch
from sentence_transformers import SentenceTransformer

directory, threads, features, models = sys.argv[1], *map(int, sys.argv[2:])
torch.set_num_threads(threads)
encoder = SentenceTransformer(directory, device="cpu")
widths = [encoder.encode("a").shape[0] + features + 32, 256, 128, 64]
layers = [part for one, next in zip(widths, widths[1:]) for part in (torch.nn.Linear(one, next), torch.nn.LeakyReLU(0.1))]
network = torch.nn.Sequential(*layers, torch.nn.Linear(64, 1)).eval()
embeddings = torch.randn(models, 32)
prompts = json.loads(sys.stdin.readline())


@torch.inference_mode()
def score(batch, prompts=prompts):
    counted = torch.zeros(len(prompts), features)
    start = time.perf_counter()
    vectors = encoder.encode(prompts, batch_size=batch, convert_to_tensor=True, normalize_embeddings=True)
    rows = torch.cat([vectors, counted], dim=1)
    for model in embeddings:
        network(torch.cat([rows, model.expand(len(prompts), -1)], dim=1))
    return time.perf_counter() - start


# The size of batches that suits it best here.
best = min([16, 32, 64, 128], key=lambda batch: score(batch, prompts[:200]))
print("ready", flush=True)
for _ in sys.stdin:
    print(score(best), flush=True)
