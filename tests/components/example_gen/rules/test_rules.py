"""The list of rules, and the document against it."""

import re
from pathlib import Path

import components
from components.example_gen.rules import RULES
from components.example_gen.rules.rule import ACTIONS, SEVERITIES

DOCUMENT = Path(components.__file__).parent.parent / "docs" / "ingest_rules.md"
ROW = re.compile(r"^\| `(\w+)` \| (.*) \| (\w+) \| (\w+) \|$", re.MULTILINE)


def test_the_document_lists_exactly_the_rules_in_their_order():
    rows = ROW.findall(DOCUMENT.read_text())
    assert rows == [
        (rule.code, rule.summary, rule.severity, rule.action) for rule in RULES
    ]


def test_codes_are_unique_and_words_are_from_the_lists():
    codes = [rule.code for rule in RULES]
    assert len(set(codes)) == len(codes)
    assert {rule.action for rule in RULES} <= set(ACTIONS)
    assert {rule.severity for rule in RULES} <= set(SEVERITIES)


def test_whatever_loses_an_image_or_object_is_more_than_a_note():
    for rule in RULES:
        if rule.action in {"reject_image", "drop_object"}:
            assert rule.severity != "info", rule.code
