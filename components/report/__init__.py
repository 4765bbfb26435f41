"""One page about a run: the verdict, the numbers, the detections to look at."""
