"""Programs with a known fault, healthy programs, and how their outcomes are verified."""
