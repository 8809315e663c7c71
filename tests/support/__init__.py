"""What the tests share: waiting for a condition, free ports, processes that always end."""
