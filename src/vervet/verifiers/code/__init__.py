"""Code as an answer: extraction from replies, test formats, comparators, stronger tests."""
