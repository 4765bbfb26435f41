import hashlib

import pytest

from components.example_gen.plan.content_splits import forced_splits, split_of

HALVES = (("train", 0.5), ("eval", 0.5))


def sha(text):
    return hashlib.sha256(str(text).encode()).hexdigest()


def test_the_first_64_bits_decide():
    assert split_of("0" * 64, HALVES) == "train"
    assert split_of("7ff" + "0" * 61, HALVES) == "train"  # just below one half
    assert split_of("8" + "0" * 63, HALVES) == "eval"  # exactly one half
    assert split_of("f" * 64, HALVES) == "eval"


def test_fractions_are_met_over_many_contents():
    fractions = (("train", 0.7), ("eval", 0.2), ("test", 0.1))
    found = [split_of(sha(i), fractions) for i in range(20_000)]
    # three standard deviations of a binomial: sqrt(20000 * .7 * .3) * 3 = 194
    assert found.count("train") == pytest.approx(14_000, abs=194)
    assert found.count("eval") == pytest.approx(4_000, abs=170)


def test_a_split_without_a_fraction_gets_nothing():
    fractions = (("train", 0.9), ("eval", 0.1), ("test", 0.0))
    assert "test" not in {split_of(sha(i), fractions) for i in range(2_000)}


def test_chance_never_leaves_a_wanted_split_empty():
    for start in range(200):
        hashes = [sha((start, i)) for i in range(2)]
        fractions = (("train", 0.9), ("eval", 0.1), ("test", 0.0))
        forced = forced_splits(hashes, fractions)
        assert {split_of(h, fractions, forced) for h in hashes} == {"train", "eval"}


def test_one_content_cannot_be_two_splits():
    assert forced_splits([sha(1), sha(1)], HALVES) == {}
