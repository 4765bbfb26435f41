from schemas.counted import counted, listed


def test_one_is_told_as_one():
    assert [counted(number, "image") for number in (0, 1, 2)] == [
        "0 images",
        "1 image",
        "2 images",
    ]


def test_a_list_ends_somewhere():
    assert listed([]) == "none"
    assert listed(["a b", "c"]) == "'a b', 'c'"
    names = [f"c{number}" for number in range(1, 24)]
    assert listed(names).endswith(", 'c20' and 3 more")
    assert "c21" not in listed(names)
