"""Sample many, vet all: draw, verify, select, measure, forecast, plan and serve."""
