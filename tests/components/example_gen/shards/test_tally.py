import json
from collections import Counter

from components.example_gen.shards.tally import Tally


def test_the_order_in_which_shards_end_leaves_no_trace():
    one = Tally(splits=Counter(train=3), classes=Counter(dog=2, cat=1))
    other = Tally(splits=Counter(eval=1, train=1), classes=Counter(ant=1, dog=1))
    texts = {
        json.dumps(tally.in_order().to_dict())
        for tally in (one.merge(other), other.merge(one))
    }
    assert len(texts) == 1
    assert '"splits": {"eval": 1, "train": 4}' in texts.pop()
