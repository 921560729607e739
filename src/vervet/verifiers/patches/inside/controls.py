"""Tests that must fail. One that passes shows that the code under test has changed the rules."""

import unittest


class Control(unittest.TestCase):
    """Fails in every way in which tests fail."""

    def test_vervet_assertion(self) -> None:
        """An assertion of the language."""
        assert [1] == [2]

    def test_vervet_equal(self) -> None:
        """An assertion of unittest."""
        self.assertEqual("a", "b")  # noqa: PT009 - what unittest offers is what is tried

    def test_vervet_true(self) -> None:
        """Another one."""
        self.assertTrue(0)  # noqa: PT009 - as above

    def test_vervet_raises(self) -> None:
        """An error that does not come."""
        with self.assertRaises(ValueError):  # noqa: PT027 - as above
            str(1)

    def test_vervet_error(self) -> None:
        """An error that nobody expects."""
        raise KeyError("control")


def test_vervet_function() -> None:
    """An assertion in a plain function."""
    assert {"a": 1} == {"a": 2}
