from components.report import page


def findings(**changes):
    values = {
        "metrics": {
            "eval": {
                "candidate": {"AP": 0.5, "AP50": 0.75, "AP75": None, "AP50/<cat>": 0.25}
            }
        },
        "verdict": {"blessed": True, "reasons": ["mAP 0.5 > 0.4"]},
        "serving": {"problems": [], "ms_per_image": 12.5},
        "class_names": ["<cat>"],
    }
    return page.RunFindings(**values | changes)


def test_the_page_holds_verdict_numbers_and_picture_and_escapes_names():
    text = page.render(findings(), b"png", b"curves", "run")

    assert ">Blessed<" in text
    assert "mAP 0.5 &gt; 0.4" in text
    assert "<td>0.500</td><td>0.750</td><td>-</td>" in text
    assert "<td>&lt;cat&gt;</td><td>-</td><td>0.250</td>" in text
    assert "base64,cG5n" in text  # b"png" in base64
    assert "base64,Y3VydmVz" in text  # b"curves"
    assert "12.5 ms per image" in text


def test_a_refused_model_and_serving_problems_are_said_plainly():
    text = page.render(
        findings(
            verdict={"blessed": False, "reasons": ["too low"]},
            serving={"problems": ["image 7: a box leaves the image"]},
        ),
        b"",
        b"",
        "run",
    )

    assert ">Not blessed<" in text
    assert "a box leaves the image" in text
