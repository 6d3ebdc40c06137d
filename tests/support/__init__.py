"""What the tests run against: real servers, started and stopped by the tests themselves."""
