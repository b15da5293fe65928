"""What tests of several folders share: no tests."""
