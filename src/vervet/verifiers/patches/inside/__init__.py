"""What stands in the sandbox beside the repository: who watches its tests, and controls."""
