"""The keys of the page: places on the keyboard (`KeyboardEvent.code`), not characters.

A Japanese input method changes the character of a key, never its place.
"""

from __future__ import annotations

from collections.abc import Mapping

from riskclf.language import marked

__all__ = ["KEYS", "NAMES"]

NAMES: Mapping[str, str] = {
    "next": marked("Next case"),
    "open": marked("Open or close the text"),
    "minor_solicitation": marked("Minor's side"),
    "adult_solicitation": marked("Adult's side"),
    "unclear": marked("Risky, side unclear"),
    "benign": marked("Benign"),
    "needs_support": marked("Needs support"),
    "guidance": marked("Guidance"),
    "cannot_tell": marked("Cannot tell"),
    "skip": marked("Skip"),
    "undo": marked("Undo the last step"),
    "secure_evidence": marked("Evidence is secured"),
    "draft_1": marked("First draft"),
    "draft_2": marked("Second draft"),
    "draft_3": marked("Third draft"),
    "warn": marked("Copy the draft, mark as warned, next"),
    "support": marked("Support list"),
    "instructions": marked("Emergency instructions and contacts"),
    "numbers": marked("Show numbers"),
    "more": marked("More steps"),
    "lists": marked("Checks due and further steps"),
    "paste": marked("Paste rows from Excel"),
    "settings": marked("Keys"),
}
"""What keys do."""

KEYS: Mapping[str, str] = {
    "next": "KeyN",
    "open": "KeyO",
    "minor_solicitation": "KeyM",
    "adult_solicitation": "KeyA",
    "unclear": "KeyU",
    "benign": "KeyB",
    "needs_support": "KeyS",
    "guidance": "KeyG",
    "cannot_tell": "KeyC",
    "skip": "KeyX",
    "undo": "KeyZ",
    "secure_evidence": "KeyV",
    "draft_1": "Digit1",
    "draft_2": "Digit2",
    "draft_3": "Digit3",
    "warn": "KeyW",
    "support": "KeyL",
    "instructions": "KeyE",
    "numbers": "KeyI",
    "more": "KeyR",
    "lists": "KeyD",
    "paste": "KeyP",
    "settings": "KeyK",
}
"""Where they are; an officer can change that in the browser."""
