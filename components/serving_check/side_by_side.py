"""Asks a candidate and the served model about the same images, in turns.

    python -m components.serving_check.side_by_side MODEL_DIR SERVED_DIR FOLDER

In one process, so that both have the same machine at the same time. What else runs
there only ever adds to a time: of each image the least of some turns counts. Prints one
JSON object: `ms` and `served_ms` per image, and `ms_ratio`, candidate by served.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence

import numpy as np

from components.serving_check.asked_images import read_asked
from components.serving_check.probe import Export

_TURNS = 5


def compare(
    model_dir: str, served_dir: str, images: Sequence[bytes]
) -> dict[str, float]:
    """Milliseconds per image, alone, of both models; images are JPEG or PNG files."""
    exports = (Export(model_dir), Export(served_dir))
    least = np.full((len(exports), len(images)), np.inf)
    for turn in range(_TURNS + 1):
        for number, image in enumerate(images):
            # Neither is always the first, which finds the image in no cache.
            for which in (0, 1) if (turn + number) % 2 else (1, 0):
                start = time.perf_counter()
                exports[which].call("serving_default", [image])
                seconds = time.perf_counter() - start
                if turn:  # the first compiles
                    least[which, number] = min(least[which, number], seconds)
    own, served = least.mean(axis=1) * 1000
    return {
        "ms": round(float(own), 2),
        "served_ms": round(float(served), 2),
        "ms_ratio": round(float(own / served), 3),
    }


def main() -> int:
    """Prints the comparison as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model_dir")
    parser.add_argument("served_dir")
    parser.add_argument("folder")
    args = parser.parse_args()
    images = [image.encoded for image in read_asked(args.folder)]
    compared = compare(args.model_dir, args.served_dir, images)
    sys.stdout.write(json.dumps(compared) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
