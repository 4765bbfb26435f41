import numpy as np

from trainer.evaluation.pictures import EvaluationPictures

GREEN, RED = (0x3C, 0xB4, 0x4B), (0xE6, 0x19, 0x4B)


def batch_of(ids):
    """Black frames; the red channel of a corner says which one it is."""
    images = np.zeros((len(ids), 40, 40, 3), "uint8")
    images[:, 0, 0, 0] = [int(name) for name in ids]
    return {
        "image_ids": np.array([name.encode() for name in ids]),
        "images": images,
        "gt_boxes": np.array([[[4, 4, 20, 20], [-1] * 4]] * len(ids), "float32"),
        "gt_classes": np.array([[0, -1]] * len(ids)),
    }


def outputs_of(count):
    boxes = np.array([[[10, 30, 38, 38], [1, 1, 9, 9]]] * count, "float32")
    return {
        "boxes": boxes,
        "scores": np.array([[0.9, 0.1]] * count),
        "classes": np.array([[0, 0]] * count),
    }


def shown(*batches, seed=0, count=3):
    pictures = EvaluationPictures(count, seed, ["dog"])
    for ids in batches:
        pictures.add(batch_of(ids), outputs_of(len(ids)))
    return [int(picture[0, 0, 0]) for picture in pictures.pictures()]


def test_truth_is_green_and_what_is_surely_detected_red():
    pictures = EvaluationPictures(1, 0, ["dog"])
    pictures.add(batch_of(["7"]), outputs_of(1))
    [picture] = pictures.pictures()
    assert tuple(picture[4, 12]) == GREEN
    assert tuple(picture[37, 24]) == RED
    # a score of .1 is not shown
    assert tuple(picture[1, 5]) == (0, 0, 0)


def test_the_same_images_are_shown_whatever_their_order_and_batches():
    names = [str(number) for number in range(10, 30)]
    chosen = shown(names[:7], names[7:])
    assert len(chosen) == 3
    assert shown(names[::-1]) == chosen
    assert any(shown(names, seed=seed) != chosen for seed in (1, 2))


def test_processes_show_the_images_that_one_would():
    names = [str(number) for number in range(10, 30)]
    parts = [EvaluationPictures(3, 0, ["dog"]) for _ in range(2)]
    for part, own in zip(parts, (names[:12], names[12:]), strict=True):
        part.add(batch_of(own), outputs_of(len(own)))
    kept = []
    parts[1].join(lambda own: kept.append(own) or [own])
    parts[0].join(lambda own: [own, *kept])
    assert [int(each[0, 0, 0]) for each in parts[0].pictures()] == shown(names)


def test_fewer_images_than_asked_for_are_all_shown_and_none_if_none_is_wanted():
    assert sorted(shown(["5", "6"])) == [5, 6]
    assert shown(["5", "6"], count=0) == []
